/** Names executions that take long, also those that never end. Costs an alarm only for those that do not return at once. */

import { millis, type Execution } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import { decodeBatch } from '../request.ts'

/** Above this an execution is slow. */
const SLOW_MS = 50

/** Watches one execution at a time, as the lane runs them. */
export class SlowExecutions {
  readonly #clock: Clock
  readonly #report: (event: { readonly what: string; readonly ms: number }) => void

  constructor(clock: Clock, report: (event: { readonly what: string; readonly ms: number }) => void) {
    this.#clock = clock
    this.#report = report
  }

  /** Runs it; answers how long it took, whole milliseconds, beside what it gave. */
  run<T>(execution: Execution, run: () => T | Promise<T>): Timed<T> | Promise<Timed<T>> {
    const began = this.#clock.now().elapsed
    const result = run()
    return result instanceof Promise ? this.#watch(execution, began, result) : this.#timed(execution, began, result)
  }

  async #watch<T>(execution: Execution, began: number, result: Promise<T>): Promise<Timed<T>> {
    let alarm: Disposable | undefined
    const arm = (waitMs: number): void => {
      alarm = this.#clock.alarm(millis(began + waitMs), () => {
        this.#report({ what: nameOf(execution), ms: this.#clock.now().elapsed - began })
        arm(waitMs * 4)
      })
    }
    arm(SLOW_MS)
    try {
      return this.#timed(execution, began, await result)
    } finally {
      alarm?.[Symbol.dispose]()
    }
  }

  #timed<T>(execution: Execution, began: number, result: T): Timed<T> {
    const ms = this.#clock.now().elapsed - began
    if (ms > SLOW_MS) this.#report({ what: nameOf(execution), ms })
    return { result, ms }
  }
}

/** What an execution gave and how long it took. */
export interface Timed<T> {
  readonly result: T
  readonly ms: number
}

/** The name of the first request, and how many there are. */
function nameOf(execution: Execution): string {
  if (execution.txn.kind !== 'application') return execution.txn.kind
  const requests = decodeBatch(execution.txn.payload) ?? []
  const first = requests[0]?.name ?? 'an unreadable batch'
  return requests.length > 1 ? `${first} and ${requests.length - 1} more` : first
}
