/** An ordered map from bytes to bytes: what a simulated disk holds. */

import type { Bytes } from '@synevi/accord'
import type { Mutation, Range } from 'synevi'

/** Keys are held as latin1 strings, whose order by code unit is the order of unsigned bytes. */
export class OrderedBytes {
  readonly #values = new Map<string, Bytes>()
  readonly #keys: string[] = []

  get size(): number {
    return this.#keys.length
  }

  get(key: Bytes): Bytes | undefined {
    return this.#values.get(text(key))
  }

  /** All of it, in order. */
  apply(batch: readonly Mutation[]): void {
    for (const { key, value } of batch) {
      const name = text(key)
      if (value === undefined) this.#delete(name)
      else this.#put(name, value)
    }
  }

  /** In order of the keys; the pairs are those of this moment. */
  scan(range: Range): (readonly [Bytes, Bytes])[] {
    const from = range.from === undefined ? 0 : this.#place(text(range.from))
    const until = range.until === undefined ? this.#keys.length : this.#place(text(range.until))
    const names = this.#keys.slice(from, Math.max(from, until))
    if (range.reverse === true) names.reverse()
    if (range.limit !== undefined && names.length > range.limit) names.length = range.limit
    const pairs: (readonly [Bytes, Bytes])[] = []
    for (const name of names) {
      const value = this.#values.get(name)
      if (value !== undefined) pairs.push([Buffer.from(name, 'latin1'), value])
    }
    return pairs
  }

  /** As it is now; the bytes are shared, for none is changed in place. */
  copy(): OrderedBytes {
    const copy = new OrderedBytes()
    for (const name of this.#keys) copy.#keys.push(name)
    for (const [name, value] of this.#values) copy.#values.set(name, value)
    return copy
  }

  clear(): void {
    this.#values.clear()
    this.#keys.length = 0
  }

  #put(name: string, value: Bytes): void {
    if (!this.#values.has(name)) {
      const last = this.#keys[this.#keys.length - 1]
      if (last === undefined || last < name) this.#keys.push(name)
      else this.#keys.splice(this.#place(name), 0, name)
    }
    this.#values.set(name, value)
  }

  #delete(name: string): void {
    if (this.#values.delete(name)) this.#keys.splice(this.#place(name), 1)
  }

  /** The first index whose key is not below `name`. */
  #place(name: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#keys[middle] ?? '') < name) low = middle + 1
      else high = middle
    }
    return low
  }
}

function text(key: Bytes): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}
