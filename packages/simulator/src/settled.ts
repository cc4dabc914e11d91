/** Promises of nodes, waited for in virtual time. */

import type { Micros } from './event-queue.ts'

/** How it is waited, and who hears when it fails. */
export interface Settling {
  readonly pump: (until: () => boolean, atMost: Micros) => Promise<boolean>
  readonly patience: Micros
  readonly failed: (name: string, why: string) => void
}

/** What it resolves to; undefined when it rejected, or did not end in time: then that was said. */
export async function settled<T>(
  promise: Promise<T>,
  { pump, patience, failed }: Settling,
): Promise<T | undefined> {
  const result: { value?: T; done: boolean } = { done: false }
  promise.then(
    (value) => {
      result.value = value
      result.done = true
    },
    (error: unknown) => {
      result.done = true
      failed('call failed', String(error))
    },
  )
  if (!(await pump(() => result.done, patience))) failed('call never resolved', 'in time')
  return result.value
}
