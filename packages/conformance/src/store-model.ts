/** What a store must hold: a sorted array, too plain to be wrong. */

import type { Bytes, Mutation, Range } from 'synevi'
import { check, checkBytes, sameBytes, show } from './conformance-case.ts'

type Pair = readonly [Bytes, Bytes]

/** What a case needs of a store. */
interface Scannable {
  get(key: Bytes): Bytes | undefined
  scan(range: Range): Iterable<Pair>
}

/** Keeps what was applied, and says where a store differs. */
export class StoreModel {
  #pairs: Pair[] = []

  apply(batch: readonly Mutation[]): void {
    const byKey = new Map(this.#pairs.map((pair) => [hexOf(pair[0]), pair]))
    for (const { key, value } of batch) {
      if (value === undefined) byKey.delete(hexOf(key))
      else byKey.set(hexOf(key), [key.slice(), value.slice()])
    }
    this.#pairs = [...byKey.values()].sort(([a], [b]) => Buffer.compare(a, b))
  }

  get(key: Bytes): Bytes | undefined {
    return this.#pairs.find(([there]) => sameBytes(there, key))?.[1]
  }

  scan(range: Range): readonly Pair[] {
    const { from, until, reverse, limit } = range
    const inside = this.#pairs.filter(
      ([key]) =>
        (from === undefined || Buffer.compare(key, from) >= 0) &&
        (until === undefined || Buffer.compare(key, until) < 0),
    )
    const ordered = reverse === true ? inside.toReversed() : inside
    return ordered.slice(0, limit ?? ordered.length)
  }

  /** The store gives for `range` exactly what it must. */
  checkScan(store: Scannable, range: Range): void {
    const what = `scan(${describe(range)})`
    const expected = this.scan(range)
    let count = 0
    for (const [key, value] of store.scan(range)) {
      const pair = expected[count]
      check(
        pair !== undefined,
        `${what} gives more than ${expected.length} pairs: next is key ${show(key)}`,
      )
      checkBytes(key, pair[0], `${what}: key ${count}`)
      checkBytes(value, pair[1], `${what}: value of key ${show(key)}`)
      count++
    }
    check(count === expected.length, `${what} gives ${count} pairs, expected ${expected.length}`)
  }

  /** The store holds this, no more and no less. */
  checkAll(store: Scannable): void {
    this.checkScan(store, {})
    this.checkScan(store, { reverse: true })
    for (const [key, value] of this.#pairs) checkBytes(store.get(key), value, `get(${show(key)})`)
  }

  copy(): StoreModel {
    const copy = new StoreModel()
    copy.#pairs = [...this.#pairs]
    return copy
  }
}

function hexOf(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex')
}

function describe(range: Range): string {
  const parts = [
    range.from === undefined ? [] : [`from ${show(range.from)}`],
    range.until === undefined ? [] : [`until ${show(range.until)}`],
    range.reverse === true ? ['reverse'] : [],
    range.limit === undefined ? [] : [`limit ${range.limit}`],
  ]
  return parts.flat().join(', ')
}
