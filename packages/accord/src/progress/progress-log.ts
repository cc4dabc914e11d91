/**
 * Who is stuck, since when, and what to do about it (`protocol.md` 7.1–7.3): one timer for each
 * transaction that lacks its outcome or its payload and that no round of this node is driving.
 */

import { millis, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { QueryItem } from '../message/message.ts'
import { Deadlines } from '../time/deadlines.ts'
import { nodeOf, type NodeSerial, type Timestamp, type TxnId } from '../time/timestamp.ts'
import { backoff } from './backoff.ts'
import type { Peers } from './peers.ts'

/** What is to be done now about a transaction. */
export type ProgressAction =
  | { readonly kind: 'query'; readonly id: TxnId; readonly wantTxn: boolean }
  /** Rounds above `roundSeen` are free. */
  | { readonly kind: 'recover'; readonly id: TxnId; readonly roundSeen: number }

interface Watch {
  readonly id: TxnId
  readonly since: Millis
  need: 'outcome' | 'payload'
  /** `asking`: asked again and again, since no recovery may begin; answers do not hasten it. */
  phase: 'armed' | 'querying' | 'asking'
  attempt: number
  /** Times asked in phase `asking`. */
  asked: number
  roundSeen: number
  /** Of the last InProgress answer. */
  token: number | undefined
  /** Something decided waits for it. */
  blocking: boolean
  answeredBy: Set<NodeSerial>
}

/** The shortest wait for the answers to a query, and before an unknown dep is asked for. */
const QUERY_MIN_MS = 10
/** Doublings of that wait while no recovery may begin: with the shortest, 0.64 s at most. */
const ASKED_MAX = 5
/** The base delay when the coordinator is suspected, at least. */
const SUSPECTED_MIN_MS = 20

/** Every wait has someone who ends it: what is watched is asked about, then recovered. */
export class ProgressLog {
  readonly #context: Context
  readonly #peers: Peers
  readonly #watches = new Map<TxnId, Watch>()
  readonly #timers = new Deadlines<TxnId>()

  constructor(context: Context, peers: Peers) {
    this.#context = context
    this.#peers = peers
  }

  get size(): number {
    return this.#watches.size
  }

  next(): Millis | undefined {
    return this.#timers.next()
  }

  has(id: TxnId): boolean {
    return this.#watches.has(id)
  }

  /** Watches an undecided transaction, if it is not watched yet. */
  watch(id: TxnId): void {
    if (this.#watches.has(id)) return
    this.#arm(this.#create(id, 'outcome'), this.#delay(id, false))
  }

  /** An own transaction after a restart, or one whose round was refused: asked about at once. */
  watchNow(id: TxnId): void {
    const watch = this.#watches.get(id) ?? this.#create(id, 'outcome')
    this.#arm(watch, millis(this.#context.chance.below(this.#peers.rttSlow + 1)))
  }

  /** Something decided waits for this undecided one; `known`: there is a record of it here. */
  blocks(id: TxnId, known: boolean): void {
    const watch = this.#watches.get(id) ?? this.#create(id, 'outcome')
    if (watch.blocking) return
    watch.blocking = true
    if (watch.phase !== 'armed') return
    const delay = known
      ? this.#delay(id, true)
      : millis(Math.max(QUERY_MIN_MS, 2 * this.#peers.rttSlow))
    this.#arm(watch, this.#sooner(watch.id, delay))
  }

  /** It is decided and its payload is not here. */
  needsPayload(id: TxnId): void {
    const watch = this.#watches.get(id)
    if (watch?.need === 'payload') return
    this.forget(id)
    this.#arm(this.#create(id, 'payload'), millis(0))
  }

  /** Nothing more is wanted of ids below. */
  forgetBelow(bound: Timestamp): void {
    for (const id of [...this.#watches.keys()]) if (id < bound) this.forget(id)
  }

  /** Nothing more is wanted of it. */
  forget(id: TxnId): void {
    this.#watches.delete(id)
    this.#timers.clear(id)
  }

  /**
   * A round of this node was ended by a higher ballot: wait, ask, and go on only if it is still
   * undecided.
   */
  backOff(id: TxnId, roundSeen: number): void {
    const watch = this.#watches.get(id) ?? this.#create(id, 'outcome')
    watch.roundSeen = Math.max(watch.roundSeen, roundSeen)
    const delay = backoff(this.#context.chance, {
      unit: this.#peers.rttSlow,
      attempt: watch.attempt,
    })
    watch.attempt += 1
    this.#arm(watch, delay)
  }

  /** A coordinator is suspected: what it left undecided is due soon. */
  suspected(peer: NodeSerial): void {
    for (const watch of this.#watches.values()) {
      if (watch.phase !== 'armed' || nodeOf(watch.id) !== peer || watch.need !== 'outcome') continue
      this.#arm(watch, this.#sooner(watch.id, this.#delay(watch.id, watch.blocking)))
    }
  }

  /** A peer that does not know the outcome said what it knows. */
  answered(from: NodeSerial, item: QueryItem): void {
    const watch = this.#watches.get(item.id)
    if (watch === undefined || watch.phase === 'armed' || watch.need !== 'outcome') return
    if (item.known === 'inProgress' && item.token !== watch.token) {
      watch.token = item.token
      this.#arm(watch, this.#delay(watch.id, watch.blocking))
      return
    }
    if (watch.phase === 'asking') return
    watch.answeredBy.add(from)
    const waited = [...this.#peers.all()].some(
      (peer) => !peer.suspected && !watch.answeredBy.has(peer.serial),
    )
    if (!waited) this.#timers.set(watch.id, this.#context.now.elapsed)
  }

  /**
   * The next thing to do now, until there is none. `mayRecover`: another recovery may begin. Only a
   * voter of its epoch ever recovers; any other node goes on asking.
   */
  takeDue(mayRecover: () => boolean): ProgressAction | undefined {
    const id = this.#timers.takeDue(this.#context.now.elapsed)
    if (id === undefined) return undefined
    const watch = this.#watches.get(id)
    if (watch === undefined) return undefined
    if (this.#context.floors.isClosed(id)) {
      this.forget(id)
      return this.takeDue(mayRecover)
    }
    if (watch.need === 'payload') return this.#queryAgain(watch)
    if (watch.phase === 'armed') {
      watch.phase = 'querying'
      watch.answeredBy = new Set()
      this.#timers.set(id, this.#after(this.#answerWait()))
      return { kind: 'query', id, wantTxn: false }
    }
    if (!this.#context.epochs.isVoterOf(id) || !mayRecover()) return this.#askAgain(watch)
    watch.phase = 'armed'
    watch.asked = 0
    watch.token = undefined
    return { kind: 'recover', id, roundSeen: watch.roundSeen }
  }

  /** The age of the oldest watch, 0 when there is none. */
  oldestMs(): number {
    let oldest = 0
    for (const watch of this.#watches.values()) {
      oldest = Math.max(oldest, this.#context.now.elapsed - watch.since)
    }
    return oldest
  }

  /** For images: what is watched and in which phase, in the order of ids. */
  image(): readonly unknown[] {
    return [...this.#watches.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, need, phase, attempt, asked, roundSeen, token, blocking, answeredBy }) => ({
        id,
        need,
        phase,
        attempt,
        asked,
        roundSeen,
        token,
        blocking,
        answeredBy: [...answeredBy].sort((a, b) => a - b),
        at: this.#timers.at(id),
      }))
  }

  #create(id: TxnId, need: 'outcome' | 'payload'): Watch {
    const watch: Watch = {
      id,
      need,
      since: this.#context.now.elapsed,
      phase: 'armed',
      attempt: 0,
      asked: 0,
      roundSeen: 0,
      token: undefined,
      blocking: false,
      answeredBy: new Set(),
    }
    this.#watches.set(id, watch)
    return watch
  }

  #arm(watch: Watch, delay: Millis): void {
    watch.phase = 'armed'
    this.#timers.set(watch.id, this.#after(delay))
  }

  #queryAgain(watch: Watch): ProgressAction {
    const unit = millis(Math.max(QUERY_MIN_MS, this.#peers.rttSlow))
    this.#timers.set(
      watch.id,
      this.#after(backoff(this.#context.chance, { unit, attempt: watch.attempt })),
    )
    watch.attempt = Math.min(watch.attempt + 1, 6)
    return { kind: 'query', id: watch.id, wantTxn: true }
  }

  #askAgain(watch: Watch): ProgressAction {
    watch.phase = 'asking'
    const unit = this.#answerWait()
    this.#timers.set(
      watch.id,
      this.#after(backoff(this.#context.chance, { unit, attempt: watch.asked })),
    )
    watch.asked = Math.min(watch.asked + 1, ASKED_MAX)
    return { kind: 'query', id: watch.id, wantTxn: false }
  }

  #after(delay: Millis): Millis {
    return millis(this.#context.now.elapsed + delay)
  }

  #sooner(id: TxnId, delay: Millis): Millis {
    const at = this.#timers.at(id)
    return at === undefined
      ? delay
      : millis(Math.max(0, Math.min(delay, at - this.#context.now.elapsed)))
  }

  #answerWait(): Millis {
    return millis(Math.max(QUERY_MIN_MS, 2 * this.#peers.rttSlow))
  }

  /** base + rank·step + jitter (`protocol.md` 7.2). */
  #delay(id: TxnId, blocking: boolean): Millis {
    const rtt = this.#peers.rttSlow
    const coordinator = nodeOf(id)
    const step = 2 * rtt
    const patient = Math.max(4 * rtt, this.#context.limits.recoverAfterMs)
    const base = this.#peers.isSuspected(coordinator)
      ? Math.max(2 * rtt, SUSPECTED_MIN_MS)
      : blocking
        ? Math.floor(patient / 2)
        : patient
    const rank = this.#context.epochs.of(id).rankAfter(coordinator)
    return millis(base + rank * step + this.#context.chance.below(step + 1))
  }
}
