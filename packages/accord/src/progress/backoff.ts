/** Waiting longer after each failure, seeded (`protocol.md` 7.3). */

import { millis, type Millis } from '../brand.ts'
import type { Chance } from '../chance.ts'

/** The longest wait, in milliseconds. */
export const BACKOFF_MAX_MS = 5_000

/** Between 1 and 2 units, doubled for each attempt before; at most {@link BACKOFF_MAX_MS}. */
export function backoff(chance: Chance, parts: { unit: Millis; attempt: number }): Millis {
  const doubled = parts.unit * 2 ** Math.min(parts.attempt, 20)
  return millis(
    Math.min(
      BACKOFF_MAX_MS,
      doubled + chance.below(Math.max(1, Math.min(doubled, BACKOFF_MAX_MS))),
    ),
  )
}
