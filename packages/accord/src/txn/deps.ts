/**
 * Deps: a superset of the conflicting transactions that may execute before one (`protocol.md` 4.2).
 *
 * Ids name what was unapplied where they were collected; a mark stands for everything that was
 * applied there with its key, at or below it (elision). Only sets that were merged from a quorum
 * bind anyone.
 */

import { compareTimestamps, type Timestamp, type TxnId } from '../time/timestamp.ts'
import { compareKeys, type ConflictKey } from './keys.ts'

/** What a mark is of: one key, or everything. */
export type MarkKey = ConflictKey | 'all'

/**
 * Everything with this key (`'all'`: everything) at or below `at` comes before. `id` is the
 * transaction at `at`.
 */
export interface Mark {
  readonly key: MarkKey
  readonly id: TxnId
  readonly at: Timestamp
}

/**
 * Ids rise strictly; marks: `'all'` first, then rising by key, one for each key, each above the
 * `'all'` mark.
 */
export interface Deps {
  readonly ids: readonly TxnId[]
  readonly marks: readonly Mark[]
}

/** Nothing comes before. */
export const NO_DEPS: Deps = Object.freeze({ ids: Object.freeze([]), marks: Object.freeze([]) })

/**
 * The union of ids; for each key the greatest mark; marks at or below the greatest `'all'` mark
 * fall away.
 */
export function mergeDeps(sets: readonly Deps[]): Deps {
  const ids = new Set<TxnId>()
  const marks = new Map<MarkKey, Mark>()
  for (const set of sets) {
    for (const id of set.ids) ids.add(id)
    for (const mark of set.marks) {
      const known = marks.get(mark.key)
      if (known === undefined || known.at < mark.at) marks.set(mark.key, mark)
    }
  }
  return { ids: [...ids].sort(compareTimestamps), marks: canonicalMarks([...marks.values()]) }
}

/** Sorted, without those that the `'all'` mark implies. One mark for each key is given. */
export function canonicalMarks(marks: readonly Mark[]): readonly Mark[] {
  const all = marks.find((mark) => mark.key === 'all')
  return marks
    .filter((mark) => mark.key === 'all' || all === undefined || mark.at > all.at)
    .sort(compareMarks)
}

/** `'all'` first, then by key; no conflict key is spelt `all`. */
function compareMarks(a: Mark, b: Mark): number {
  if (a.key === 'all' || b.key === 'all') return a.key === b.key ? 0 : a.key === 'all' ? -1 : 1
  return compareKeys(a.key, b.key)
}
