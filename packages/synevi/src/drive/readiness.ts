/**
 * When an opened node is ready: admitted, re-executed, and as far as a quorum was when it was first
 * heard.
 */

import type { DurableState, TxnId } from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'

/** What readiness is judged by. */
export interface ReadinessParts {
  readonly durable: DurableState
  /** Where a quorum's members stood when first heard; undefined until enough were. */
  readonly target: () => LogPosition | undefined
  /** Durable here. */
  readonly position: () => LogPosition
  /** One that applies nothing any more gets as ready as it will. */
  readonly isHalted: () => boolean
  /** A learner is not ready. */
  readonly isVoter: () => boolean
}

/** Told what happens; answers whether that is enough. */
export class Readiness {
  readonly #parts: ReadinessParts
  /** Decided before this start, and not yet applied. */
  readonly #unapplied: Set<TxnId>
  #isAdmitted: boolean

  constructor(parts: ReadinessParts) {
    this.#parts = parts
    this.#isAdmitted = parts.durable.admitted
    const decided = parts.durable.live.filter(
      ({ outcome, applied }) => outcome?.kind === 'decided' && !applied,
    )
    this.#unapplied = new Set(decided.map(({ id }) => id))
  }

  admitted(): void {
    this.#isAdmitted = true
  }

  applied(id: TxnId): void {
    this.#unapplied.delete(id)
  }

  isReady(): boolean {
    if (this.#isAdmitted && this.#parts.isHalted()) return true
    if (!this.#isAdmitted || this.#unapplied.size > 0 || !this.#parts.isVoter()) return false
    const target = this.#parts.target()
    return target !== undefined && this.#parts.position() >= target
  }
}
