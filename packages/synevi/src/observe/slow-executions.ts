/**
 * Names executions that take long, also those that never end. Costs an alarm only for those that do
 * not return at once.
 */

import { millis, type Execution } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import { decodeBatch } from '../request.ts'

/** Above this an execution is slow. */
const SLOW_MS = 50

/** Watches one execution at a time, as the lane runs them. */
export class SlowExecutions {
  readonly #clock: Clock
  readonly #report: (event: { readonly what: string; readonly ms: number }) => void
  #alarm: Disposable | undefined
  #isClosed = false

  constructor(
    clock: Clock,
    report: (event: { readonly what: string; readonly ms: number }) => void,
  ) {
    this.#clock = clock
    this.#report = report
  }

  /** Runs it, and hands what it gave to `ended` with how long it took, whole milliseconds. */
  run<T, Out>(
    execution: Execution,
    run: () => T | Promise<T>,
    ended: (timed: { readonly result: T; readonly ms: number }) => Out,
  ): Out | Promise<Out> {
    const began = this.#clock.now().elapsed
    const result = run()
    if (result instanceof Promise) return this.#watch(execution, began, result).then(ended)
    return ended({ result, ms: this.#measure(execution, began) })
  }

  async #watch<T>(
    execution: Execution,
    began: number,
    run: Promise<T>,
  ): Promise<{ result: T; ms: number }> {
    this.#arm(execution, { began, waitMs: SLOW_MS })
    try {
      const result = await run
      return { result, ms: this.#measure(execution, began) }
    } finally {
      this.#alarm?.[Symbol.dispose]()
    }
  }

  /** An execution that never ends is nobody's business any more. */
  close(): void {
    this.#isClosed = true
    this.#alarm?.[Symbol.dispose]()
  }

  #arm(
    execution: Execution,
    { began, waitMs }: { readonly began: number; readonly waitMs: number },
  ): void {
    if (this.#isClosed) return
    this.#alarm = this.#clock.alarm(millis(began + waitMs), () => {
      this.#report({ what: nameOf(execution), ms: this.#clock.now().elapsed - began })
      this.#arm(execution, { began, waitMs: waitMs * 4 })
    })
  }

  #measure(execution: Execution, began: number): number {
    const ms = this.#clock.now().elapsed - began
    if (ms > SLOW_MS) this.#report({ what: nameOf(execution), ms })
    return ms
  }
}

/** The name of the first request, and how many there are. */
function nameOf(execution: Execution): string {
  if (execution.txn.kind !== 'application') return execution.txn.kind
  const requests = decodeBatch(execution.txn.payload) ?? []
  const first = requests[0]?.name ?? 'an unreadable batch'
  return requests.length > 1 ? `${first} and ${requests.length - 1} more` : first
}
