/**
 * Reads all of the store again and again, slowly: what a disk does to a record that nobody reads is
 * found while peers still have it.
 */

import { millis, type Millis } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Damage, SumWalk } from '../state/sum-walk.ts'
import type { SummedStore } from '../state/summed-store.ts'

/** The most that is read at once: a millisecond or two of the thread. */
const TURN_BYTES_MAX = 65_536

/** What a scrubber reads, and how fast. */
export interface ScrubberParts {
  readonly store: SummedStore
  readonly clock: Clock
  /** 0: it never begins. */
  readonly bytesPerSecond: number
  /** From the end of a pass to the next. */
  readonly intervalMs: number
  readonly found: (damage: Damage) => void
  /** The store itself failed. */
  readonly failed: (error: unknown) => void
}

/** One pass at a time, in turns that the clock rings. */
export class Scrubber {
  readonly #parts: ScrubberParts
  readonly #turnBytes: number
  readonly #turnMs: number
  #walk: SumWalk | undefined
  #alarm: Disposable | undefined
  #passes = 0
  #isClosed = false

  constructor(parts: ScrubberParts) {
    this.#parts = parts
    this.#turnBytes = Math.min(TURN_BYTES_MAX, parts.bytesPerSecond)
    this.#turnMs = Math.ceil((1000 * this.#turnBytes) / Math.max(1, parts.bytesPerSecond))
  }

  /** Passes that reached the end. */
  get passes(): number {
    return this.#passes
  }

  start(): void {
    if (this.#parts.bytesPerSecond > 0) this.#wait(this.#turnMs)
  }

  close(): void {
    this.#isClosed = true
    this.#alarm?.[Symbol.dispose]()
    this.#walk?.close()
  }

  #wait(forMs: number): void {
    const { clock } = this.#parts
    const at: Millis = millis(clock.now().elapsed + forMs)
    this.#alarm = clock.alarm(at, () => this.#turn())
  }

  #turn(): void {
    if (this.#isClosed) return
    try {
      this.#walk ??= this.#parts.store.walk()
      const { damage, isDone } = this.#walk.step(this.#turnBytes)
      if (isDone) {
        this.#walk = undefined
        this.#passes++
      }
      for (const one of damage) this.#parts.found(one)
      if (!this.#isClosed) this.#wait(isDone ? this.#parts.intervalMs : this.#turnMs)
    } catch (error) {
      this.close()
      this.#parts.failed(error)
    }
  }
}
