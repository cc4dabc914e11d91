/** Submissions made while an epoch closes: they wait for the next one (`protocol.md` 10.3). */

import type { Bytes } from '../brand.ts'
import type { SubmissionId } from '../input.ts'
import type { Keys } from '../txn/keys.ts'

/** A batch to order. */
export interface ParkedSubmission {
  readonly submission: SubmissionId
  readonly keys: Keys
  readonly payload: Bytes
}

/** Payloads that wait, in bytes, at most. */
const PARKED_BYTES_MAX = 64 * 1_048_576

/** In the order of their arrival, bounded by count and bytes. */
export class Parked {
  readonly #countMax: number
  #waiting: ParkedSubmission[] = []
  #bytes = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#waiting.length
  }

  /** False when there is no room. */
  put(submission: ParkedSubmission): boolean {
    const bytes = this.#bytes + submission.payload.length
    if (this.#waiting.length >= this.#countMax || bytes > PARKED_BYTES_MAX) return false
    this.#waiting.push(submission)
    this.#bytes = bytes
    return true
  }

  /** All of them: none waits any more. */
  takeAll(): readonly ParkedSubmission[] {
    const all = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    return all
  }

  /** For images. */
  image(): unknown {
    return this.#waiting.map(({ submission }) => submission)
  }
}
