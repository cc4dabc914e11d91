/**
 * Leading RaiseFloor (`protocol.md` 8.1, 10.3 B): a floor at q members, then an outcome for every
 * id that it leaves undecided. What is done then (a Barrier, the end of an epoch) is the owner's.
 */

import { millis, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { DecidedEntry, FloorOk } from '../message/message.ts'
import type { Peers } from '../progress/peers.ts'
import type { ProgressLog } from '../progress/progress-log.ts'
import { raiseFloor, type FloorGoal } from '../replicate/on-raise-floor.ts'
import {
  compareTimestamps,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import type { Topology } from '../topology/topology.ts'
import type { TxnRecord } from '../txn/txn-record.ts'

/** What a floor round has at hand. */
export interface FloorRoundParts {
  readonly context: Context
  /** Of the epoch whose ids are closed: its voters are asked and counted. */
  readonly topology: Topology
  readonly peers: Peers
  readonly progress: ProgressLog
  /** Whether a round of this node is driving the transaction at present. */
  readonly isDriven: (id: TxnId) => boolean
  /**
   * Names the round in its messages: of no other round of this node, in this life or another, given
   * that each round begins with a durable write (`DurableState.durableSeq`).
   */
  readonly number: number
}

/** The floor holds at q members, and nothing that could be decided below it is undecided. */
export interface ClosedFloor {
  readonly floor: Timestamp
  /** What the q members left undecided: each has its outcome here by now. In the order of ids. */
  readonly driven: readonly TxnId[]
  /** What the q members told as decided above `since`, by id; empty without `since`. */
  readonly decided: readonly DecidedEntry[]
}

const RESEND_MIN_MS = 50
const RESEND_MAX_MS = 1_000

/** One round. Its owner feeds it, and asks `result` after each step. */
export class FloorRound {
  readonly floor: Timestamp
  readonly #parts: FloorRoundParts
  readonly #goal: FloorGoal
  readonly #answers = new Map<NodeSerial, Pick<FloorOk, 'undecided' | 'decided'>>()
  /** Set once q members answered: what is still without an outcome here, and all of it. */
  #open: Set<TxnId> | undefined
  #driven: readonly TxnId[] = []
  #decided: readonly DecidedEntry[] = []
  #resends = 0
  #resendAt: Millis

  /** Begins: raises the floor here, and asks the others once that is durable. */
  constructor(parts: FloorRoundParts, goal: FloorGoal) {
    this.#parts = parts
    this.#goal = goal
    this.floor = goal.floor
    const { context } = parts
    this.#answers.set(context.self, raiseFloor(context, goal))
    // The number of this round is its own only because a write begins it.
    context.floors.restate()
    this.#resendAt = this.#nextResend()
    this.#send()
  }

  /** When {@link wake} has something to do. */
  get next(): Millis | undefined {
    return this.#open === undefined ? this.#resendAt : undefined
  }

  /** Asks those again who have not answered. */
  wake(): void {
    if (this.#open !== undefined || this.#resendAt > this.#parts.context.now.elapsed) return
    this.#resends += 1
    this.#resendAt = this.#nextResend()
    this.#send()
  }

  /** An answer: each member counts once; what comes after q of them changes nothing. */
  onFloorOk(from: NodeSerial, message: FloorOk): void {
    if (message.round !== this.#parts.number || this.#open !== undefined) return
    if (!this.#parts.topology.isVoter(from)) return
    this.#answers.set(from, message)
  }

  /** A record changed: what has its outcome here is not waited for. */
  changed(record: TxnRecord): void {
    if (record.outcome !== undefined) this.#open?.delete(record.id)
  }

  /** Undefined until the floor is closed; the own answer counts once the floor is durable here. */
  result(): ClosedFloor | undefined {
    if (this.#open === undefined) this.#gather()
    const open = this.#open
    if (open === undefined) return undefined
    for (const id of open) if (this.#parts.context.floors.isClosed(id)) open.delete(id)
    if (open.size > 0) return undefined
    return { floor: this.floor, driven: this.#driven, decided: this.#decided }
  }

  /** For images. */
  image(): unknown {
    const answers = [...this.#answers].sort(([a], [b]) => a - b)
    const open = this.#open === undefined ? undefined : [...this.#open].sort(compareTimestamps)
    return [this.#parts.number, this.#goal, answers, open, this.#resendAt]
  }

  #gather(): void {
    const { context, topology, progress, isDriven } = this.#parts
    const isOwn = topology.isVoter(context.self) && context.floors.durable.floor >= this.floor
    const counted = [...this.#answers].filter(([from]) => from !== context.self || isOwn)
    if (counted.length < topology.sizes.q) return
    const undecided = new Set(counted.flatMap(([, answer]) => answer.undecided))
    this.#driven = [...undecided].sort(compareTimestamps)
    const decided = new Map(
      counted.flatMap(([, answer]) => answer.decided.map((entry) => [entry.id, entry] as const)),
    )
    this.#decided = [...decided.values()].sort((a, b) => compareTimestamps(a.id, b.id))
    this.#open = new Set(
      this.#driven.filter(
        (id) => !context.floors.isClosed(id) && context.ledger.get(id)?.outcome === undefined,
      ),
    )
    for (const id of this.#open) if (!isDriven(id)) progress.watchNow(id)
  }

  #send(): void {
    const { context, topology, number } = this.#parts
    const { floor, since } = this.#goal
    for (const peer of topology.peers) {
      if (this.#answers.has(peer)) continue
      context.out.afterStore(peer, { kind: 'raiseFloor', round: number, floor, since })
    }
  }

  #nextResend(): Millis {
    const { context, peers } = this.#parts
    const first = Math.max(RESEND_MIN_MS, 2 * peers.rttSlow)
    const wait = Math.min(RESEND_MAX_MS, first * 2 ** Math.min(this.#resends, 10))
    return millis(context.now.elapsed + wait)
  }
}
