/** How a plan closes ids, and what it keeps of the log. */

import type { Prng } from '../prng.ts'
import type { SettingsPlan } from './plan.ts'

/** Floors every 0.05 to 10 s; below some delays of a recovery, so that they meet what goes on. */
export function drawClosing(
  random: Prng,
  mayShorten: boolean,
): Pick<SettingsPlan, 'floorIntervalMs' | 'floorRecords' | 'closeLagMs' | 'retain'> {
  return {
    floorIntervalMs: Math.round(random.logBetween(50, 10_000)),
    floorRecords: random.pick([1, 16, 256, 4_096]),
    closeLagMs: random.pick([0, 10, 100, 500, 2_000]),
    ...(!mayShorten || random.chance(0.5) ? {} : { retain: drawRetain(random) }),
  }
}

/** Short logs: whoever is away for longer than this needs a snapshot. */
function drawRetain(random: Prng): { readonly entries: number; readonly staleAfterMs: number } {
  const staleAfterMs = Math.round(random.logBetween(300, 20_000))
  return { entries: random.pick([0, 1, 10, 100]), staleAfterMs }
}
