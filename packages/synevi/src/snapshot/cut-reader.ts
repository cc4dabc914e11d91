/**
 * Goes through the pairs of a cut, a part at a time, and stays where it is in between: what it read
 * ahead, and a pair that is larger than a part, are read from the store once.
 */

import type { Bytes } from '@synevi/accord'
import type { Range } from '../contract/store.ts'
import { behind } from '../state/log-table.ts'
import type { Source } from '../state/sealed.ts'
import { pairBytes, pairSlice, writePair, type Pair } from './pairs.ts'

/** Where a part begins: the range, behind which key, and so many bytes into the pair there. */
export interface CutPlace {
  readonly range: number
  readonly after: Bytes | undefined
  readonly skip: number
}

/** The bytes between two places. */
export interface CutBytes {
  readonly ends: 'pair' | 'more' | 'last'
  readonly bytes: Bytes
}

/** Of no use any more once it threw. */
export class CutReader {
  readonly #source: Source
  readonly #ranges: readonly Range[]
  #place: CutPlace
  /** What follows in the range of the place; undefined: not begun. */
  #following: Iterator<Pair> | undefined
  /** The pair at the place, once it was read. */
  #pair: Pair | undefined

  constructor(source: Source, ranges: readonly Range[], place: CutPlace) {
    this.#source = source
    this.#ranges = ranges
    this.#place = place
  }

  /** Where the next part begins. */
  get place(): CutPlace {
    return this.#place
  }

  /**
   * As many whole pairs as fit into so many bytes, or a piece of one that does not. Throws
   * `STORE_FAILED`.
   */
  next(partBytes: number): CutBytes {
    const pairs: Pair[] = []
    let size = 0
    for (let pair = this.#peek(); pair !== undefined; pair = this.#peek()) {
      const length = pairBytes(pair)
      if (pairs.length === 0 && length > partBytes) return this.#piece(pair, partBytes)
      if (size + length > partBytes) return { ends: 'pair', bytes: joined(pairs, size) }
      pairs.push(pair)
      size += length
      this.#pass(pair)
    }
    return { ends: 'last', bytes: joined(pairs, size) }
  }

  #piece(pair: Pair, partBytes: number): CutBytes {
    const { skip } = this.#place
    const end = skip + partBytes
    const bytes = pairSlice(pair, skip, end)
    if (end < pairBytes(pair)) {
      this.#place = { ...this.#place, skip: end }
      return { ends: 'more', bytes }
    }
    this.#pass(pair)
    return { ends: 'pair', bytes }
  }

  #peek(): Pair | undefined {
    while (this.#pair === undefined) {
      const { range, after } = this.#place
      const whole = this.#ranges[range]
      if (whole === undefined) return undefined
      const from = after === undefined ? whole : { ...whole, from: behind(after) }
      this.#following ??= this.#source.scan(from)[Symbol.iterator]()
      const next = this.#following.next()
      if (next.done !== true) {
        this.#pair = next.value
      } else {
        this.#following = undefined
        this.#place = { range: range + 1, after: undefined, skip: 0 }
      }
    }
    return this.#pair
  }

  #pass([key]: Pair): void {
    this.#pair = undefined
    this.#place = { range: this.#place.range, after: key, skip: 0 }
  }
}

function joined(pairs: readonly Pair[], size: number): Bytes {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const pair of pairs) at = writePair(bytes, at, pair)
  return bytes
}
