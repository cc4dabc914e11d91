/** Which backup a run takes, and what is restored from it. */

import type { Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import type { RestorePlan } from './plan.ts'

/** Taken at any time at which there are faults, restored to one, two or three members. */
export function drawRestore(random: Prng, nodes: number, horizon: Micros): RestorePlan {
  return {
    at: Math.floor(horizon * (0.15 + 0.8 * random.float())),
    via: random.below(nodes),
    members: random.pick([1, 2, 3, 3]),
    placeFails: random.chance(0.3) ? 0.05 : 0,
  }
}
