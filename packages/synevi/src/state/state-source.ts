/** State by whole keys, as text of one code unit for each byte: durable, or not yet. */

import type { Bytes } from '@synevi/accord'
import type { Range, Store } from '../contract/store.ts'
import { bytesOfText, textOfBytes } from './key-layout.ts'
import { getSealed, unseal } from './sealed.ts'

/** A {@link Range} over keys as text. */
export interface TextRange {
  readonly from?: string | undefined
  readonly until?: string | undefined
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
}

/** State that can be read. */
export interface StateSource {
  get(key: string): Bytes | undefined
  scan(range: TextRange): Iterable<readonly [string, Bytes]>
}

/** State that can be written. */
export interface StateSink extends StateSource {
  put(key: string, value: Bytes): void
  delete(key: string): void
}

/**
 * What is durable: for reads from outside of executions. Reads throw `STORE_FAILED` for damaged
 * values.
 */
export function durableSource(store: Store): StateSource {
  return {
    get: (key) => getSealed(store, bytesOfText(key)),
    scan: (range) => scanSealed(store, range),
  }
}

/**
 * Keys as text, values checked. Throws `STORE_FAILED` at the first value that is not what was
 * written.
 */
export function* scanSealed(store: Store, range: TextRange): Iterable<readonly [string, Bytes]> {
  for (const [key, sealed] of store.scan(storeRange(range)))
    yield [textOfBytes(key), unseal(key, sealed)]
}

function storeRange(range: TextRange): Range {
  return {
    ...(range.from === undefined ? {} : { from: bytesOfText(range.from) }),
    ...(range.until === undefined ? {} : { until: bytesOfText(range.until) }),
    ...(range.reverse === undefined ? {} : { reverse: range.reverse }),
    ...(range.limit === undefined ? {} : { limit: range.limit }),
  }
}
