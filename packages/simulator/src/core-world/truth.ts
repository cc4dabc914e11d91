/**
 * What is true in a run, and whether it may be (`protocol.md` 13.1). It sees what became durable,
 * what left a node, what was executed and answered, and trusts nothing that a core says of itself.
 */

import {
  conflict,
  epochOf,
  nodeOf,
  nodeSerial,
  type ConflictKey,
  type Deps,
  type Execution,
  type Keys,
  type Message,
  type NodeSerial,
  type Notice,
  type ReadId,
  type SubmissionId,
  type Timestamp,
  type TxnId,
  type TxnRecord,
} from '@synevi/accord'
import { ClosedIds } from './closed-ids.ts'
import type { Effect } from './effect.ts'
import { ExecutionOrder } from './execution-order.ts'
import {
  ballotKey,
  copyKnown,
  checkDeps,
  imageOfKnown,
  newbornOf,
  proposalOf,
  sameDeps,
  type KnownTxn,
} from './known-txn.ts'
import { checkAnswer, checkChosen, checkFast, checkKept, checkSupport, quorums } from './legal.ts'
import { KnownEpochs } from './known-epochs.ts'
import { KnownReads } from './known-reads.ts'
import { Minted } from './minted.ts'
import { Submissions } from './submissions.ts'
import { check } from './violation.ts'

/** Fed with every effect of every node, in order; throws at the first that may not be. */
export class Truth {
  readonly n: number
  readonly #total: number
  epochs: KnownEpochs
  readonly #universe: readonly ConflictKey[]
  readonly #known = new Map<TxnId, KnownTxn>()
  #submissions = new Submissions()
  reads: KnownReads = new KnownReads()
  #minted = new Minted()
  #closed = new ClosedIds()
  readonly #incarnations: number[]
  readonly #order: ExecutionOrder
  /** Members that took log entries from a peer. */
  #caughtUp = 0

  /** Members 0 … n-1 of epoch 1, `total` nodes in all. `universe`: the keys of the run. */
  constructor(n: number, universe: readonly ConflictKey[], total: number = n) {
    this.n = n
    this.#total = total
    this.epochs = new KnownEpochs(Array.from({ length: n }, (_, i) => nodeSerial(i)))
    this.#universe = universe
    this.#incarnations = Array.from({ length: total }, () => 1)
    this.#order = new ExecutionOrder(total, universe)
  }

