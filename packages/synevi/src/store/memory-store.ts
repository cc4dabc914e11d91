/** A store in memory: an ordered map, for tests and for clusters that keep nothing. */

import type { Bytes, Mutation } from '@synevi/accord'
import type { Range, Store, StoreView } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { MemoryView } from './memory-view.ts'
import { SortedKeys } from './sorted-keys.ts'

const KEY_BYTES_MAX = 1024

/**
 * Keeps everything in memory and nothing beyond the life of the object: a node whose MemoryStore is
 * gone never returns under its old serial (`AMNESIA`). The object itself may be closed by one node
 * and opened by the next.
 *
 * A scan is consistent while it is iterated without awaiting; if writes resolve in between, it goes
 * on behind the last key it gave, with what is there then.
 */
export class MemoryStore implements Store {
  readonly #values = new Map<string, Bytes>()
  readonly #keys = new SortedKeys()
  readonly #views = new Set<MemoryView>()
  #sizeBytes = 0
  #writing = false

  get(key: Bytes): Bytes | undefined {
    return this.#values.get(textOf(key))?.slice()
  }

  *scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    const from = range.from === undefined ? undefined : textOf(range.from)
    const until = range.until === undefined ? undefined : textOf(range.until)
    let left = range.limit ?? Number.POSITIVE_INFINITY
    let key = range.reverse === true ? this.#keys.below(until) : this.#keys.atOrAbove(from)
    while (key !== undefined && left > 0) {
      if (
        range.reverse === true
          ? from !== undefined && key < from
          : until !== undefined && key >= until
      )
        return
      const value = this.#values.get(key)
      if (value !== undefined) {
        left--
        yield [bytesOf(key), value.slice()]
      }
      key = range.reverse === true ? this.#keys.below(key) : this.#keys.above(key)
    }
  }

  /**
   * Rejects with `STORE_FAILED` for a key outside the contract or a write beside another; then
   * nothing changed.
   */
  async write(batch: readonly Mutation[]): Promise<void> {
    if (this.#writing) throw failed('a write began before the one before it resolved')
    for (const { key } of batch) {
      if (key.length === 0 || key.length > KEY_BYTES_MAX)
        throw failed(`a key of ${key.length} bytes, not 1 to ${KEY_BYTES_MAX}`)
    }
    this.#writing = true
    // Nothing is seen before the promise resolves.
    await Promise.resolve()
    this.#writing = false
    for (const mutation of batch) this.#apply(mutation)
  }

  view(): StoreView {
    const view = new MemoryView({
      keys: this.#keys,
      value: (key) => this.#values.get(key),
      textOf,
      bytesOf,
      closed: (closed) => this.#views.delete(closed),
    })
    this.#views.add(view)
    return view
  }

  /** Closes its views as well. */
  async close(): Promise<void> {
    for (const view of this.#views) view.close()
  }

  /** Of keys and values; the overhead of the map comes on top. */
  sizeBytes(): number {
    return this.#sizeBytes
  }

  #apply(mutation: Mutation): void {
    const key = textOf(mutation.key)
    const before = this.#values.get(key)
    for (const view of this.#views) view.changing(key, before)
    if (before !== undefined) this.#sizeBytes -= key.length + before.length
    if (mutation.value === undefined) {
      if (before !== undefined) {
        this.#values.delete(key)
        this.#keys.delete(key)
      }
      return
    }
    if (before === undefined) this.#keys.add(key)
    this.#values.set(key, ownBytes(mutation.value))
    this.#sizeBytes += key.length + mutation.value.length
  }
}

/** A view keeps all it is a part of alive: a received frame, a pool. */
function ownBytes(value: Bytes): Bytes {
  return value.byteLength === value.buffer.byteLength ? value : value.slice()
}

/** One code unit for each byte, so that the order of strings is the order of bytes. */
function textOf(key: Bytes): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

function bytesOf(text: string): Bytes {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function failed(why: string): SyneviError {
  return new SyneviError('STORE_FAILED', `cannot write to the memory store: ${why}`, {
    definite: false,
  })
}
