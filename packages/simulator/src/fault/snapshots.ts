/** How early nodes take snapshots, and how little of the log these hold. */

import type { Prng } from '../prng.ts'
import type { Micros } from '../event-queue.ts'
import type { Fault, SettingsPlan } from './plan.ts'

/** Far below the defaults, so that short runs have some. */
export function drawSnapshots(
  random: Prng,
): Pick<SettingsPlan, 'snapshotLeadMin' | 'snapshotTail'> {
  return {
    snapshotLeadMin: random.pick([1, 1, 3, 10, 30]),
    snapshotTail: random.pick([1, 8, 64, 256]),
  }
}

/** Somebody goes down with a write of a snapshot. */
export function drawSnapshotCrash(random: Prng, down: Micros): Fault {
  return {
    ...{ kind: 'snapshotCrash', at: 0, nth: Math.ceil(random.logBetween(1, 40)) },
    ...{ self: random.chance(0.6), after: Math.floor(random.logBetween(1, 20_000)) },
    ...{ how: random.pick(['kill', 'power'] as const), down },
  }
}
