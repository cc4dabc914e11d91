/**
 * What a read may see: the state here, the state at a position, or everything acknowledged anywhere
 * before.
 */

import type { LogPosition } from '../contract/executor.ts'
import { SyneviError } from '../synevi-error.ts'
import type { AppliedFeed } from './applied-feed.ts'
import type { LinearizableReads } from './linearizable-reads.ts'
import type { Patience } from './waits.ts'

/**
 * `linearizable`: sees everything acknowledged anywhere before the call; needs a quorum. `local`: a
 * prefix of the order that never goes back here; needs nobody. `{ atLeast }`: local, once that
 * position is applied here.
 */
export type Consistency = 'linearizable' | 'local' | { readonly atLeast: LogPosition }

/** Checks. Throws `INVALID_ARGUMENT`. */
export function parseConsistency(value: unknown): Consistency {
  if (value === undefined) return 'linearizable'
  if (value === 'linearizable' || value === 'local') return value
  if (typeof value === 'object' && value !== null && 'atLeast' in value) {
    const { atLeast } = value
    if (typeof atLeast === 'bigint' && atLeast >= 0n) return { atLeast }
  }
  const why = "consistency: expected 'linearizable', 'local' or { atLeast: a bigint of 0 or more }"
  throw new SyneviError('INVALID_ARGUMENT', why, { definite: true })
}

/** Resolves when the state here may be read at that consistency. */
export async function reach(
  consistency: Consistency,
  parts: {
    readonly patience: Patience
    readonly linearizable: Pick<LinearizableReads, 'take'>
    readonly feed: Pick<AppliedFeed<never>, 'reached'>
  },
): Promise<void> {
  if (consistency === 'local') return
  if (consistency === 'linearizable') await parts.linearizable.take(parts.patience)
  else await parts.feed.reached(consistency.atLeast, parts.patience)
}
