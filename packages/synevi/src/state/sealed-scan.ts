/** Scans of a store that check every value they give. */

import type { Bytes } from '@synevi/accord'
import type { Range, Store } from '../contract/store.ts'
import type { TextRange } from './executor-state.ts'
import { bytesOfText, textOfBytes } from './key-layout.ts'
import { unseal } from './sealed.ts'

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
