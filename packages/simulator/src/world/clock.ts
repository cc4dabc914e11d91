/**
 * The clocks of a machine: a wall clock that may be wrong in any way, an elapsed one that only
 * runs.
 */

import { millis, nanos, type Millis, type Nanos } from '@synevi/accord'
import type { Clock } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { SimProcess } from './process.ts'

/** When the simulated world begins: 2025-01-01T00:00:00Z. */
export const WORLD_BEGIN_NANOS = 1_735_689_600_000_000_000n

/** The wall clock of one machine; it outlives the processes on it. */
export class WallClock {
  readonly #queue: EventQueue
  readonly #rate: number
  #base: bigint
  #since: Micros = 0
  #frozen = false

  /** `offsetMs` from the true time at the start; `driftPpm` it gains on it. */
  constructor(queue: EventQueue, parts: { offsetMs: number; driftPpm: number }) {
    this.#queue = queue
    this.#rate = 1 + parts.driftPpm / 1_000_000
    this.#base = WORLD_BEGIN_NANOS + BigInt(Math.round(parts.offsetMs)) * 1_000_000n
  }

  now(): bigint {
    if (this.#frozen) return this.#base
    return this.#base + BigInt(Math.round((this.#queue.now - this.#since) * 1000 * this.#rate))
  }

  /** Forward, or back. */
  step(byMs: number): void {
    this.#base = this.now() + BigInt(Math.round(byMs)) * 1_000_000n
    this.#since = this.#queue.now
  }

  /** Off by no more than so much: as after a correction. */
  correct(withinMs: number): void {
    const offset = this.offsetMs()
    if (offset > withinMs) this.step(withinMs - offset)
    else if (offset < -withinMs) this.step(-withinMs - offset)
  }

  /** Stands still until thawed, and goes on from where it stood. */
  freeze(): void {
    this.step(0)
    this.#frozen = true
  }

  thaw(): void {
    this.#since = this.#queue.now
    this.#frozen = false
  }

  /** How far from the true time, in milliseconds. */
  offsetMs(): number {
    const truth = WORLD_BEGIN_NANOS + BigInt(this.#queue.now) * 1000n
    return Number((this.now() - truth) / 1_000_000n)
  }
}

/** The clock port of one process. */
export class SimClock implements Clock {
  readonly #queue: EventQueue
  readonly #process: SimProcess
  readonly #wall: WallClock
  readonly #bootAt: Micros
  readonly #elapsedBase: number
  readonly #rate: number

  constructor(parts: {
    queue: EventQueue
    process: SimProcess
    wall: WallClock
    /** What `elapsed` says at the start of the process. */
    elapsedBase: number
    driftPpm: number
  }) {
    this.#queue = parts.queue
    this.#process = parts.process
    this.#wall = parts.wall
    this.#bootAt = parts.queue.now
    this.#elapsedBase = parts.elapsedBase
    this.#rate = 1 + parts.driftPpm / 1_000_000
  }

  now(): { readonly wall: Nanos; readonly elapsed: Millis } {
    return { wall: nanos(this.#wall.now()), elapsed: millis(this.#elapsed()) }
  }

  alarm(at: Millis, ring: () => void): Disposable {
    if (!this.#process.admits()) return { [Symbol.dispose]: () => {} }
    let due = this.#bootAt + Math.ceil(((at - this.#elapsedBase) * 1000) / this.#rate)
    while (this.#elapsedAt(due) < at) due++
    let rung = false
    const scheduled = this.#queue.at(due, () => {
      this.#process.enter(() => {
        if (rung) return
        rung = true
        ring()
      })
    })
    return {
      [Symbol.dispose]: () => {
        rung = true
        scheduled.cancel()
      },
    }
  }

  soon(run: () => void): void {
    if (this.#process.admits()) this.#queue.after(0, () => this.#process.enter(run))
  }

  #elapsed(): number {
    return this.#elapsedAt(this.#queue.now)
  }

  #elapsedAt(at: Micros): number {
    return this.#elapsedBase + Math.floor(((at - this.#bootAt) * this.#rate) / 1000)
  }
}
