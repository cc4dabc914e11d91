/** Many deadlines behind one alarm: most are met, so setting and clearing must cost nothing. */

import { millis, type Millis } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'

/** Calls back for what is still there when its time comes. */
export class Deadlines<T> {
  readonly #clock: Clock
  readonly #expired: (item: T) => void
  /** By millisecond; the key stays until it is the earliest, also when its set was emptied. */
  readonly #buckets = new Map<number, Set<T>>()
  /** The keys of #buckets, a binary heap, the earliest first. */
  readonly #times: number[] = []
  #alarm: { readonly at: number; readonly handle: Disposable } | undefined

  /** `expired` is called for one item at a time, never from within `set`. */
  constructor(clock: Clock, expired: (item: T) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  set(item: T, at: Millis): void {
    const bucket = this.#buckets.get(at)
    if (bucket !== undefined) {
      bucket.add(item)
    } else {
      this.#buckets.set(at, new Set([item]))
      this.#push(at)
    }
    this.#arm()
  }

  /** Harmless when absent. `at` as it was set. */
  clear(item: T, at: Millis): void {
    this.#buckets.get(at)?.delete(item)
  }

  /** Nothing is called back afterwards. */
  close(): void {
    this.#alarm?.handle[Symbol.dispose]()
    this.#alarm = undefined
    this.#buckets.clear()
    this.#times.length = 0
  }

  #arm(): void {
    let next = this.#times[0]
    while (next !== undefined && this.#buckets.get(next)?.size === 0) {
      this.#buckets.delete(next)
      this.#pop()
      next = this.#times[0]
    }
    if (next === undefined || (this.#alarm !== undefined && this.#alarm.at <= next)) return
    this.#alarm?.handle[Symbol.dispose]()
    this.#alarm = { at: next, handle: this.#clock.alarm(millis(next), () => this.#ring()) }
  }

  #ring(): void {
    this.#alarm = undefined
    const now = this.#clock.now().elapsed
    for (let next = this.#times[0]; next !== undefined && next <= now; next = this.#times[0]) {
      const due = this.#buckets.get(next)
      this.#buckets.delete(next)
      this.#pop()
      for (const item of due ?? []) this.#expired(item)
    }
    this.#arm()
  }

  #push(time: number): void {
    const heap = this.#times
    let i = heap.push(time) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] ?? 0
      if (above <= time) break
      heap[i] = above
      i = parent
    }
    heap[i] = time
  }

  #pop(): void {
    const heap = this.#times
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      const right = left + 1
      const child = (heap[right] ?? Infinity) < (heap[left] ?? Infinity) ? right : left
      const below = heap[child]
      if (below === undefined || below >= last) break
      heap[i] = below
      i = child
    }
    heap[i] = last
  }
}
