/**
 * Closing the open epoch (`protocol.md` 10.3): every member that executed the Reconfig may drive
 * it, the nearest to its coordinator first; repeated, and begun by several, it comes to the same
 * end.
 */

import { millis, type Millis } from '../brand.ts'
import { FloorRound, type ClosedFloor, type FloorRoundParts } from '../durability/floor-round.ts'
import { invariant } from '../invariant.ts'
import type { DecidedEntry, EpochEnd, FloorOk } from '../message/message.ts'
import type { PendingReconfig } from '../ready.ts'
import {
  epoch,
  epochOf,
  hlc,
  nodeOf,
  nodeSerial,
  timestampOf,
  type NodeSerial,
  type Timestamp,
} from '../time/timestamp.ts'
import type { TxnRecord } from '../txn/txn-record.ts'

/** What a closing has at hand. */
export interface EpochClosingParts extends Omit<FloorRoundParts, 'number' | 'topology'> {
  /** For {@link FloorRoundParts.number}: of no other round. */
  readonly number: () => number
  /** This node knows the end now. */
  readonly ended: (end: EpochEnd) => void
}

/** A member waits so long for each one before it to have closed the epoch, at least. */
const STEP_MIN_MS = 50

/** The least timestamp of the epoch after that of `t`: the floor that closes it. */
export function floorAfter(t: Timestamp): Timestamp {
  return timestampOf({ epoch: epoch(epochOf(t) + 1), hlc: hlc(0n), node: nodeSerial(0) })
}

/** At most one at a time: the open epoch's. */
export class EpochClosing {
  readonly #parts: EpochClosingParts
  #round: FloorRound | undefined
  #startAt: Millis | undefined

  constructor(parts: EpochClosingParts) {
    this.#parts = parts
    this.arm()
  }

  /** When {@link wake} has something to do. */
  get next(): Millis | undefined {
    return this.#round === undefined ? this.#startAt : this.#round.next
  }

  /** A Reconfig took effect, or had before this process began: this member's turn will come. */
  arm(): void {
    const { context, peers } = this.#parts
    const { pending } = context.succession
    if (pending === undefined || this.#round !== undefined) return
    const topology = context.epochs.of(pending.id)
    if (!topology.isVoter(context.self)) return
    const rank = topology.rankAfter(nodeOf(pending.id))
    const step = Math.max(STEP_MIN_MS, 4 * peers.rttSlow)
    const jitter = rank === 0 ? 0 : context.chance.below(step)
    this.#startAt = millis(context.now.elapsed + rank * step + jitter)
  }

  /** A Reconfig took effect just now: its coordinator need not wait. */
  executed(): void {
    this.arm()
    if (this.#startAt === this.#parts.context.now.elapsed) this.#begin()
  }

  /** Begins when it is this member's turn; asks again who has not answered. */
  wake(): void {
    this.#round?.wake()
    if (this.#startAt === undefined || this.#startAt > this.#parts.context.now.elapsed) return
    this.#begin()
  }

  #begin(): void {
    const { context, number } = this.#parts
    const { pending } = context.succession
    this.#startAt = undefined
    if (pending === undefined || this.#round !== undefined) return
    const goal = { floor: floorAfter(pending.id), since: pending.executeAt }
    const topology = context.epochs.of(pending.id)
    this.#round = new FloorRound({ ...this.#parts, topology, number: number() }, goal)
    context.out.notice({ kind: 'event', name: 'epochClosingDriven' })
  }

  onFloorOk(from: NodeSerial, message: FloorOk): void {
    this.#round?.onFloorOk(from, message)
  }

  /** A record changed. */
  changed(record: TxnRecord): void {
    this.#round?.changed(record)
  }

  /** Says the end once the floor is closed. After every step. */
  review(): void {
    const { context, ended } = this.#parts
    const { pending } = context.succession
    if (pending === undefined) {
      this.#round = undefined
      this.#startAt = undefined
      return
    }
    const closed = this.#round?.result()
    if (closed === undefined) return
    this.#round = undefined
    ended(this.#endOf(pending, closed))
  }

  /** For images. */
  image(): unknown {
    return [this.#round?.image(), this.#startAt]
  }

  /**
   * The tail: the last decided transaction that conflicts with everything, and all that is decided
   * above it; what lies below is implied by executing it.
   */
  #endOf(pending: PendingReconfig, closed: ClosedFloor): EpochEnd {
    const { id, executeAt, members } = pending
    const decided = new Map(closed.decided.map((entry) => [entry.id, entry]))
    decided.set(id, { id, executeAt, keys: 'all' })
    for (const driven of closed.driven) {
      const entry = this.#decidedHere(driven)
      if (entry !== undefined) decided.set(driven, entry)
    }
    const entries = [...decided.values()].sort((a, b) => (a.executeAt < b.executeAt ? -1 : 1))
    const last = entries.findLastIndex(({ keys }) => keys === 'all')
    invariant(last >= 0, 'a Reconfig conflicts with everything')
    return {
      kind: 'epochEnd',
      epoch: epoch(epochOf(id)),
      reconfig: { id, executeAt },
      tail: entries.slice(last),
      members,
    }
  }

  #decidedHere(id: Timestamp): DecidedEntry | undefined {
    const record = this.#parts.context.ledger.get(id)
    if (record?.outcome?.kind !== 'decided' || record.keys === undefined) return undefined
    return { id, executeAt: record.outcome.executeAt, keys: record.keys }
  }
}