  /** A copy that shares nothing mutable. */
  copy(): Truth {
    const copy = new Truth(this.n, this.#universe, this.#total)
    copy.#take(this)
    return copy
  }

  #take(from: Truth): void {
    for (const [id, known] of from.#known) this.#known.set(id, copyKnown(known))
    this.#submissions = from.#submissions.copy()
    this.reads = from.reads.copy()
    this.#minted = from.#minted.copy()
    this.#closed = from.#closed.copy()
    this.epochs = from.epochs.copy()
    from.#incarnations.forEach((incarnation, i) => (this.#incarnations[i] = incarnation))
    this.#order.take(from.#order)
    this.#caughtUp = from.#caughtUp
  }

  /** All of it as plain data: equal images judge alike. */
  image(): unknown {
    const known = [...this.#known.values()].map((each) => imageOfKnown(each))
    return [
      known,
      this.#submissions.image(),
      this.reads.image(),
      this.#incarnations,
      this.#order.image(),
      this.#caughtUp,
      this.#closed.image(),
      this.epochs.image(),
    ]
  }

  /** By birth. */
  known(): Iterable<KnownTxn> {
    return this.#known.values()
  }

  get(id: TxnId): KnownTxn | undefined {
    return this.#known.get(id)
  }

  /** What `node` executed, in order. */
  executed(node: NodeSerial): readonly TxnId[] {
    return this.#order.executed(node)
  }

  /** A client hands a batch to `node`. Before the core hears of it. */
  submitted(node: NodeSerial, submission: SubmissionId, keys: Keys): void {
    const before: KnownTxn[] = []
    for (const known of this.#known.values()) {
      if (typeof known.outcome === 'bigint' && conflict(known.keys, keys)) before.push(known)
    }
    const life = this.#incarnations[node] ?? 0
    this.#submissions.add(submission, { node, life, keys, before })
  }

  /** A client reads at `node`. Before the core hears of it. */
  readBegun(node: NodeSerial, read: ReadId, keys: Keys): void {
    const life = this.#incarnations[node] ?? 0
    this.reads.begun(read, { node, life, keys }, this.#known.values())
  }

  /** `message` reaches `to`, before its core hears of it. */
  delivered(from: NodeSerial, to: NodeSerial, message: Message): void {
    if (message.kind === 'preAcceptOk' && message.witnessedAt === message.id) {
      const known = this.#known.get(message.id)
      if (known?.coordinator === to && known.bornIn === this.#incarnations[to])
        known.yesHeard |= 1 << from
    }
    if (message.kind === 'logChunk' && message.entries.length > 0) this.#caughtUp |= 1 << to
  }

  /** What `node` did, in order. Throws a Violation for the first thing that may not be. */
  observe(node: NodeSerial, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'sent':
          this.#sent(node, effect.message)
          break
        case 'wrote':
          this.#wrote(node, effect.record, effect.applied)
          break
        case 'ended':
          this.epochs.ended(node, effect.end, this.#known.values())
          break
        case 'executed':
          this.#executed(node, effect.execution)
          break
        case 'answered':
          this.#answered(node, effect)
          break
        case 'read':
          this.reads.answered(node, effect.answer, ({ id }) => this.#order.hasApplied(node, id))
          break
        case 'noticed':
          this.#noticed(node, effect.notice)
          break
        case 'crashed':
          this.#crashed(node)
          break
      }
    }
  }

  /** Submissions that a node which never stopped since still owes an answer. */
  unanswered(): readonly SubmissionId[] {
    const reads = this.reads.unanswered(this.#incarnations)
    check(reads.length === 0, 'answer', () => `reads ${reads.join(', ')} were never answered`)
    return this.#submissions.unanswered(this.#incarnations)
  }

  #crashed(node: NodeSerial): void {
    this.#order.crashed(node)
    // Born, but never stored nor said: nobody can tell, and the same id may be minted again.
    for (const known of this.#known.values()) {
      if (known.coordinator !== node || known.votes.size > 0) continue
      this.#known.delete(known.id)
      this.#minted.delete(known.id)
    }
    this.#incarnations[node] = (this.#incarnations[node] ?? 0) + 1
  }

  #noticed(node: NodeSerial, notice: Notice): void {
    if (notice.kind === 'submitted') this.#born(node, notice.id, notice.submission)
    if (notice.kind === 'barrier') {
      this.#born(node, notice.id)
      this.#closed.born(notice.id, notice.closedBefore)
    }
    if (notice.kind === 'configuration') this.epochs.announced(notice.configuration)
    if (notice.kind === 'reconfiguring') this.#born(node, notice.id)
    if (notice.kind === 'decided' && notice.path === 'fast') {
      const life = this.#incarnations[node] ?? 0
      checkFast(this.#of(notice.id), { node, life, n: this.epochs.sizeOf(notice.id) })
    }
  }

  /** Without a submission: the protocol's own. */
  #born(node: NodeSerial, id: TxnId, submission?: SubmissionId): void {
    check(nodeOf(id) === node, 'birth', () => `${id} names another coordinator`)
    check(!this.#known.has(id), 'timestamp reused', () => `${id} for two transactions`)
    this.epochs.checkBirth(id)
    this.#minted.add(id, id)
    const submitted = submission === undefined ? undefined : this.#submissions.born(submission, id)
    const own = { life: this.#incarnations[node] ?? 0, keys: 'all' as const }
    const { life, keys, before } = submitted ?? { ...own, before: this.#known.values() }
    const of = { id, keys, coordinator: node, bornIn: life, submission }
    this.#known.set(id, newbornOf(of, before))
  }

  #wrote(node: NodeSerial, record: TxnRecord, applied: boolean): void {
    const known = this.#of(record.id)
    const { vote, accepted, outcome } = record
    this.#closed.wrote(record.id)
    if (vote !== undefined && !known.votes.has(node)) {
      this.epochs.checkVoter(node, known.id)
      known.votes.set(node, vote)
      if (!vote.yes) this.#minted.add(vote.witnessedAt, record.id)
    }
    if (accepted !== undefined) {
      this.epochs.checkVoter(node, known.id)
      proposalOf(known, ballotKey(accepted.ballot), accepted.value).accepted |= 1 << node
      checkKept(known, this.epochs.sizeOf(known.id))
    }
    if (outcome?.kind === 'invalidated') this.#decide(known, 'invalid')
    if (outcome?.kind === 'decided') {
      this.#decide(known, outcome.executeAt)
      if (outcome.deps !== undefined) this.#giveDeps(known, outcome.deps)
    }
    if (applied) this.#order.applied(node, record.id)
    else if (record.applied) {
      check(
        this.#order.hasApplied(node, record.id),
        'applied',
        () => `n${node} applied ${record.id} unexecuted`,
      )
    }
  }

  #sent(node: NodeSerial, message: Message): void {
    switch (message.kind) {
      case 'preAccept': {
        const known = this.#of(message.id)
        const own = known.coordinator === node && known.bornIn === this.#incarnations[node]
        check(own, 'resumed', () => `n${node} sent preAccept of ${message.id} in another life`)
        break
      }
      case 'recover':
        this.#ballot(node, message.id, ballotKey(message.ballot))
        break
      case 'accept':
        this.#proposed(node, message.id, ballotKey(message.ballot), message.executeAt)
        break
      case 'acceptInvalid':
        this.#proposed(node, message.id, ballotKey(message.ballot), 'invalid')
        break
      case 'acceptOk': {
        const allowed = message.deps !== undefined || (this.#caughtUp & (1 << node)) !== 0
        check(
          allowed,
          'covered accept',
          () => `n${node} never caught up, and ${message.id} is covered there`,
        )
        break
      }
      case 'preAcceptOk': {
        const isYes = message.witnessedAt === message.id
        check(
          isYes === (message.deps !== undefined),
          'vote',
          () => `n${node}: deps exactly with a yes`,
        )
        break
      }
      case 'stable':
      case 'decided': {
        const known = this.#of(message.id)
        this.#decide(known, message.executeAt)
        if (message.deps !== undefined) this.#giveDeps(known, message.deps)
        break
      }
      case 'invalidated':
        this.#decide(this.#of(message.id), 'invalid')
        break
      default:
        break
    }
  }

  /** A ballot belongs to one node, and to one life of it (13.1.7). */
  #ballot(node: NodeSerial, id: TxnId, ballot: number): void {
    const known = this.#of(id)
    const owner = ballot === 0 ? known.coordinator : ballot % 65_536
    check(owner === node, 'ballots', () => `n${node} used a ballot of n${owner} for ${id}`)
    const life = this.#incarnations[node] ?? 0
    const first = ballot === 0 ? known.bornIn : (known.ballots.get(ballot) ?? life)
    check(first === life, 'ballots', () => `n${node} used a ballot for ${id} again after a restart`)
    known.ballots.set(ballot, life)
  }

  #proposed(node: NodeSerial, id: TxnId, ballot: number, value: Timestamp | 'invalid'): void {
    this.#ballot(node, id, ballot)
    const known = this.#of(id)
    proposalOf(known, ballot, value)
    const n = this.epochs.sizeOf(id)
    checkKept(known, n)
    if (value !== 'invalid') checkSupport(known, value, quorums(n).f)
  }

  #decide(known: KnownTxn, value: Timestamp | 'invalid'): void {
    const { id, outcome } = known
    check(
      outcome === undefined || outcome === value,
      'agreement',
      () => `${id} is ${outcome} and ${value}`,
    )
    if (outcome !== undefined) return
    const n = this.epochs.sizeOf(id)
    if (value !== 'invalid') {
      this.#closed.checkOpen(id)
      this.epochs.checkOpen(id)
    }
    known.isFast = checkChosen(known, value, n) === 'fast'
    checkKept(known, n)
    known.outcome = value
    if (value === 'invalid') return
    checkSupport(known, value, quorums(n).f)
    check(
      value > known.after,
      'real time',
      () => `${id} stands at ${value}, before ${known.after}, decided earlier`,
    )
    for (const other of this.#known.values()) {
      if (other.id === id || typeof other.outcome !== 'bigint' || !conflict(other.keys, known.keys))
        continue
      check(
        other.outcome !== value,
        'agreement',
        () => `${id} and ${other.id} both stand at ${value}`,
      )
      if (other.outcome < value) continue
      this.#order.checkNotPassed(known, other)
      if (epochOf(other.id) !== epochOf(id)) continue
      for (const deps of other.deps) checkDeps(other, deps, known)
    }
  }

  #giveDeps(known: KnownTxn, deps: Deps): void {
    if (known.deps.some((each) => sameDeps(each, deps))) return
    known.deps.push(deps)
    const at = known.outcome
    for (const other of this.#known.values()) {
      if (other.id === known.id || typeof other.outcome !== 'bigint' || typeof at !== 'bigint')
        continue
      if (epochOf(other.id) !== epochOf(known.id)) continue
      if (other.outcome < at && conflict(other.keys, known.keys)) checkDeps(known, deps, other)
    }
  }

  #executed(node: NodeSerial, execution: Execution): void {
    const known = this.#of(execution.id)
    const { outcome } = known
    check(
      outcome === execution.executeAt,
      'execution',
      () => `n${node} executes ${known.id}, which is ${outcome}`,
    )
    this.#order.executes(node, known, this.#known.values())
  }

  #answered(node: NodeSerial, effect: Effect & { kind: 'answered' }): void {
    const { answer } = effect
    this.#submissions.answered(node, answer)
    if (answer.kind === 'refused') return
    const known = this.#of(answer.id)
    // Its own Barrier told that it never happens, and nobody need ever say so.
    const isDead =
      known.outcome === undefined &&
      (known.id < this.#closed.boundOf(this.executed(node)) || this.epochs.hasEnded(known.id))
    if (isDead && answer.kind === 'invalidated') return
    checkAnswer(node, answer, known.outcome)
  }

  #of(id: TxnId): KnownTxn {
    const known = this.#known.get(id)
    check(known !== undefined, 'birth', () => `${id} was never submitted`)
    return known
  }
}
