/** Waiting that ends: each wait has a deadline and may have a signal, and leaves nothing behind. */

import { millis, type Millis } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import { Deadlines } from '../deadlines.ts'
import { SyneviError } from '../synevi-error.ts'

/** How long a caller waits, as the API takes it. */
export interface Waiting {
  readonly signal?: AbortSignal
  /** Whole milliseconds, at least 1. Default `timeouts.transactionMs`. */
  readonly timeoutMs?: number
}

/** The same, checked, as a point in time. */
export interface Patience {
  readonly deadline: Millis
  readonly signal: AbortSignal | undefined
}

/** How a wait is ended by what it waits for. Later calls do nothing. */
export interface Settle<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

interface Wait {
  readonly deadline: Millis
  readonly end: (code: 'TIMEOUT' | 'CANCELLED') => void
}

const WAIT_MAX_MS = 2 ** 40

/** Checks. Throws `INVALID_ARGUMENT`. */
export function parseWaiting(
  waiting: Waiting,
  parts: { readonly clock: Clock; readonly byDefaultMs: number },
): Patience {
  const { timeoutMs = parts.byDefaultMs, signal } = waiting
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) {
    const why = `timeoutMs: expected a whole number of at least 1, got ${String(timeoutMs)}`
    throw new SyneviError('INVALID_ARGUMENT', why, { definite: true })
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new SyneviError('INVALID_ARGUMENT', 'signal: expected an AbortSignal', { definite: true })
  }
  const deadline = millis(parts.clock.now().elapsed + Math.min(timeoutMs, WAIT_MAX_MS))
  return { deadline, signal }
}

/** The waits of one node. */
export class Waits {
  readonly #deadlines: Deadlines<Wait>

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, (wait) => wait.end('TIMEOUT'))
  }

  /**
   * Registers by `start`, which answers how to forget. Rejects with `TIMEOUT` or `CANCELLED`,
   * definite, since waiting changes nothing: `what` says what was not reached, and is asked when it
   * was not.
   */
  wait<T>(
    patience: Patience,
    what: () => string,
    start: (settle: Settle<T>) => () => void,
  ): Promise<T> {
    if (patience.signal?.aborted === true) return Promise.reject(gaveUp('CANCELLED', what()))
    return new Promise((resolve, reject) => {
      let forget: (() => void) | undefined
      let isOver = false
      const over = (): boolean => {
        if (isOver) return false
        isOver = true
        this.#deadlines.clear(wait, wait.deadline)
        patience.signal?.removeEventListener('abort', onAbort)
        return true
      }
      const onAbort = (): void => wait.end('CANCELLED')
      const wait: Wait = {
        deadline: patience.deadline,
        end: (code) => {
          if (!over()) return
          forget?.()
          reject(gaveUp(code, what()))
        },
      }
      this.#deadlines.set(wait, wait.deadline)
      patience.signal?.addEventListener('abort', onAbort, { once: true })
      forget = start({
        resolve: (value) => {
          if (over()) resolve(value)
        },
        reject: (error) => {
          if (over()) reject(error)
        },
      })
    })
  }

  /** Deadlines end: only for when everything that is waited for has been settled. */
  close(): void {
    this.#deadlines.close()
  }
}

function gaveUp(code: 'TIMEOUT' | 'CANCELLED', what: string): SyneviError {
  const why = code === 'TIMEOUT' ? 'the deadline passed' : 'the signal was aborted'
  return new SyneviError(code, `${why}: ${what}`, { definite: true, retryable: true })
}
