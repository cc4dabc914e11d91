/** The one door of the protocol: one input in, what follows from it out (`architecture.md` 5). */

import { millis, type Millis } from './brand.ts'
import { Chance } from './chance.ts'
import type { Context } from './context.ts'
import { Coordination } from './coordinate/coordination.ts'
import { onAcceptOk } from './coordinate/accept-round.ts'
import { onAcceptInvalidOk } from './coordinate/invalidate-round.ts'
import { onPreAcceptOk, onRefused } from './coordinate/pre-accept-round.ts'
import { onRecoverOk } from './coordinate/recover-round.ts'
import { Rounds, type Lead } from './coordinate/round.ts'
import { Divergence, onHashAt } from './execute/divergence.ts'
import { ExecutionOrder } from './execute/execution-order.ts'
import { imageOf } from './image.ts'
import type { ExecutionResult, Input, Instant, ReadyId } from './input.ts'
import { invariant, unreachable } from './invariant.ts'
import { Identity } from './membership/identity.ts'
import { fits } from './message/fits.ts'
import { idOfRequest } from './message/request-id.ts'
import type { Heartbeat, Message, NodePhase, Watermark } from './message/message.ts'
import { parseReplicaOptions, type ReplicaOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import { CatchUpLog, onCatchUp } from './progress/catch-up.ts'
import { hearHeartbeat, heartbeatFor } from './progress/heartbeat.ts'
import { Peers } from './progress/peers.ts'
import { ProgressLog } from './progress/progress-log.ts'
import type { Answer, DurableState, Ready, RecordReader, Write } from './ready.ts'
import { onAccept, onAcceptInvalid } from './replicate/on-accept.ts'
import { onPreAccept } from './replicate/on-pre-accept.ts'
import { onQuery } from './replicate/on-query.ts'
import { onRecover } from './replicate/on-recover.ts'
import { onStable } from './replicate/on-stable.ts'
import { HybridClock } from './time/hybrid-clock.ts'
import { epochOf, nodeOf, type NodeSerial, type TxnId } from './time/timestamp.ts'
import { Topology } from './topology/topology.ts'
import { AppliedMarks } from './txn/applied-marks.ts'
import { Ledger } from './txn/ledger.ts'

/** A view for status pages; not part of any promise. */
export interface ReplicaStatus {
  readonly inFlight: number
  readonly undecided: number
  readonly oldestUndecidedMs: number
  readonly unapplied: number
  readonly admitted: boolean
  readonly phase: 'starting' | 'serving' | 'diverged' | 'blocked'
  readonly suspected: readonly NodeSerial[]
  readonly peers: readonly PeerStatus[]
}

/** One other member, as seen from here. */
export interface PeerStatus {
  readonly serial: NodeSerial
  readonly rttMs: number
  readonly clockOffsetMs: number
  /** Of its last heartbeat, 0 before the first. */
  readonly position: bigint
}

export interface Replica {
  /** Advances by one input: synchronous, total, deterministic in (state, input, at). Throws only InvariantError. */
  step(input: Input, at: Instant): void
  /** Everything accumulated since the last call, handed out once; undefined when there is nothing. */
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
  /** Starts its timers. */
  readonly at: Instant
}

/** A replica that goes on from what its store held. Throws a RangeError for options outside their ranges. */
export function openReplica(parts: ReplicaParts): Replica {
  return new SingleEpochReplica(parts)
}

/** What becomes true when a Ready is stored. */
interface Pending {
  readonly decided: readonly TxnId[]
  readonly answers: readonly Answer[]
  readonly applied: Watermark
  readonly durableSeq: bigint
}

class SingleEpochReplica implements Replica {
  readonly #context: Context
  readonly #peers: Peers
  readonly #progress: ProgressLog
  readonly #catchUp: CatchUpLog
  readonly #execution: ExecutionOrder
  readonly #divergence: Divergence
  readonly #identity: Identity
  readonly #lead: Lead
  readonly #coordination: Coordination
  readonly #pending = new Map<ReadyId, Pending>()
  #appliedWrites: Write[] = []
  #appliedIds = new Set<TxnId>()
  /** After the last execution, and as far as that is durable. */
  #applied: Watermark
  #appliedDurable: Watermark
  #durableSeq: bigint
  #nextReady = 0
  #heartbeatAt: Millis
  #blocked = false

  constructor(parts: ReplicaParts) {
    const { durable, reader, self } = parts
    const limits = parseReplicaOptions(parts.options)
    const members = durable.members.map((member) => member.serial)
    this.#context = {
      self,
      limits,
      topology: new Topology({ self, epoch: durable.epoch, members }),
      clock: new HybridClock(self, durable.hlcReserve),
      ledger: new Ledger({ reader, cachedMax: limits.recordsCachedMax, live: durable.live }),
      marks: new AppliedMarks(durable.marks),
      reader,
      chance: new Chance(limits.seed),
      out: new Outbox(),
      now: parts.at,
      stopped: false,
    }
    invariant(this.#context.topology.isMember(self), 'a replica is a member of its epoch')
    this.#applied = durable.applied
    this.#appliedDurable = durable.applied
    this.#durableSeq = durable.durableSeq
    this.#heartbeatAt = parts.at.elapsed
    this.#peers = new Peers(this.#context.topology.peers, parts.at.elapsed)
    this.#progress = new ProgressLog(this.#context, this.#peers)
    this.#catchUp = new CatchUpLog(this.#context, this.#peers)
    this.#execution = new ExecutionOrder(this.#context)
    this.#divergence = new Divergence(this.#context)
    this.#identity = new Identity(this.#context, this.#peers, durable)
    const rounds = new Rounds()
    this.#lead = { context: this.#context, peers: this.#peers, progress: this.#progress, catchUp: this.#catchUp, rounds }
    this.#coordination = new Coordination(this.#lead, durable.live)
    this.#resume(durable)
    this.#settle()
  }

  step(input: Input, at: Instant): void {
    if (this.#context.stopped) return
    this.#context.now = at
    this.#take(input)
    this.#settle()
  }

  drain(): Ready | undefined {
    const context = this.#context
    if (context.stopped) return this.#drainStopped()
    const id = this.#nextReady as ReadyId
    const writes = this.#takeWrites(id)
    if (writes.length === 0 && context.out.isEmpty) return undefined
    this.#nextReady += 1
    const { out } = context
    context.out = new Outbox()
    this.#pending.set(id, {
      decided: decisionsIn(writes),
      answers: out.answersAfterStore,
      applied: this.#applied,
      durableSeq: this.#identity.durableSeq,
    })
    const { send, sendAfterStore, execute, answers, notices } = out
    return { id, send, writes, sendAfterStore, execute, answers, notices }
  }

  deadline(): Millis | undefined {
    if (this.#context.stopped) return undefined
    let next = this.#heartbeatAt
    for (const at of [this.#lead.rounds.next(), this.#progress.next()]) {
      if (at !== undefined && at < next) next = at
    }
    return next
  }

  status(at: Instant): ReplicaStatus {
    this.#context.now = at
    const peers = [...this.#peers.all()]
    return {
      inFlight: this.#coordination.ownUndecidedCount,
      undecided: this.#progress.size + this.#lead.rounds.size,
      oldestUndecidedMs: this.#progress.oldestMs(),
      unapplied: this.#context.ledger.conflicts.size,
      admitted: this.#identity.isAdmitted,
      phase: this.#phase(),
      suspected: peers.filter((peer) => peer.suspected).map((peer) => peer.serial),
      peers: peers.map(({ serial, latency, heartbeat }) => ({
        serial,
        rttMs: latency.median,
        clockOffsetMs: latency.offsetMs,
        position: heartbeat?.applied.position ?? 0n,
      })),
    }
  }

  image(): unknown {
    return imageOf({
      context: this.#context,
      lead: this.#lead,
      execution: this.#execution.image(),
      more: [this.#applied, this.#appliedDurable, this.#heartbeatAt, this.#blocked, this.#identity.isAdmitted],
    })
  }

  /** What was undecided or unapplied when the node stopped is gone on with; own rounds are never resumed under ZERO. */
  #resume(durable: DurableState): void {
    for (const record of durable.live) {
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
      case 'receive':
        this.#receive(input.from, input.message)
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
        this.#link(input.peer, input.up)
        return
      case 'wake':
        this.#wake()
        return
      default:
        unreachable(input)
    }
  }

  #submit(input: Input & { kind: 'submit' }): void {
    const { submission, keys, payload } = input
    const reason = this.#divergence.isDiverged ? 'stopped' : this.#identity.isAdmitted ? undefined : 'notReady'
    if (reason === undefined) this.#coordination.submit(submission, { keys, payload })
    else this.#context.out.answers.push({ kind: 'refused', submission, reason })
  }

  #receive(from: NodeSerial, message: Message): void {
    const { topology, out } = this.#context
    const why = topology.isMember(from) && from !== this.#context.self ? fits(message, from, topology) : 'not a peer'
    if (why !== undefined) {
      out.notice({ kind: 'rejected', from, what: why })
      return
    }
    if (this.#peers.heard(this.#context, from)) this.#coordination.suspicionChanged()
    if (message.kind !== 'heartbeat' && message.kind !== 'amnesia' && this.#peers.get(from).distrusted) return
    const id = idOfRequest(message)
    if (id !== undefined) {
      if (epochOf(id) !== topology.epoch) {
        out.atOnce(from, { kind: 'wrongEpoch', open: topology.epoch, ends: [] })
        return
      }
      // A store that no quorum knows yet has no vote (ADR 0019).
      if (!this.#identity.isAdmitted) return
    }
    this.#hear(from, message)
  }

  #hear(from: NodeSerial, message: Message): void {
    const context = this.#context
    switch (message.kind) {
      case 'preAccept':
        onPreAccept(context, from, message)
        return
      case 'preAcceptOk':
        onPreAcceptOk(this.#lead, from, message)
        return
      case 'refused':
        onRefused(this.#lead, from, message)
        return
      case 'accept':
        onAccept(context, from, message)
        return
      case 'acceptOk':
        onAcceptOk(this.#lead, from, message)
        return
      case 'acceptInvalid':
        onAcceptInvalid(context, from, message)
        return
      case 'acceptInvalidOk':
        onAcceptInvalidOk(this.#lead, from, message)
        return
      case 'recover':
        onRecover(context, from, message)
        return
      case 'recoverOk':
        onRecoverOk(this.#lead, from, message)
        return
      case 'nack':
        this.#coordination.onNack(message)
        return
      case 'decided':
        this.#coordination.onDecided(from, message)
        return
      case 'invalidated':
        this.#coordination.onInvalidated(message.id)
        return
      case 'stable':
        onStable(context, from, message)
        return
      case 'query':
        onQuery(context, from, { message, tokenOf: (id) => this.#coordination.tokenOf(id) })
        return
      case 'queryOk':
        this.#coordination.onQueryOk(from, message)
        return
      default:
        this.#hearUpkeep(from, message)
    }
  }

  #hearUpkeep(from: NodeSerial, message: Message): void {
    const context = this.#context
    switch (message.kind) {
      case 'catchUp':
        if (!this.#divergence.isDiverged) onCatchUp(context, from, message)
        return
      case 'logChunk':
        this.#catchUp.receive(from, message)
        return
      case 'heartbeat':
        this.#onHeartbeat(from, message)
        return
      case 'amnesia':
        this.#identity.onAmnesia(from, message)
        return
      case 'hashAt':
        onHashAt(context, from, message)
        return
      case 'hashAtOk':
        this.#divergence.onHashAtOk(from, message)
        return
      default:
        context.out.notice({ kind: 'rejected', from, what: `${message.kind} is of no use in this version` })
    }
  }

  #onHeartbeat(from: NodeSerial, message: Heartbeat): void {
    const isNew = this.#identity.knownStoreId(from).length === 0
    if (!this.#identity.onHeartbeat(from, message)) return
    hearHeartbeat(this.#context, this.#peers, { from, message })
    this.#divergence.compare(from, message.applied, this.#appliedDurable.position)
    this.#catchUp.review(this.#reach())
    // So that a new store learns at once that it is known here.
    if (isNew) this.#context.out.afterStore(from, this.#heartbeat(from))
  }

  #link(peer: NodeSerial, up: boolean): void {
    if (!this.#context.topology.peers.includes(peer)) return
    if (up) this.#context.out.atOnce(peer, this.#heartbeat(peer))
    if (!this.#peers.link(this.#context, peer, up)) return
    if (!up) this.#progress.suspected(peer)
    this.#coordination.suspicionChanged()
  }

  #wake(): void {
    const { now, limits, topology, out } = this.#context
    if (this.#heartbeatAt <= now.elapsed) {
      this.#heartbeatAt = millis(now.elapsed + limits.heartbeatMs)
      const silent = this.#peers.takeSilent(this.#context)
      for (const peer of silent) this.#progress.suspected(peer.serial)
      if (silent.length > 0) this.#coordination.suspicionChanged()
      for (const peer of topology.peers) out.atOnce(peer, this.#heartbeat(peer))
      this.#divergence.repeat()
      this.#catchUp.review(this.#reach())
    }
    this.#coordination.wake()
  }

  #stored(ready: ReadyId): void {
    const pending = this.#pending.get(ready)
    invariant(pending !== undefined, 'only what was drained is stored')
    this.#pending.delete(ready)
    this.#context.ledger.stored(ready)
    this.#appliedDurable = pending.applied
    this.#durableSeq = pending.durableSeq
    for (const id of pending.decided) this.#execution.decisionStored(id)
    this.#context.out.answers.push(...pending.answers)
    this.#divergence.reached(this.#appliedDurable.position)
  }

  /** Applied, here, from this step on: record, entry, marks and mutations in one write (`protocol.md` 5.2). */
  #executed(id: TxnId, result: ExecutionResult): void {
    const { ledger, marks, out } = this.#context
    this.#execution.executed(id)
    const record = ledger.get(id)
    const { txn, keys, outcome } = record ?? {}
    invariant(record !== undefined && txn !== undefined, 'what was executed has its payload')
    invariant(keys !== undefined && outcome?.kind === 'decided', 'what was executed is decided')
    const { executeAt } = outcome
    const entry = { id, executeAt, txn, deps: { ids: [], marks: marks.of(keys) }, watermark: result.watermark }
    const applied = { ...record, applied: true }
    const changed = marks.advance({ keys, id, at: executeAt })
    ledger.put(applied)
    this.#applied = result.watermark
    this.#appliedIds.add(id)
    this.#appliedWrites.push({ kind: 'applied', record: applied, entry, marks: changed, mutations: result.mutations })
    out.notice({ kind: 'applied', id, executeAt, watermark: result.watermark })
    this.#catchUp.proceed(this.#execution.waitingCount)
  }

  /** Draws the consequences of the records that changed, until none is left; then releases what may run. */
  #settle(): void {
    const { ledger } = this.#context
    for (let touched = ledger.takeTouched(); touched.length > 0; touched = ledger.takeTouched()) {
      for (const id of touched) {
        const record = ledger.get(id)
        if (record === undefined) continue
        this.#coordination.changed(record)
        this.#execution.changed(record)
      }
    }
    if (this.#divergence.isDiverged) this.#execution.halt()
    this.#execution.release()
    for (const { id, known } of this.#execution.takeBlockers()) {
      if (this.#lead.rounds.get(id) === undefined) this.#progress.blocks(id, known)
    }
  }

  #takeWrites(id: ReadyId): Write[] {
    const writes = [...this.#context.ledger.takeWrites(id, this.#appliedIds), ...this.#appliedWrites]
    this.#appliedWrites = []
    this.#appliedIds = new Set()
    const { peers, admitted } = this.#identity.takeWrites(writes.length > 0)
    for (const peer of peers) writes.push({ kind: 'peer', peer })
    if (admitted) writes.push({ kind: 'admitted' })
    if (writes.length === 0) return writes
    const hlc = this.#context.clock.extendReserve()
    if (hlc !== undefined) writes.push({ kind: 'hlcReserve', hlc })
    this.#identity.durableSeq += 1n
    writes.push({ kind: 'durableSeq', seq: this.#identity.durableSeq })
    return writes
  }

  /** After the end only the reason is told: nothing more is written, sent, executed or answered. */
  #drainStopped(): Ready | undefined {
    const { notices } = this.#context.out
    this.#context.out = new Outbox()
    if (notices.length === 0) return undefined
    const id = this.#nextReady as ReadyId
    this.#nextReady += 1
    return { id, send: [], writes: [], sendAfterStore: [], execute: [], answers: [], notices }
  }

  #heartbeat(to: NodeSerial): Heartbeat {
    const lead = { context: this.#context, peers: this.#peers, identity: this.#identity }
    return heartbeatFor(lead, to, {
      applied: this.#appliedDurable,
      durableSeq: this.#durableSeq,
      inFlight: this.#coordination.ownUndecidedCount,
      phase: this.#phase(),
    })
  }

  #phase(): NodePhase & ReplicaStatus['phase'] {
    if (this.#divergence.isDiverged) return 'diverged'
    if (this.#blocked) return 'blocked'
    return this.#identity.isAdmitted ? 'serving' : 'starting'
  }

  #reach(): { position: bigint; unapplied: number } {
    return { position: this.#applied.position, unapplied: this.#execution.waitingCount }
  }
}

/** The decisions in a write that wait for it to be executed. */
function decisionsIn(writes: readonly Write[]): readonly TxnId[] {
  const ids: TxnId[] = []
  for (const write of writes) {
    if (write.kind === 'record' && write.record.outcome?.kind === 'decided' && !write.record.applied) {
      ids.push(write.record.id)
    }
  }
  return ids
}
