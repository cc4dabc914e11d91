/**
 * Closing ids (`protocol.md` 8.1): a rotating member raises a floor some recovery delays in the
 * past, waits until nothing below it is undecided, and orders a Barrier that says so.
 */

import { millis, nanos, type Millis } from '../brand.ts'
import type { FloorOk } from '../message/message.ts'
import { isAheadOfClock } from '../replicate/on-raise-floor.ts'
import {
  epochOf,
  hlcOfNanos,
  nodeOf,
  nodeSerial,
  timestampOf,
  TIMESTAMP_ZERO,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import type { BarrierTxn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { FloorRound, type FloorRoundParts } from './floor-round.ts'

/** What a closing has at hand. */
export interface ClosingParts extends Omit<FloorRoundParts, 'number' | 'topology'> {
  /** Whether this node may coordinate now. */
  readonly isServing: () => boolean
  /** For {@link FloorRoundParts.number}: of no other round. */
  readonly number: () => number
  /** Orders a transaction of this node's own. */
  readonly submit: (txn: BarrierTxn) => TxnId
}

/** Leads at most one closing at a time. Closings of several members at once are harmless. */
export class Closing {
  readonly #parts: ClosingParts
  #round: FloorRound | undefined
  /** Ordered by this node, and neither applied nor invalidated yet. */
  #barrier: TxnId | undefined
  #lastAt: Millis
  #lastBy: NodeSerial | undefined
  /** Application transactions applied since the last Barrier. */
  #applied = 0
  /** The greatest id of one that was applied; after a restart the place of the last. */
  #lastId: Timestamp

  constructor(parts: ClosingParts) {
    this.#parts = parts
    const { context } = parts
    this.#lastAt = context.now.elapsed
    this.#lastId = context.marks.max('all')
    if (this.#lastId === context.marks.lastAll) this.#lastId = TIMESTAMP_ZERO
  }

  /** When {@link wake} has something to do; undefined: not before something is applied. */
  get next(): Millis | undefined {
    return this.#round === undefined ? this.#due() : this.#round.next
  }

  /** Begins a closing when it is this node's turn, and carries on with the one under way. */
  wake(): void {
    const { context, isServing } = this.#parts
    this.#round?.wake()
    const due = this.#due()
    if (this.#round !== undefined || due === undefined || due > context.now.elapsed) return
    const floor = this.#floor()
    if (floor === undefined || !isServing()) {
      this.#lastAt = context.now.elapsed
      return
    }
    const number = this.#parts.number()
    const topology = context.epochs.open
    this.#round = new FloorRound({ ...this.#parts, topology, number }, { floor, since: undefined })
    context.out.notice({ kind: 'event', name: 'floorRaised' })
  }

  onFloorOk(from: NodeSerial, message: FloorOk): void {
    if (message.undecided.length > 0)
      this.#parts.context.out.notice({ kind: 'event', name: 'floorLeavesUndecided' })
    this.#round?.onFloorOk(from, message)
  }

  /** A record changed. */
  changed(record: TxnRecord): void {
    this.#round?.changed(record)
    if (record.id !== this.#barrier || record.outcome === undefined) return
    if (record.outcome.kind === 'decided' && !record.applied) return
    this.#barrier = undefined
    this.#lastAt = this.#parts.context.now.elapsed
  }

  /** It was executed here: what there is to close, and since when. */
  applied(record: TxnRecord): void {
    const { id, txn } = record
    if (txn?.kind === 'application') {
      this.#applied += 1
      if (id > this.#lastId) this.#lastId = id
    } else if (txn?.kind === 'barrier') {
      this.#applied = 0
      this.#lastAt = this.#parts.context.now.elapsed
      this.#lastBy = nodeOf(id)
    }
  }

  /** Another epoch is open: what was under way closes nothing of it. */
  opened(): void {
    this.#round = undefined
    this.#barrier = undefined
    this.#lastBy = undefined
    this.#lastAt = this.#parts.context.now.elapsed
  }

  /** Orders the Barrier once the floor is closed. After every step. */
  review(): void {
    const closed = this.#round?.result()
    if (closed === undefined) return
    this.#round = undefined
    const { context, submit } = this.#parts
    // The epoch has begun to end meanwhile: nothing is ordered in it any more.
    if (epochOf(context.floors.floor) > context.epochs.open.epoch) return
    this.#barrier = submit({ kind: 'barrier', closedBefore: closed.floor })
  }

  /** For images. */
  image(): unknown {
    return [
      this.#round?.image(),
      this.#barrier,
      this.#lastAt,
      this.#lastBy,
      this.#applied,
      this.#lastId,
    ]
  }

  /**
   * The member after the one that ordered the last Barrier first, each further one later by a
   * quarter of the interval: a dead one is passed over. Undefined while nothing is to be closed.
   */
  #due(): Millis | undefined {
    const { context } = this.#parts
    const { limits, floors } = context
    const topology = context.epochs.open
    if (!context.features.enabled('floors')) return undefined
    if (this.#barrier !== undefined || this.#lastId < floors.closedBefore) return undefined
    if (this.#lastId === TIMESTAMP_ZERO || epochOf(floors.floor) > topology.epoch) return undefined
    const isMany = this.#applied >= limits.floorRecords
    const wait = isMany ? Math.ceil(limits.floorIntervalMs / 10) : limits.floorIntervalMs
    const n = topology.voters.length
    const rank = topology.rankAfter(this.#lastBy ?? topology.voters[n - 1] ?? context.self)
    const place = rank === 0 ? n - 1 : rank - 1
    return millis(this.#lastAt + wait + place * Math.ceil(wait / 4))
  }

  /** Undefined when it would close nothing, or lies ahead of this node's clocks. */
  #floor(): Timestamp | undefined {
    const { context } = this.#parts
    const { limits, epochs, floors, now } = context
    const wall = now.wall - BigInt(limits.closeLagMs) * 1_000_000n
    if (wall <= 0n) return undefined
    const floor = timestampOf({
      epoch: epochs.open.epoch,
      hlc: hlcOfNanos(nanos(wall)),
      node: nodeSerial(0),
    })
    if (floor <= floors.closedBefore || isAheadOfClock(context, floor)) return undefined
    return floor
  }
}
