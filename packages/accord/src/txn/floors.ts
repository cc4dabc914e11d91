/**
 * How far ids are closed here (`protocol.md` 8.1): below the floor nothing is witnessed for the
 * first time, below `closedBefore` nothing is undecided anywhere that could still be decided.
 */

import { invariant } from '../invariant.ts'
import type { Timestamp, TxnId } from '../time/timestamp.ts'

/** Both bounds. They only rise, and the floor is never below `closedBefore`. */
export interface FloorState {
  readonly floor: Timestamp
  readonly closedBefore: Timestamp
}

/** One for each replica: what holds now, and what of it is durable. */
export class Floors {
  #now: FloorState
  #durable: FloorState
  #changed = false
  #epochClosed = false

  constructor(durable: FloorState) {
    invariant(durable.floor >= durable.closedBefore, 'what is closed is below the floor')
    this.#now = { floor: durable.floor, closedBefore: durable.closedBefore }
    this.#durable = this.#now
  }

  /** Below it no id gets its first vote here; Accept and decisions are not concerned. */
  get floor(): Timestamp {
    return this.#now.floor
  }

  /** Set by executing a Barrier: what was decided below it is applied here, the rest is dead. */
  get closedBefore(): Timestamp {
    return this.#now.closedBefore
  }

  get state(): FloorState {
    return this.#now
  }

  /** What may be stated to others. */
  get durable(): FloorState {
    return this.#durable
  }

  /** Nothing is learned of the id any more: it is applied here, or never happens. */
  isClosed(id: TxnId): boolean {
    return id < this.#now.closedBefore
  }

  /** The floor, if it is lower; it is stored with the next Ready. */
  raise(floor: Timestamp): void {
    if (floor <= this.#now.floor) return
    this.#now = { ...this.#now, floor }
    this.#changed = true
  }

  /** The floor is stored with the next Ready, whether it changed or not. */
  restate(): void {
    this.#changed = true
  }

  /** A Barrier is executed; both bounds are stored with its execution. */
  close(before: Timestamp): FloorState {
    const { floor, closedBefore } = this.#now
    this.#now = {
      floor: before > floor ? before : floor,
      closedBefore: before > closedBefore ? before : closedBefore,
    }
    return this.#now
  }

  /** An epoch is finished here: both bounds are stored with the next Ready. */
  closeEpoch(before: Timestamp): void {
    this.close(before)
    this.#epochClosed = true
  }

  /** Both bounds, when an epoch was finished since the last call. */
  takeClosed(): FloorState | undefined {
    if (!this.#epochClosed) return undefined
    this.#epochClosed = false
    return this.#now
  }

  /** The floor to store; undefined when the stored one holds. */
  takeWrite(): Timestamp | undefined {
    if (!this.#changed) return undefined
    this.#changed = false
    return this.#now.floor
  }

  /** A Ready that was drained when these held is durable. */
  stored(state: FloorState): void {
    this.#durable = state
  }
}
