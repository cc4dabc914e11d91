/** How many voters a seed has (`testing.md` 2.2). */

import type { Prng } from '../prng.ts'

/** 1 to 7: mostly three or five. */
export function drawNodes(random: Prng): number {
  return random.weighted<number>([
    [45, 3],
    [30, 5],
    [12, 7],
    [5, 1],
    [8 / 3, 2],
    [8 / 3, 4],
    [8 / 3, 6],
  ])
}
