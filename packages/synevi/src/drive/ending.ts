/** How an executor ended, and what is wrong with that. */

import type { Outcome } from '../contract/executor.ts'
import { failureText } from './failure-text.ts'

/** How an executor ended. */
export type Ending =
  | { readonly kind: 'returned'; readonly outcome: Outcome }
  | { readonly kind: 'threw'; readonly error: unknown }

/** What is wrong with an ending, in the same words on all nodes; undefined for a good one. */
export function failureOf(ending: Ending, resultMaxBytes: number): string | undefined {
  if (ending.kind === 'threw') return failureText(ending.error)
  const outcome: unknown = ending.outcome
  if (!isOutcome(outcome)) return 'the executor gave no outcome: { ok: boolean, value: Uint8Array }'
  const size = outcome.value.byteLength
  return size > resultMaxBytes
    ? `the outcome has ${size} bytes, ${resultMaxBytes} are the most`
    : undefined
}

function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null || !('ok' in value && 'value' in value))
    return false
  return typeof value.ok === 'boolean' && value.value instanceof Uint8Array
}

/** Whether it has to be waited for. */
export function isPromise(answer: Outcome | Promise<Outcome>): answer is Promise<Outcome> {
  // An executor in JavaScript may give anything: what has a `then` is waited for.
  return typeof answer === 'object' && answer !== null && 'then' in answer
}

/** Waits. Never rejects. */
export async function endingOf(answer: Promise<Outcome>): Promise<Ending> {
  try {
    return { kind: 'returned', outcome: await answer }
  } catch (error) {
    return { kind: 'threw', error }
  }
}
