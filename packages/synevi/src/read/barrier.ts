/**
 * Barriers: an entry of the log behind everything acknowledged anywhere before. One serves all who
 * wait.
 */

import { millis } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { LogPosition } from '../contract/executor.ts'
import type { Patience, Settle, Waits } from './waits.ts'

/** Barriers under way at once: the next gathers callers meanwhile. */
const FLYING_MAX = 2

/** How barriers are taken. */
export interface BarriersParts {
  readonly clock: Clock
  readonly waits: Waits
  /** Submits `synevi/barrier`; resolves with its position when it is applied and durable here. */
  readonly submit: (patience: Patience) => Promise<LogPosition>
  /** What may keep it from succeeding, for error messages. */
  readonly suspicion: () => string | undefined
}

interface Caller {
  readonly patience: Patience
  readonly settle: Settle<LogPosition>
}

/** Those who asked before a barrier left may share it; those after wait for the next. */
export class Barriers {
  readonly #parts: BarriersParts
  #gathering = new Set<Caller>()
  #flying = 0
  #willLaunch = false

  constructor(parts: BarriersParts) {
    this.#parts = parts
  }

  /**
   * Resolves with a position at which everything acknowledged before the call is applied here,
   * durably.
   */
  take(patience: Patience): Promise<LogPosition> {
    return this.#parts.waits.wait(
      patience,
      () => {
        const hint = this.#parts.suspicion()
        return `no barrier was applied here${hint === undefined ? '' : `; ${hint}`}`
      },
      (settle) => {
        const gathering = this.#gathering
        const caller = { patience, settle }
        gathering.add(caller)
        this.#launchSoon()
        return () => gathering.delete(caller)
      },
    )
  }

  #launchSoon(): void {
    if (this.#willLaunch || this.#flying >= FLYING_MAX || this.#gathering.size === 0) return
    this.#willLaunch = true
    this.#parts.clock.soon(() => {
      this.#willLaunch = false
      void this.#launch()
    })
  }

  /** Never rejects: the callers are told. */
  async #launch(): Promise<void> {
    const callers = this.#gathering
    if (callers.size === 0) return
    this.#gathering = new Set()
    this.#flying++
    // It serves as long as anyone waits: a caller's deadline and signal end only his own wait.
    const deadline = millis(Math.max(...[...callers].map((caller) => caller.patience.deadline)))
    try {
      const position = await this.#parts.submit({ deadline, signal: undefined })
      for (const caller of callers) caller.settle.resolve(position)
    } catch (error) {
      for (const caller of callers) caller.settle.reject(error)
    } finally {
      this.#flying--
      this.#launchSoon()
    }
  }
}
