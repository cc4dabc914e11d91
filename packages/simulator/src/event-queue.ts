/**
 * Virtual time: what happens next, in the order of time, and of scheduling where times are equal.
 */

import { invariant } from '@synevi/accord'

/** Microseconds of virtual time since the world began: a whole number. */
export type Micros = number

/** Something that will happen. Cancelled, it never does. */
export interface Scheduled {
  readonly at: Micros
  cancel(): void
}

interface Entry extends Scheduled {
  readonly order: number
  run: (() => void) | undefined
}

/** A binary heap of events. Cancelled ones are skipped when their time comes. */
export class EventQueue {
  readonly #heap: Entry[] = []
  #order = 0
  #now: Micros = 0
  #taken = 0

  /** The time of the event taken last. */
  get now(): Micros {
    return this.#now
  }

  /** How many events were taken so far. */
  get taken(): number {
    return this.#taken
  }

  /**
   * At the time `at`, or now if that is past; after everything scheduled earlier for the same time.
   */
  at(at: Micros, run: () => void): Scheduled {
    const entry: Entry = {
      at: Math.max(this.#now, Math.ceil(at)),
      order: this.#order++,
      run,
      cancel() {
        entry.run = undefined
      },
    }
    this.#heap.push(entry)
    this.#up(this.#heap.length - 1)
    return entry
  }

  /** After so many microseconds. */
  after(micros: Micros, run: () => void): Scheduled {
    return this.at(this.#now + micros, run)
  }

  /** When the next event happens; undefined when none will. */
  next(): Micros | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined) return undefined
      if (top.run !== undefined) return top.at
      this.#pop()
    }
  }

  /** Lets the next event happen, unless it lies beyond `until`. Says whether one did. */
  step(until: Micros): boolean {
    const at = this.next()
    if (at === undefined || at > until) return false
    const entry = this.#pop()
    invariant(entry?.run !== undefined && entry.at >= this.#now, 'virtual time never goes back')
    this.#now = entry.at
    this.#taken++
    const run = entry.run
    entry.run = undefined
    run()
    return true
  }

  /** Lets time pass in which nothing happens. */
  advance(to: Micros): void {
    const next = this.next()
    invariant(next === undefined || next >= to, 'no event is passed over')
    this.#now = Math.max(this.#now, to)
  }

  #pop(): Entry | undefined {
    const top = this.#heap[0]
    const last = this.#heap.pop()
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last
      this.#down(0)
    }
    return top
  }

  #up(start: number): void {
    const heap = this.#heap
    let i = start
    const entry = heap[i]
    if (entry === undefined) return
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (above === undefined || before(above, entry)) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  #down(start: number): void {
    const heap = this.#heap
    let i = start
    const entry = heap[i]
    if (entry === undefined) return
    for (;;) {
      let child = 2 * i + 1
      let least = heap[child]
      const right = heap[child + 1]
      if (least !== undefined && right !== undefined && before(right, least)) {
        child++
        least = right
      }
      if (least === undefined || before(entry, least)) break
      heap[i] = least
      i = child
    }
    heap[i] = entry
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
