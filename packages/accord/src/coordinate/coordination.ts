/**
 * What this node leads: submissions from birth to answer, recoveries, and the timers of both
 * (`protocol.md` 4.4, 7.2).
 */

import { invariant } from '../invariant.ts'
import type { SubmissionId } from '../input.ts'
import type { Decided, Nack, QueryOk, Truncated } from '../message/message.ts'
import type { ReconfigFailure, RefusedSubmission } from '../ready.ts'
import { isEpochClosing } from '../replicate/on-raise-floor.ts'
import type { ProgressAction } from '../progress/progress-log.ts'
import { adoptDecided, adoptInvalidated, closeCovered } from '../replicate/on-stable.ts'
import { greatestConflict } from '../replicate/vote.ts'
import { stop } from '../stop.ts'
import { compareBallots, isZero } from '../time/ballot.ts'
import {
  compareTimestamps,
  nodeOf,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import type { Keys } from '../txn/keys.ts'
import { keysOfTxn, type BarrierTxn, type ReconfigTxn, type Txn } from '../txn/txn.ts'
import { emptyRecord, type TxnRecord } from '../txn/txn-record.ts'
import type { Bytes } from '../brand.ts'
import { sendAccept } from './accept-round.ts'
import { sendAcceptInvalid } from './invalidate-round.ts'
import { beginPreAccept, checkPreAccept, sendPreAccept } from './pre-accept-round.ts'
import { Parked } from './parked.ts'
import { checkRecover, recover, sendRecover } from './recover-round.ts'
import type { Lead, Round } from './round.ts'

/** Each submission gets exactly one answer, unless the replica stops. */
export class Coordination {
  readonly #lead: Lead
  readonly #submissions = new Map<TxnId, SubmissionId>()
  readonly #ownUndecided = new Set<TxnId>()
  readonly #parked: Parked
  /** Changes of the membership that an earlier one forestalled. */
  #overtaken: SubmissionId[] = []
  /** Of own Reconfigs that were executed without effect, until they are answered. */
  readonly #failures = new Map<TxnId, ReconfigFailure>()

  /** `submissions`: taken by a replica before this one in the same process, and not answered. */
  constructor(
    lead: Lead,
    live: readonly TxnRecord[],
    submissions: ReadonlyMap<TxnId, SubmissionId> = new Map(),
  ) {
    this.#lead = lead
    this.#parked = new Parked(lead.context.limits.ownUndecidedMax)
    for (const { id, outcome } of live) {
      if (outcome === undefined && nodeOf(id) === lead.context.self) this.#ownUndecided.add(id)
    }
    for (const [id, submission] of submissions) this.#takeOver(id, submission)
  }

  /** Own transactions without an outcome. */
  get ownUndecidedCount(): number {
    return this.#ownUndecided.size
  }

  /** Submissions that wait for the next epoch. */
  get parkedCount(): number {
    return this.#parked.size
  }

  /**
   * Gives birth to a transaction: its id, this node's vote, and PreAccept once that is durable.
   * While the epoch closes it waits for the next one.
   */
  submit(submission: SubmissionId, txn: { keys: Keys; payload: Bytes }): void {
    const { context } = this.#lead
    const { keys, payload } = txn
    if (isEpochClosing(context)) {
      if (this.#parked.put({ submission, keys, payload })) return
      context.out.answers.push({ kind: 'refused', submission, reason: 'busy' })
      return
    }
    if (this.#ownUndecided.size >= context.limits.ownUndecidedMax) {
      context.out.answers.push({ kind: 'refused', submission, reason: 'busy' })
      return
    }
    const digest = context.limits.digest(payload)
    const record = this.#born({ kind: 'application', keys, payload, digest })
    this.#submissions.set(record.id, submission)
    context.out.notice({ kind: 'submitted', id: record.id, submission })
    beginPreAccept(this.#lead, record)
  }

  /** Orders a Barrier of this node's own. Beyond `ownUndecidedMax`: one at a time is. */
  submitBarrier(txn: BarrierTxn): TxnId {
    const record = this.#born(txn)
    const { id } = record
    this.#lead.context.out.notice({ kind: 'barrier', id, closedBefore: txn.closedBefore })
    beginPreAccept(this.#lead, record)
    return id
  }

  /**
   * A change of the membership for a caller, or why there is none. When the open epoch ends already
   * the caller hears so once the next one is open.
   */
  reconfigure(submission: SubmissionId, asked: ReconfigTxn | RefusedSubmission): void {
    const { context } = this.#lead
    const isEnding = isEpochClosing(context) || context.succession.pending !== undefined
    if (typeof asked !== 'object')
      context.out.answers.push({ kind: 'refused', submission, reason: asked })
    else if (isEnding) this.#overtaken.push(submission)
    else this.submitReconfig(asked, submission)
  }

  /** Orders a change of the membership, for a caller or of this node's own. */
  submitReconfig(txn: ReconfigTxn, submission: SubmissionId | undefined): TxnId {
    const record = this.#born(txn)
    const { id } = record
    if (submission !== undefined) {
      this.#submissions.set(id, submission)
      this.#lead.context.out.notice({ kind: 'submitted', id, submission })
    } else this.#lead.context.out.notice({ kind: 'reconfiguring', id })
    beginPreAccept(this.#lead, record)
    return id
  }

  /** The Reconfig is executed here, without effect. */
  reconfigFailed(id: TxnId, failure: ReconfigFailure): void {
    if (this.#submissions.has(id)) this.#failures.set(id, failure)
  }

  /** The next epoch is open here: what waited for it is submitted, if this node votes in it. */
  opened(): void {
    const { answers } = this.#lead.context.out
    const { role } = this.#lead.context.epochs
    for (const submission of this.#overtaken)
      answers.push({ kind: 'refused', submission, reason: 'epochOver' })
    this.#overtaken = []
    for (const { submission, keys, payload } of this.#parked.takeAll()) {
      if (role === 'voter') this.submit(submission, { keys, payload })
      else answers.push({ kind: 'refused', submission, reason: role })
    }
  }

  /** For images: what is kept for the next epoch. */
  image(): unknown {
    return [this.#parked.image(), this.#overtaken]
  }

  /** A Barrier was executed here: what has no outcome below it never happens (8.1). */
  closed(before: Timestamp): void {
    const { context, rounds, progress } = this.#lead
    rounds.endBelow(before)
    progress.forgetBelow(before)
    for (const { id, outcome, applied } of context.ledger.records()) {
      if (id >= before || outcome?.kind !== 'decided' || applied) continue
      const why = `transaction ${id} is decided and was closed without being applied`
      stop(context, { code: 'NODE_FAILED', why })
    }
    for (const id of [...this.#ownUndecided].sort(compareTimestamps)) {
      if (id >= before) continue
      this.#ownUndecided.delete(id)
      const submission = this.#submissions.get(id)
      if (submission === undefined) continue
      this.#submissions.delete(id)
      context.out.answersAfterStore.push({ kind: 'invalidated', submission, id })
    }
  }

  /** A record changed: rounds end, callers are answered, the rest is watched. */
  changed(record: TxnRecord): void {
    const { context, rounds, progress } = this.#lead
    const { id, outcome } = record
    if (outcome === undefined) {
      const round = rounds.get(id)
      if (round !== undefined && isPreempted(round, record)) {
        rounds.end(id)
        context.out.notice({ kind: 'preempted', id })
        progress.backOff(id, record.promised.round)
      }
      if (rounds.get(id) === undefined && isUndecided(record)) progress.watch(id)
      return
    }
    rounds.end(id)
    this.#ownUndecided.delete(id)
    if (outcome.kind === 'decided' && !record.applied && record.txn === undefined)
      progress.needsPayload(id)
    else progress.forget(id)
    this.#answer(record)
  }

  /** A higher ballot was promised elsewhere: the round is over if it was under a lower one. */
  onNack(message: Nack): void {
    const { rounds, progress, context } = this.#lead
    const round = rounds.get(message.id)
    if (round === undefined || compareBallots(message.promised, round.ballot) <= 0) return
    rounds.end(message.id)
    context.out.notice({ kind: 'preempted', id: message.id })
    progress.backOff(message.id, message.promised.round)
  }

  /** The outcome, from one who knows it (`protocol.md` 6.3). */
  onDecided(from: NodeSerial, message: Decided): void {
    const { context, catchUp } = this.#lead
    const { id, keys, executeAt, deps, txn } = message
    if (deps !== undefined) {
      adoptDecided(context, { id, keys, executeAt, deps, txn })
      return
    }
    const record = context.ledger.getOrEmpty(id)
    if (record.outcome !== undefined || context.floors.isClosed(id)) return
    if (context.marks.covers(keys, executeAt)) closeCovered(context, { ...record, keys }, executeAt)
    else catchUp.request(from)
  }

  /**
   * Closed there, and nothing else is known of it there: a log in which its Barrier is executed
   * tells whether it was applied (6.3). Until then it is asked about again.
   */
  onTruncated(from: NodeSerial, { id }: Truncated): void {
    const { context, rounds, progress, catchUp } = this.#lead
    if (context.floors.isClosed(id)) progress.forget(id)
    if (context.floors.isClosed(id) || context.ledger.get(id)?.outcome !== undefined) return
    const round = rounds.get(id)
    if (round !== undefined) {
      rounds.end(id)
      progress.backOff(id, round.ballot.round)
    }
    catchUp.request(from)
  }

  /** It never happened, says one who knows. */
  onInvalidated(id: TxnId): void {
    adoptInvalidated(this.#lead.context, id)
  }

  /** What a peer knows of transactions without an outcome there. */
  onQueryOk(from: NodeSerial, message: QueryOk): void {
    const { context, progress } = this.#lead
    for (const item of message.items) {
      if (context.floors.isClosed(item.id)) continue
      const record = context.ledger.get(item.id)
      if (item.txn !== undefined && record !== undefined && record.txn === undefined) {
        const keys = record.keys ?? keysOfTxn(item.txn)
        context.ledger.put({ ...record, txn: item.txn, keys })
      }
      progress.answered(from, item)
    }
  }

  /** The progress of a round led here, as a number that changes with it; undefined when none is. */
  tokenOf(id: TxnId): number | undefined {
    return this.#lead.rounds.get(id)?.token
  }

  /** Suspicion changed: a fast quorum may have become unreachable. */
  suspicionChanged(): void {
    for (const round of [...this.#lead.rounds.all()]) {
      if (round.kind === 'preAccept') checkPreAccept(this.#lead, round)
    }
  }

  /** Timers of rounds, then of the progress log. */
  wake(): void {
    const { rounds, progress, context } = this.#lead
    for (;;) {
      const round = rounds.takeDue(context.now.elapsed)
      if (round === undefined) break
      this.#due(round)
    }
    for (;;) {
      const action = progress.takeDue(() => rounds.recovering < context.limits.recoveriesMax)
      if (action === undefined) return
      this.#act(action)
    }
  }

  /** A record with this node's own vote, first of all. */
  #born(txn: Txn): TxnRecord {
    const { context } = this.#lead
    const keys = keysOfTxn(txn)
    const id = context.clock.mintId(context.epochs.open.epoch, context.now.wall)
    invariant(greatestConflict(context, id, keys) < id, "a coordinator's own vote is a true yes")
    invariant(id >= context.floors.floor, 'nothing is born below the floor')
    const record = { ...emptyRecord(id), txn, keys, vote: { witnessedAt: id, yes: true } }
    context.ledger.put(record)
    this.#ownUndecided.add(id)
    return record
  }

  #due(round: Round): void {
    if (this.#lead.rounds.takeResend(this.#lead, round)) this.#send(round)
    // Set first: a check may end or replace the round.
    this.#lead.rounds.rearm(round)
    if (round.kind === 'preAccept') {
      checkPreAccept(this.#lead, round)
    } else if (round.kind === 'recover') checkRecover(this.#lead, round)
  }

  #send(round: Round): void {
    switch (round.kind) {
      case 'preAccept':
        sendPreAccept(this.#lead, round)
        return
      case 'accept':
        sendAccept(this.#lead, round)
        return
      case 'invalidate':
        sendAcceptInvalid(this.#lead, round)
        return
      case 'recover':
        sendRecover(this.#lead, round)
        return
    }
  }

  #act(action: ProgressAction): void {
    const { context, rounds } = this.#lead
    if (action.kind === 'recover') {
      if (rounds.get(action.id) === undefined) recover(this.#lead, action.id, action.roundSeen)
      return
    }
    const { id, wantTxn } = action
    for (const peer of context.epochs.votersNear(id)) {
      context.out.atOnce(peer, { kind: 'query', ids: [id], wantTxn })
    }
  }

  /**
   * Live records are answered by their outcome. What has none was never written, so nobody heard of
   * it, or is closed and dropped: then only the request memory knows.
   */
  #takeOver(id: TxnId, submission: SubmissionId): void {
    const { context } = this.#lead
    const record = context.ledger.get(id)
    if (record === undefined || record.applied) {
      context.out.answers.push({ kind: 'covered', submission, id })
      return
    }
    this.#submissions.set(id, submission)
    this.#answer(record)
  }

  #answer(record: TxnRecord): void {
    const { id, outcome, txn } = record
    const submission = this.#submissions.get(id)
    if (submission === undefined || outcome === undefined) return
    const answers = this.#lead.context.out.answersAfterStore
    if (outcome.kind === 'invalidated') answers.push({ kind: 'invalidated', submission, id })
    else if (!record.applied) return
    else if (outcome.deps === undefined) answers.push({ kind: 'covered', submission, id })
    else if (txn?.kind === 'reconfig') {
      const failure = this.#failures.get(id)
      this.#failures.delete(id)
      const { executeAt } = outcome
      answers.push({ kind: 'reconfigured', submission, id, executeAt, failure })
    } else answers.push({ kind: 'settled', submission, id, executeAt: outcome.executeAt })
    this.#submissions.delete(id)
  }
}

/** Whether the record's own registers have gone past the round. */
function isPreempted(round: Round, record: TxnRecord): boolean {
  if (compareBallots(record.promised, round.ballot) > 0) return true
  return (
    round.kind === 'preAccept' && record.accepted !== undefined && isZero(record.accepted.ballot)
  )
}

/** Whether there is something to finish: more than a payload is known. */
function isUndecided(record: TxnRecord): boolean {
  return (
    record.outcome === undefined &&
    (record.vote !== undefined || record.accepted !== undefined || !isZero(record.promised))
  )
}
