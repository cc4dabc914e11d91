/** Time that moves only when a test says so. */

import { millis, nanos, type Millis, type Nanos } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'

interface Alarm {
  readonly at: number
  readonly order: number
  readonly ring: () => void
}

/** Begins at 1,000,000 ms of wall time and 0 ms elapsed. */
export class VirtualClock implements Clock {
  #elapsed = 0
  #order = 0
  readonly #alarms = new Set<Alarm>()
  #soon: (() => void)[] = []
  now(): { readonly wall: Nanos; readonly elapsed: Millis } {
    const wallMs = 1_000_000 + this.#elapsed
    return { wall: nanos(BigInt(wallMs) * 1_000_000n), elapsed: millis(this.#elapsed) }
  }

  alarm(at: Millis, ring: () => void): Disposable {
    const alarm = { at, order: this.#order++, ring }
    this.#alarms.add(alarm)
    return { [Symbol.dispose]: () => this.#alarms.delete(alarm) }
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** The same time, with another wall clock. */
  ahead(ms: number): Clock {
    return {
      now: () => {
        const { wall, elapsed } = this.now()
        return { wall: nanos(wall + BigInt(ms) * 1_000_000n), elapsed }
      },
      alarm: (at, ring) => this.alarm(at, ring),
      soon: (run) => this.soon(run),
    }
  }

  get alarmCount(): number {
    return this.#alarms.size
  }

  /** Runs what is due now, until nothing is: turns of the event loop, and promises between. */
  async settle(): Promise<void> {
    await turn()
    while (this.#soon.length > 0) {
      const due = this.#soon
      this.#soon = []
      for (const run of due) run()
      await turn()
    }
  }

  /** Lets time pass, alarm by alarm. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms
    await this.settle()
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#alarms.delete(next)
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.ring()
      await this.settle()
    }
    this.#elapsed = until
    await this.settle()
  }

  /** Lets time pass until the promise is settled, alarm by alarm; at most a minute. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = (): void => void (isSettled = true)
    promise.then(settled, settled)
    const end = this.#elapsed + 60_000
    await this.settle()
    for (let next = this.#next(end); !isSettled; next = this.#next(end)) {
      if (next === undefined) throw new Error('nothing more happens, and it is not settled')
      await this.advance(Math.max(0, next.at - this.#elapsed))
    }
    return promise
  }

  #next(until: number): Alarm | undefined {
    let least: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.at > until) continue
      if (
        least === undefined ||
        alarm.at < least.at ||
        (alarm.at === least.at && alarm.order < least.order)
      )
        least = alarm
    }
    return least
  }
}

/**
 * Lets every promise that can go on do so: a turn of the real event loop, which takes no virtual
 * time.
 */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
