/**
 * What Barriers close (`protocol.md` 8.1, 13.1.11): once one is born, whatever has no outcome below
 * its bound never gets one but "never", and who executed one may forget what lies below.
 */

import { TIMESTAMP_ZERO, type Timestamp, type TxnId } from '@synevi/accord'
import { check } from './violation.ts'

/** All Barriers of a run. One counts from its first write on: what it waited for stands before. */
export class ClosedIds {
  readonly #barriers = new Map<TxnId, Timestamp>()
  #bound: Timestamp = TIMESTAMP_ZERO

  copy(): ClosedIds {
    const copy = new ClosedIds()
    for (const [id, bound] of this.#barriers) copy.#barriers.set(id, bound)
    copy.#bound = this.#bound
    return copy
  }

  image(): unknown {
    return [...this.#barriers, this.#bound]
  }

  /** A Barrier is born. Throws a Violation when it closes itself. */
  born(id: TxnId, bound: Timestamp): void {
    check(bound <= id, 'closing', () => `${id} closes ${bound}`)
    this.#barriers.set(id, bound)
  }

  /** Something about this transaction is durable now. */
  wrote(id: TxnId): void {
    const bound = this.#barriers.get(id)
    if (bound !== undefined && bound > this.#bound) this.#bound = bound
  }

  /** A first decision at a place in the order. Throws a Violation for one that comes too late. */
  checkOpen(id: TxnId): void {
    check(
      id >= this.#bound,
      'closing',
      () => `${id} is first decided, and all below ${this.#bound} was closed`,
    )
  }

  /** How far a node that executed these may close. */
  boundOf(executed: readonly TxnId[]): Timestamp {
    let bound = TIMESTAMP_ZERO
    for (const id of executed) {
      const own = this.#barriers.get(id)
      if (own !== undefined && own > bound) bound = own
    }
    return bound
  }
}
