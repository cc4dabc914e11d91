/** Timers of one kind: at most one for each key, all in one table, the earliest at hand. */

import type { Millis } from '../brand.ts'

interface Entry<K> {
  readonly key: K
  readonly at: Millis
  readonly order: number
}

/** A binary heap in which replaced and cleared entries die where they lie. */
export class Deadlines<K> {
  readonly #current = new Map<K, Entry<K>>()
  #heap: Entry<K>[] = []
  #order = 0

  get size(): number {
    return this.#current.size
  }

  /** Sets or replaces the timer of `key`. */
  set(key: K, at: Millis): void {
    const entry: Entry<K> = { key, at, order: this.#order++ }
    this.#current.set(key, entry)
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#current.size) this.#rebuild()
    else this.#push(entry)
  }

  clear(key: K): void {
    this.#current.delete(key)
  }

  at(key: K): Millis | undefined {
    return this.#current.get(key)?.at
  }

  /** When the earliest is due. */
  next(): Millis | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined) return undefined
      if (this.#current.get(top.key) === top) return top.at
      this.#pop()
    }
  }

  /**
   * Removes and returns one key that is due at `now`, earliest first, in the order set among
   * equals.
   */
  takeDue(now: Millis): K | undefined {
    const at = this.next()
    if (at === undefined || at > now) return undefined
    const top = this.#pop()
    if (top === undefined) return undefined
    this.#current.delete(top.key)
    return top.key
  }

  #rebuild(): void {
    this.#heap = []
    for (const entry of this.#current.values()) this.#push(entry)
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap
    heap.push(entry)
    let i = heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#swapIfBefore(i, parent)) return
      i = parent
    }
  }

  #pop(): Entry<K> | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    heap[0] = last
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      if (left >= heap.length) return top
      const right = left + 1
      const least = right < heap.length && this.#isBefore(right, left) ? right : left
      if (!this.#swapIfBefore(least, i)) return top
      i = least
    }
  }

  #isBefore(i: number, j: number): boolean {
    const a = this.#heap[i]
    const b = this.#heap[j]
    if (a === undefined || b === undefined) return false
    return a.at !== b.at ? a.at < b.at : a.order < b.order
  }

  #swapIfBefore(child: number, parent: number): boolean {
    if (!this.#isBefore(child, parent)) return false
    const a = this.#heap[child]
    const b = this.#heap[parent]
    if (a === undefined || b === undefined) return false
    this.#heap[child] = b
    this.#heap[parent] = a
    return true
  }
}
