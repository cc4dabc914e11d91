/** Reads of an environment: scans page by page, and views of one moment. */

import type { Bytes, Range, StoreView } from 'synevi'
import { unseal } from './checksum.ts'
import type { PageQuery, Pin, RecordPage } from './lmdb-environment.ts'
import { storeFailure } from './store-failure.ts'

const KEY_BYTES_MAX = 1024
/** A scan reads ahead this much: little at first, for most ask for one record. */
const PAGE_COUNT_FIRST = 8
const PAGE_COUNT_MAX = 512
const PAGE_BYTES_MAX = 2 ** 20

/** What a view asks of its store. */
export interface ViewParts {
  /** Runs a read of LMDB. Throws when the store is closed or stopped; stops it if LMDB fails. */
  readonly reading: <T>(read: () => T) => T
  /** Whether LMDB may still be called. */
  readonly isUsable: () => boolean
}

/** The records of a pinned moment, checked as they are read. */
export function openView(pin: Pin, parts: ViewParts): StoreView {
  let isClosed = false
  const reading = <T>(read: () => T): T => {
    if (isClosed) throw storeFailure('misuse', 'cannot read a view that was closed')
    return parts.reading(read)
  }
  return {
    get: (key) => {
      assertKey(key)
      const record = reading(() => pin.get(key))
      return record === undefined ? undefined : unseal(key, record)
    },
    scan: (range) => scanPages(range, (query) => reading(() => pin.page(query))),
    close: () => {
      if (isClosed) return
      isClosed = true
      // Otherwise the transaction ends with the environment.
      if (parts.isUsable()) pin.done()
    },
  }
}

/** Pairs in order, read page by page. Throws `STORE_FAILED` for a record that was altered. */
export function* scanPages(
  range: Range,
  readPage: (query: PageQuery) => RecordPage,
): Iterable<readonly [Bytes, Bytes]> {
  const { from, until, reverse = false } = range
  let left = range.limit ?? Number.POSITIVE_INFINITY
  if (from !== undefined && until !== undefined && Buffer.compare(from, until) >= 0) return
  // No key is below the empty one; LMDB knows no empty key.
  if (until?.length === 0) return
  const bounds = { from: from?.length === 0 ? undefined : from, until, reverse }
  let after: Bytes | undefined
  for (let count = PAGE_COUNT_FIRST; left > 0; count = Math.min(2 * count, PAGE_COUNT_MAX)) {
    const page = readPage({
      ...bounds,
      after,
      countMax: Math.min(count, left),
      bytesMax: PAGE_BYTES_MAX,
    })
    if (page.length === 0) return
    for (const { key, record } of page) {
      left--
      after = key.slice()
      yield [key, unseal(key, record)]
    }
  }
}

/** Throws `STORE_FAILED` for a key outside the contract. */
export function assertKey(key: Bytes): void {
  if (key.length >= 1 && key.length <= KEY_BYTES_MAX) return
  throw storeFailure('misuse', `a key of ${key.length} bytes: keys have 1 to ${KEY_BYTES_MAX}`)
}
