/**
 * The history of a node in short pages: executed requests in order, each held against the chain as
 * it is read.
 */

import { chainedEntries, type AppliedEntry } from '../chain/chained-entries.ts'
import { chainStart, type ChainHasher, type ChainHeads } from '../chain/hash-chain.ts'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import {
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
  let heads: ChainHeads | undefined
  for (const place of placesFrom(store, range.after + 1n, range.countMax)) {
    if (page.length >= range.countMax) break
    const entry = readLogEntry(store, place.executeAt)
    if (entry === undefined) throw corrupt(logKey(place.executeAt), 'it is missing')
    const chained = chainedEntries(hasher, heads ?? headsBefore(store, place), { entry, place })
    if (!chained.ok) throw corrupt(logKey(place.executeAt), chained.why)
    heads = chained.heads
    for (const one of chained.entries) if (one.position > range.after) page.push(one)
  }
  return page
}

function headsBefore(store: Store, place: TxnPlace): ChainHeads {
  if (place.firstPosition === 1n) return chainStart()
  const base = readBase(store)
  if (base?.position === place.firstPosition - 1n) return base
  const before = placeBelow(store, place.firstPosition)
  const entry = before === undefined ? undefined : readLogEntry(store, before.executeAt)
  if (entry?.watermark.position !== place.firstPosition - 1n) {
    throw corrupt(placeKey(place.firstPosition - 1n), 'the place before is missing')
  }
  return entry.watermark
}
