/** The one door of the protocol: one input in, what follows from it out (`architecture.md` 5). */

import { apply, type Applying } from './apply.ts'
import type { Millis, ReadyId } from './brand.ts'
import type { Context } from './context.ts'
import { Coordination } from './coordinate/coordination.ts'
import { Reads } from './coordinate/read-round.ts'
import { Rounds, type Lead } from './coordinate/round.ts'
import { Closing } from './durability/closing.ts'
import { Truncation } from './durability/truncation.ts'
import { receive, type DoorParts } from './door.ts'
import { Divergence } from './execute/divergence.ts'
import { ExecutionOrder } from './execute/execution-order.ts'
import { Harvest } from './harvest.ts'
import { imageOf } from './image.ts'
import type { ExecutionResult, Input, Instant, SubmissionId } from './input.ts'
import { unreachable } from './invariant.ts'
import { Identity } from './membership/identity.ts'
import { Membership } from './membership/membership.ts'
import { prepareReconfig } from './membership/prepare-reconfig.ts'
import type { NodePhase, Watermark } from './message/message.ts'
import { reportOf, type ReplicaStatus } from './replica-status.ts'
import { openContext } from './open-context.ts'
import type { ReplicaOptions } from './options.ts'
import { CatchUpLog } from './progress/catch-up.ts'
import type { HeartbeatFacts } from './progress/heartbeat.ts'
import { Peers } from './progress/peers.ts'
import { ProgressLog } from './progress/progress-log.ts'
import { ReorderBuffer } from './replicate/reorder-buffer.ts'
import type { DurableState, Ready, RecordReader, RefusedSubmission } from './ready.ts'
import { nodeOf, type NodeSerial, type TxnId } from './time/timestamp.ts'
import { Upkeep, type Reach } from './upkeep.ts'
import type { TxnRecord } from './txn/txn-record.ts'

/** The protocol as a value: the driver steps, drains, and serves what it gets. */
export interface Replica {
  /**
   * Advances by one input: synchronous, total, deterministic in (state, input, at). Throws only
   * InvariantError.
   */
  step(input: Input, at: Instant): void
  /**
   * Everything accumulated since the last call, handed out once; undefined when there is nothing.
   */
  drain(): Ready | undefined
  /** When to step `wake` if nothing happens before. */
  deadline(): Millis | undefined
  status(at: Instant): ReplicaStatus
  /** Complete, canonical, plain data: replicas with equal images behave alike. */
  image(): unknown
}

/** What a replica is opened from. */
export interface ReplicaParts {
  readonly self: NodeSerial
  readonly options: ReplicaOptions
  /** What the store held. */
  readonly durable: DurableState
  readonly reader: RecordReader
  /**
   * What a replica before this one, in the same process and on the same store, had taken and not
   * answered: this one answers it.
   */
  readonly submissions?: ReadonlyMap<TxnId, SubmissionId>
  /** Starts its timers. */
  readonly at: Instant
}

/**
 * A replica that goes on from what its store held. Throws a RangeError for options outside their
 * ranges.
 */
export function openReplica(parts: ReplicaParts): Replica {
  return new AccordReplica(parts)
}

class AccordReplica implements Replica {
  readonly #context: Context
  readonly #peers: Peers
  readonly #progress: ProgressLog
  readonly #execution: ExecutionOrder
  readonly #divergence: Divergence
  readonly #identity: Identity
  readonly #lead: Lead
  readonly #coordination: Coordination
  readonly #reads: Reads
  readonly #reorder: ReorderBuffer
  readonly #door: DoorParts
  readonly #upkeep: Upkeep
  readonly #harvest: Harvest
  readonly #closing: Closing
  readonly #membership: Membership
  readonly #truncation: Truncation
  readonly #applying: Applying
  /** After the last execution, and as far as that is durable. */
  #applied: Watermark
  #appliedDurable: Watermark
  #durableSeq: bigint
  #blocked = false
  #lastRound = 0

