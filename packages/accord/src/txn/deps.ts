/**
 * Deps: a superset of the conflicting transactions that may execute before one (`protocol.md` 4.2).
 *
 * Ids name what was unapplied where they were collected; a mark stands for everything that was applied
 * there with its key, at or below it (elision). Only sets that were merged from a quorum bind anyone.
 */

import type { Timestamp, TxnId } from '../time/timestamp.ts'
import type { ConflictKey } from './keys.ts'

/** Everything with this key (`'all'`: everything) at or below `at` comes before. `id` is the transaction at `at`. */
export interface Mark {
  readonly key: ConflictKey | 'all'
  readonly id: TxnId
  readonly at: Timestamp
}

/** Ids rise strictly; marks: `'all'` first, then rising by key, one for each key, each above the `'all'` mark. */
export interface Deps {
  readonly ids: readonly TxnId[]
  readonly marks: readonly Mark[]
}

/** Nothing comes before. */
export const NO_DEPS: Deps = Object.freeze({ ids: Object.freeze([]), marks: Object.freeze([]) })
