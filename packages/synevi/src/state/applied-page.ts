/**
 * The history of a node in short pages: executed requests in order, each held against the chain as
 * it is read.
 */

import { chainedEntries, chainedWithoutEntry, type AppliedEntry } from '../chain/chained-entries.ts'
import { chainStart, type ChainHasher, type ChainHeads } from '../chain/hash-chain.ts'
import type { Timestamp } from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import {
  logAfter,
  logKey,
  placeBelow,
  placeKey,
  placesFrom,
  readLogEntry,
  type TxnPlace,
} from './log-table.ts'
import { readBase } from './node-facts.ts'
import { corrupt } from './sealed.ts'

/**
 * Entries above `after`, in order, those of whole transactions until there are `countMax`; empty
 * when there are none. Throws `STORE_FAILED` for a log that is not what was written.
 */
export function appliedPage(
  store: Store,
  hasher: ChainHasher,
  range: { readonly after: LogPosition; readonly countMax: number },
): readonly AppliedEntry[] {
  const page: AppliedEntry[] = []
  const places = placesFrom(store, range.after + 1n, range.countMax)[Symbol.iterator]()
  let next = places.next()
  if (next.done === true) return page
  let { heads, since } = before(store, next.value)
  for (const { entry } of logAfter(store, since)) {
    if (page.length >= range.countMax || next.done === true) break
    const place: TxnPlace = next.value
    if (entry.executeAt > place.executeAt) throw corrupt(logKey(place.executeAt), 'it is missing')
    if (entry.executeAt < place.executeAt) {
      heads = chainedWithoutEntry(hasher, heads, entry)
      continue
    }
    const chained = chainedEntries(hasher, heads, { entry, place })
    if (!chained.ok) throw corrupt(logKey(place.executeAt), chained.why)
    heads = chained.heads
    for (const one of chained.entries) if (one.position > range.after) page.push(one)
    next = places.next()
  }
  if (page.length === 0) throw corrupt(logKey(next.value.executeAt), 'it is missing')
  return page
}

/** The chain behind the place before, and where it stands. */
function before(
  store: Store,
  place: TxnPlace,
): { readonly heads: ChainHeads; readonly since: Timestamp | undefined } {
  // Also before the first position: what has no entry may stand there, and be gone from the log.
  const base = readBase(store)
  if (base?.position === place.firstPosition - 1n) {
    return { heads: base, since: base.executeAt }
  }
  if (place.firstPosition === 1n) return { heads: chainStart(), since: undefined }
  const last = placeBelow(store, place.firstPosition)
  const entry = last === undefined ? undefined : readLogEntry(store, last.executeAt)
  if (entry?.watermark.position !== place.firstPosition - 1n) {
    throw corrupt(placeKey(place.firstPosition - 1n), 'the place before is missing')
  }
  return { heads: entry.watermark, since: entry.executeAt }
}
