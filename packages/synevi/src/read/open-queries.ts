/** Queries under way: what they read must not be cleared from under them (ADR 0026). */

import { millis } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'

/** A query that takes longer may see less than there was. */
const PATIENCE_MS = 60_000

/** Counts queries, and waits for those that have begun. */
export class OpenQueries {
  readonly #clock: Clock
  readonly #open = new Set<Promise<unknown>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs one: settles as it does. */
  async run<T>(query: () => Promise<T>): Promise<T> {
    const running = query()
    this.#open.add(running)
    try {
      return await running
    } finally {
      this.#open.delete(running)
    }
  }

  /** Resolves when all that have begun have ended, or after a minute. */
  async ended(): Promise<void> {
    if (this.#open.size === 0) return
    let alarm: Disposable | undefined
    const late = new Promise<void>((resolve) => {
      alarm = this.#clock.alarm(millis(this.#clock.now().elapsed + PATIENCE_MS), resolve)
    })
    await Promise.race([Promise.allSettled(this.#open), late])
    alarm?.[Symbol.dispose]()
  }
}
