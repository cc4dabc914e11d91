/** Timestamps minted and seen since: no (hlc, node) is used twice (`protocol.md` 13.1.7). */

import type { Timestamp, TxnId } from '@synevi/accord'
import { check } from './violation.ts'

/** Grows with the run: a run is short. */
export class Minted {
  /** For which transaction, as its id or as a vote on it. */
  readonly #for = new Map<Timestamp, TxnId>()

  copy(): Minted {
    const copy = new Minted()
    for (const [t, id] of this.#for) copy.#for.set(t, id)
    return copy
  }

  /** Throws a Violation when it was minted for another. */
  add(t: Timestamp, id: TxnId): void {
    const before = this.#for.get(t)
    check(
      before === undefined || before === id,
      'timestamp reused',
      () => `${t} for ${before} and for ${id}`,
    )
    this.#for.set(t, id)
  }

  /** Nobody saw it. */
  delete(t: Timestamp): void {
    this.#for.delete(t)
  }
}