  constructor(parts: ReplicaParts) {
    const { durable } = parts
    const live = durable.live.filter(({ id }) => id >= durable.floors.closedBefore)
    this.#context = openContext(parts, live)
    this.#applied = durable.applied
    this.#appliedDurable = durable.applied
    this.#durableSeq = durable.durableSeq
    this.#lead = leadFor(this.#context)
    const { rounds, peers, progress } = this.#lead
    this.#peers = peers
    this.#progress = progress
    this.#execution = new ExecutionOrder(this.#context)
    this.#divergence = new Divergence(this.#context, durable.divergedAt)
    this.#reorder = new ReorderBuffer(this.#context)
    this.#coordination = new Coordination(this.#lead, live, parts.submissions)
    this.#closing = new Closing({
      ...this.#lead,
      isDriven: (id) => rounds.get(id) !== undefined,
      isServing: () => this.#phase() === 'serving',
      number: () => this.#roundNumber(),
      submit: (txn) => this.#coordination.submitBarrier(txn),
    })
    this.#membership = new Membership({
      ...this.#lead,
      isDriven: (id) => rounds.get(id) !== undefined,
      number: () => this.#roundNumber(),
      position: () => this.#applied.position,
      storeOf: (serial) => this.#identity.storeOf(serial),
      submit: (txn) => this.#coordination.submitReconfig(txn, undefined),
      opened: () => this.#opened(),
      finished: () => this.#finished(),
    })
    this.#identity = new Identity(this.#context, this.#peers, durable)
    this.#truncation = new Truncation(this.#context, this.#peers)
    this.#harvest = new Harvest(this.#context, {
      ...{ identity: this.#identity, truncation: this.#truncation },
      divergence: this.#divergence,
    })
    this.#reads = new Reads({
      ...{ lead: this.#lead, openedSeq: durable.durableSeq },
      hasVote: () => this.#identity.isAdmitted,
      wantWrite: () => this.#harvest.wantWrite(),
    })
    this.#applying = {
      ...{ context: this.#context, coordination: this.#coordination, reads: this.#reads },
      ...{ execution: this.#execution, closing: this.#closing, harvest: this.#harvest },
      membership: this.#membership,
    }
    const hearing = {
      ...{ context: this.#context, lead: this.#lead, coordination: this.#coordination },
      ...{ reads: this.#reads, identity: this.#identity, divergence: this.#divergence },
      ...{ closing: this.#closing, membership: this.#membership, reorder: this.#reorder },
      applied: () => this.#appliedDurable,
    }
    const told = { facts: () => this.#facts(), reach: () => this.#reach() }
    this.#upkeep = new Upkeep({ ...hearing, ...told })
    this.#door = { ...hearing, upkeep: this.#upkeep }
    this.#resume(live)
    this.#settle()
  }

  step(input: Input, at: Instant): void {
    if (this.#context.stopped) return
    this.#context.now = at
    this.#take(input)
    this.#settle()
  }

  drain(): Ready | undefined {
    if (!this.#context.stopped) this.#reads.leave()
    return this.#harvest.take(this.#applied)
  }

  deadline(): Millis | undefined {
    if (this.#context.stopped) return undefined
    let next = this.#upkeep.next
    const { rounds } = this.#lead
    const more = [this.#reads.next(), this.#closing.next, this.#reorder.next()]
    for (const at of [rounds.next(), this.#progress.next(), ...more, this.#membership.next]) {
      if (at !== undefined && at < next) next = at
    }
    return next
  }

  status(at: Instant): ReplicaStatus {
    this.#context.now = at
    return reportOf(this.#door, this.#phase())
  }

  image(): unknown {
    return imageOf({
      context: this.#context,
      lead: this.#lead,
      ...{ execution: this.#execution.image(), reads: this.#reads.image() },
      more: [
        this.#applied,
        this.#appliedDurable,
        this.#upkeep.next,
        [this.#lastRound, this.#closing.image()],
        this.#truncation.image(),
        this.#membership.image(),
        this.#coordination.image(),
        this.#blocked,
        this.#identity.isAdmitted,
        this.#reorder.image(),
      ],
    })
  }

  /**
   * What was undecided or unapplied when the node stopped is gone on with; own rounds are never
   * resumed under ZERO.
   */
  #resume(live: readonly TxnRecord[]): void {
    for (const record of live) {
      this.#execution.changed(record)
      if (record.outcome?.kind === 'decided') this.#execution.decisionStored(record.id)
      else if (nodeOf(record.id) === this.#context.self) this.#progress.watchNow(record.id)
      this.#coordination.changed(record)
    }
  }

  #take(input: Input): void {
    switch (input.kind) {
      case 'submit':
        this.#submit(input)
        return
      case 'reconfigure':
        this.#reconfigure(input)
        return
      case 'read':
      case 'cancelRead':
        this.#reads.take(input)
        return
      case 'receive':
        receive(this.#door, input.from, input.message)
        return
      case 'stored':
        this.#stored(input.ready)
        return
      case 'executed':
        this.#executed(input.id, input.result)
        return
      case 'executionBlocked':
        this.#blocked = true
        this.#execution.halt()
        return
      case 'link':
        this.#upkeep.link(input.peer, input.up)
        return
      case 'offer':
        this.#context.features.offerAll()
        return
      case 'wake':
        this.#upkeep.wake()
        this.#coordination.wake()
        this.#reads.wake()
        this.#reorder.wake()
        this.#closing.wake()
        this.#truncation.log.review(this.#appliedDurable.position)
        this.#membership.wake()
        return
      default:
        unreachable(input)
    }
  }

  #submit({ submission, keys, payload }: Input & { kind: 'submit' }): void {
    const reason = this.#unwilling()
    if (reason === undefined) this.#coordination.submit(submission, { keys, payload })
    else this.#context.out.answers.push({ kind: 'refused', submission, reason })
  }

  #reconfigure(input: Input & { kind: 'reconfigure' }): void {
    const parts = {
      ...{ context: this.#context, peers: this.#peers, position: this.#applied.position },
      storeOf: (serial: NodeSerial) => this.#identity.storeOf(serial),
    }
    const asked = this.#unwilling() ?? prepareReconfig(parts, input)
    this.#coordination.reconfigure(input.submission, asked)
  }

  /** Why nothing is ordered here now. */
  #unwilling(): RefusedSubmission | undefined {
    if (this.#divergence.isDiverged) return 'stopped'
    const { role } = this.#context.epochs
    if (role !== 'voter') return role
    return this.#identity.isAdmitted ? undefined : 'notReady'
  }

  /** The next epoch is open. */
  #opened(): void {
    this.#identity.opened()
    this.#closing.opened()
    this.#coordination.opened()
    if (this.#context.epochs.role === 'removed') this.#reads.stop()
  }

  /** An epoch is finished: its ids are closed. */
  #finished(): void {
    this.#coordination.closed(this.#context.floors.closedBefore)
    this.#execution.closed()
    this.#reads.closed()
    this.#reads.epochFinished()
  }

  #stored(ready: ReadyId): void {
    const pending = this.#harvest.stored(ready)
    const { ledger, floors } = this.#context
    ledger.stored(ready)
    const isClosed = pending.floors.closedBefore > floors.durable.closedBefore
    floors.stored(pending.floors)
    this.#truncation.stored(ready)
    if (isClosed) this.#truncation.closed()
    this.#appliedDurable = pending.applied
    this.#durableSeq = pending.durableSeq
    this.#upkeep.greet(this.#identity.peersStored(pending.peers))
    if (pending.features !== undefined) this.#context.features.written(pending.features)
    for (const end of pending.ends) this.#context.succession.stored(end)
    for (const id of pending.decided) this.#execution.decisionStored(id)
    this.#context.out.answers.push(...pending.answers)
    this.#context.out.reads.push(...pending.reads)
    this.#reads.stored(pending.durableSeq)
    this.#divergence.reached(this.#appliedDurable.position)
  }

  #executed(id: TxnId, result: ExecutionResult): void {
    apply(this.#applying, id, result)
    this.#applied = result.watermark
    this.#lead.catchUp.proceed(this.#execution.waitingCount)
  }

  /**
   * Draws the consequences of the records that changed, until none is left; then releases what may
   * run.
   */
  #settle(): void {
    const { ledger } = this.#context
    do {
      for (const id of ledger.takeTouched()) {
        const record = ledger.get(id)
        if (record === undefined) continue
        this.#coordination.changed(record)
        this.#execution.changed(record)
        this.#reads.changed(record)
        this.#closing.changed(record)
        this.#membership.changed(record)
      }
      this.#closing.review()
      this.#membership.review()
    } while (ledger.isTouched)
    this.#upkeep.tellFeatures()
    if (this.#divergence.isDiverged) {
      this.#execution.halt()
      this.#reads.stop()
    }
    this.#execution.release()
    for (const { id, known } of this.#execution.takeBlockers()) {
      if (this.#lead.rounds.get(id) === undefined) this.#progress.blocks(id, known)
    }
  }

  /** Each round that takes a number begins with a write, after which the next number is higher. */
  #roundNumber(): number {
    this.#lastRound = Math.max(this.#lastRound + 1, 8 * Number(this.#identity.durableSeq))
    return this.#lastRound
  }

  #facts(): HeartbeatFacts {
    return {
      storeId: this.#identity.storeId,
      applied: this.#appliedDurable,
      durableSeq: this.#durableSeq,
      inFlight: this.#coordination.ownUndecidedCount,
      phase: this.#phase(),
    }
  }

  #reach(): Reach {
    return { position: this.#applied.position, unapplied: this.#execution.waitingCount }
  }

  #phase(): NodePhase & ReplicaStatus['phase'] {
    if (this.#divergence.isDiverged) return 'diverged'
    if (this.#blocked) return 'blocked'
    if (this.#context.epochs.role === 'learner') return 'learner'
    return this.#identity.isAdmitted ? 'serving' : 'starting'
  }
}

/** What rounds have at hand, of a replica that begins now. */
function leadFor(context: Context): Lead {
  const peers = new Peers([], context.now.elapsed)
  const progress = new ProgressLog(context, peers)
  const catchUp = new CatchUpLog(context, peers)
  return { context, peers, progress, catchUp, rounds: new Rounds() }
}
