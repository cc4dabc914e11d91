/** What a memory store held when the view was taken: what was replaced since is kept here. */

import type { Bytes } from '@synevi/accord'
import type { Range, StoreView } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { SortedKeys } from './sorted-keys.ts'

/** The store below a view: keys are texts of one code unit for each byte. */
export interface ViewedStore {
  readonly keys: SortedKeys
  value(key: string): Bytes | undefined
  textOf(key: Bytes): string
  bytesOf(key: string): Bytes
  /** The view is closed: it need not be told of changes any more. */
  closed(view: MemoryView): void
}

/** Costs a map entry for each key that changes while it is open. */
export class MemoryView implements StoreView {
  readonly #store: ViewedStore
  /** Values as they were; undefined for keys that were not there. */
  readonly #before = new Map<string, Bytes | undefined>()
  readonly #changed = new SortedKeys()
  #isClosed = false

  constructor(store: ViewedStore) {
    this.#store = store
  }

  /** The store is about to change a key that has this value, or none. */
  changing(key: string, value: Bytes | undefined): void {
    if (this.#before.has(key)) return
    this.#before.set(key, value)
    this.#changed.add(key)
  }

  get(key: Bytes): Bytes | undefined {
    this.#assertOpen()
    return this.#valueOf(this.#store.textOf(key))?.slice()
  }

  *scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    const from = range.from === undefined ? undefined : this.#store.textOf(range.from)
    const until = range.until === undefined ? undefined : this.#store.textOf(range.until)
    const isReverse = range.reverse === true
    let left = range.limit ?? Number.POSITIVE_INFINITY
    let at = isReverse ? until : from
    let isFirst = true
    while (left > 0) {
      this.#assertOpen()
      const key = isReverse ? this.#below(at) : this.#above(at, isFirst)
      if (key === undefined) return
      if (isReverse ? from !== undefined && key < from : until !== undefined && key >= until) return
      at = key
      isFirst = false
      const value = this.#valueOf(key)
      if (value === undefined) continue
      left--
      yield [this.#store.bytesOf(key), value.slice()]
    }
  }

  close(): void {
    this.#isClosed = true
    this.#store.closed(this)
  }

  #above(at: string | undefined, isIncluded: boolean): string | undefined {
    const [a, b] = [this.#store.keys, this.#changed].map((keys) =>
      isIncluded || at === undefined ? keys.atOrAbove(at) : keys.above(at),
    )
    if (a === undefined || b === undefined) return a ?? b
    return a < b ? a : b
  }

  #below(at: string | undefined): string | undefined {
    const [a, b] = [this.#store.keys.below(at), this.#changed.below(at)]
    if (a === undefined || b === undefined) return a ?? b
    return a < b ? b : a
  }

  #valueOf(key: string): Bytes | undefined {
    return this.#before.has(key) ? this.#before.get(key) : this.#store.value(key)
  }

  #assertOpen(): void {
    if (!this.#isClosed) return
    throw new SyneviError('STORE_FAILED', 'cannot read a view that was closed', {
      definite: false,
    })
  }
}
