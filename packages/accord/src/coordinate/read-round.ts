/**
 * Leading reads that write nothing (`protocol.md` 9): ask a quorum what stands before now, wait
 * until all of it is applied here, then let the state be read. cassandra-accord:
 * CoordinateEphemeralRead.
 *
 * Reads that are here when ReadDeps leaves share a round; a later one never joins it, for the
 * answers may be older than what it must see.
 */

import { millis, type Millis } from '../brand.ts'
import type { Input, ReadId } from '../input.ts'
import type { ReadDepsOk } from '../message/message.ts'
import { isEpochClosing } from '../replicate/on-raise-floor.ts'
import { depsForRead } from '../replicate/on-read-deps.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { Epoch, NodeSerial, TxnId } from '../time/timestamp.ts'
import { mergeDeps, type Deps, type Mark } from '../txn/deps.ts'
import { sameKeys, type Keys } from '../txn/keys.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { resendAfter, type Lead } from './round.ts'

/** Rounds under way at once: what comes meanwhile shares the next. */
const ROUNDS_MAX = 16
/** Reads that wait here at once. */
const READS_MAX = 16_384
/** Numbers of rounds that one durable write of this life is good for. */
const ROUNDS_PER_WRITE = 4_096

/** What reads ask of the rest of the replica. */
export interface ReadsParts {
  readonly lead: Lead
  /** Whether this node has a vote: else its own answer does not count. */
  readonly hasVote: () => boolean
  /** The number of the last durable write that the store was opened with. */
  readonly openedSeq: bigint
  /** A write is needed, if only for its number. */
  readonly wantWrite: () => void
}

/** Reads that wait together. */
interface Together {
  readonly keys: Keys
  readonly reads: Set<ReadId>
}

interface ReadRound extends Together {
  readonly number: number
  readonly epoch: Epoch
  readonly replies: Map<NodeSerial, Deps>
  resends: number
  /** Of the merged deps, what is not applied here; undefined until a quorum answered. */
  ids: Set<TxnId> | undefined
  marks: readonly Mark[]
}

/** All reads of one replica, from their beginning to their answer. */
export class Reads {
  readonly #parts: ReadsParts
  readonly #where = new Map<ReadId, Together>()
  /** Not yet asked for, in the order of their beginning. */
  #gathered: Together[] = []
  readonly #rounds = new Map<number, ReadRound>()
  readonly #timers = new Deadlines<number>()
  readonly #waiters = new Map<TxnId, Set<ReadRound>>()
  #storedSeq: bigint
  /** The next free number, and the first that is not. */
  #next = 0
  #end = 0
  /** Of rounds that ask nobody: below 0, each used once. */
  #unasked = 0
  #isStopped = false

  constructor(parts: ReadsParts) {
    this.#parts = parts
    this.#storedSeq = parts.openedSeq
  }

  /** Reads without an answer. */
  get size(): number {
    return this.#where.size
  }

  next(): Millis | undefined {
    return this.#timers.next()
  }

  /** One that begins joins those with the same keys that wait to be asked for. */
  take(input: Input & { kind: 'read' | 'cancelRead' }): void {
    if (input.kind === 'cancelRead') {
      this.#cancel(input.read)
      return
    }
    const { read, keys } = input
    const reason = this.#refusal()
    if (reason === undefined) this.#gather(read, keys)
    else this.#parts.lead.context.out.reads.push({ kind: 'refused', read, reason })
  }

  #refusal(): 'stopped' | 'busy' | 'unsupported' | undefined {
    const { epochs, features } = this.#parts.lead.context
    if (this.#isStopped) return 'stopped'
    if (this.#where.size >= READS_MAX) return 'busy'
    if (epochs.open.peers.length > 0 && !features.enabled('reads')) return 'unsupported'
    return undefined
  }

  /** Nobody waits for it any more; a round that nobody waits for ends. */
  #cancel(read: ReadId): void {
    const together = this.#where.get(read)
    if (together === undefined) return
    this.#where.delete(read)
    together.reads.delete(read)
    if (together.reads.size > 0) return
    this.#gathered = this.#gathered.filter((each) => each !== together)
    for (const round of this.#rounds.values()) if (round === together) this.#drop(round)
  }

  /** The state here may not be read any more: all are refused from here on. */
  stop(): void {
    this.#isStopped = true
    for (const read of this.#where.keys())
      this.#parts.lead.context.out.reads.push({ kind: 'refused', read, reason: 'stopped' })
    this.#where.clear()
    this.#gathered = []
    for (const round of [...this.#rounds.values()]) this.#drop(round)
  }

  /**
   * What is about to be drained leaves now: with it the question for all that wait to be asked.
   * While its epoch closes here, they wait for the next (10.3).
   */
  leave(): void {
    this.#gatherAgain()
    if (isEpochClosing(this.#parts.lead.context)) return
    while (this.#gathered.length > 0 && this.#rounds.size < ROUNDS_MAX) {
      const number = this.#takeNumber()
      const together = number === undefined ? undefined : this.#gathered.shift()
      if (number === undefined || together === undefined) return
      this.#ask(number, together)
    }
  }

  /** Of each member the first answer counts. Those of earlier rounds, or lives, find no round. */
  onReadDepsOk(from: NodeSerial, message: ReadDepsOk): void {
    const round = this.#rounds.get(message.round)
    if (round === undefined || round.ids !== undefined || round.replies.has(from)) return
    const { open } = this.#parts.lead.context.epochs
    if (round.epoch !== open.epoch || !open.isVoter(from)) return
    round.replies.set(from, message.deps)
    this.#check(round)
  }

  /** A record changed: somebody may have waited for it. */
  changed({ id, outcome }: TxnRecord): void {
    if (outcome !== undefined) this.#review(id)
  }

  /** A Barrier was executed: ids below it are applied here or dead. */
  closed(): void {
    for (const id of [...this.#waiters.keys()]) this.#review(id)
  }

  /** The marks here rose. */
  advanced(): void {
    for (const round of this.#rounds.values()) {
      if (round.marks.length === 0) continue
      round.marks = this.#unresolved(round.marks)
      this.#finish(round)
    }
  }

  /** An epoch is finished here. */
  epochFinished(): void {
    for (const round of [...this.#rounds.values()]) this.#finish(round)
  }

  /** Every write up to this number is durable. */
  stored(seq: bigint): void {
    this.#storedSeq = seq
  }

  /** Asks again where no answer came from. */
  wake(): void {
    const { context } = this.#parts.lead
    for (;;) {
      const number = this.#timers.takeDue(context.now.elapsed)
      const round = number === undefined ? undefined : this.#rounds.get(number)
      if (round === undefined) return
      round.resends += 1
      this.#send(round)
    }
  }

  /** For images. */
  image(): unknown {
    return {
      gathered: this.#gathered.map(({ keys, reads }) => ({ keys, reads: [...reads] })),
      rounds: [...this.#rounds.values()].map((round) => ({
        number: round.number,
        epoch: round.epoch,
        keys: round.keys,
        reads: [...round.reads],
        replies: [...round.replies].sort(([a], [b]) => a - b),
        ids: round.ids === undefined ? undefined : [...round.ids],
        marks: round.marks,
        resends: round.resends,
        at: this.#timers.at(round.number),
      })),
      numbers: [this.#next, this.#end, this.#unasked, this.#storedSeq],
      isStopped: this.#isStopped,
    }
  }

  /**
   * No number is used twice, in no life of this node: it belongs to a write that this life made
   * durable. An answer to a round of an earlier life finds none.
   */
  #takeNumber(): number | undefined {
    if (this.#parts.lead.context.epochs.open.peers.length === 0) return (this.#unasked -= 1)
    if (this.#next === this.#end) {
      const first = Number(this.#storedSeq) * ROUNDS_PER_WRITE
      if (this.#storedSeq === this.#parts.openedSeq || first < this.#end) {
        this.#parts.wantWrite()
        return undefined
      }
      this.#next = first
      this.#end = first + ROUNDS_PER_WRITE
    }
    return this.#next++
  }

  /** What was asked of another epoch, and not answered by its quorum, is asked of the open one. */
  #gatherAgain(): void {
    const { open } = this.#parts.lead.context.epochs
    for (const round of this.#rounds.values()) {
      if (round.epoch === open.epoch || round.ids !== undefined) continue
      this.#drop(round)
      for (const read of round.reads) this.#gather(read, round.keys)
    }
  }

  #gather(read: ReadId, keys: Keys): void {
    let together = this.#gathered.find((each) => sameKeys(each.keys, keys))
    if (together === undefined) this.#gathered.push((together = { keys, reads: new Set() }))
    together.reads.add(read)
    this.#where.set(read, together)
  }

  #ask(number: number, { keys, reads }: Together): void {
    const { lead, hasVote } = this.#parts
    const { open } = lead.context.epochs
    const round: ReadRound = {
      ...{ number, epoch: open.epoch, keys, reads, replies: new Map(), resends: 0 },
      ...{ ids: undefined, marks: [] },
    }
    for (const read of reads) this.#where.set(read, round)
    this.#rounds.set(number, round)
    if (hasVote() && open.isVoter(lead.context.self) && !isEpochClosing(lead.context))
      round.replies.set(lead.context.self, depsForRead(lead.context, keys))
    this.#send(round)
    this.#check(round)
  }

  #send(round: ReadRound): void {
    const { context, peers } = this.#parts.lead
    const { epochs, out } = context
    const { number, epoch, keys, replies, resends } = round
    for (const peer of epochs.open.peers) {
      if (!replies.has(peer)) out.atOnce(peer, { kind: 'readDeps', round: number, epoch, keys })
    }
    this.#timers.set(number, millis(context.now.elapsed + resendAfter(peers, resends)))
  }

  #check(round: ReadRound): void {
    if (round.replies.size < this.#parts.lead.context.epochs.open.sizes.q) return
    this.#timers.clear(round.number)
    const deps = mergeDeps([...round.replies.values()])
    round.ids = new Set(deps.ids.filter((id) => !this.#isResolved(id)))
    round.marks = this.#unresolved(deps.marks)
    for (const id of round.ids) {
      const waiters = this.#waiters.get(id) ?? new Set()
      this.#waiters.set(id, waiters.add(round))
      this.#expedite(id)
    }
    for (const { id } of round.marks) this.#expedite(id)
    const isWaiting = round.ids.size > 0 || round.marks.length > 0
    this.#parts.lead.context.out.notice({
      kind: 'event',
      name: isWaiting ? 'readWaits' : 'readHasAll',
    })
    this.#finish(round)
  }

  /** When nothing is left to wait for: readable once all that was executed is durable. */
  #finish(round: ReadRound): void {
    if (round.ids === undefined || round.ids.size > 0 || round.marks.length > 0) return
    // Whoever answered has executed nothing of this epoch before all earlier ones (10.4).
    if (this.#parts.lead.context.succession.executing < round.epoch) return
    for (const read of round.reads) {
      this.#where.delete(read)
      this.#parts.lead.context.out.readsAfterStore.push({ kind: 'ready', read })
    }
    this.#drop(round)
  }

  #drop(round: ReadRound): void {
    this.#rounds.delete(round.number)
    this.#timers.clear(round.number)
    for (const id of round.ids ?? []) {
      const waiters = this.#waiters.get(id)
      waiters?.delete(round)
      if (waiters?.size === 0) this.#waiters.delete(id)
    }
  }

  #review(id: TxnId): void {
    const waiters = this.#waiters.get(id)
    if (waiters === undefined || !this.#isResolved(id)) return
    this.#waiters.delete(id)
    for (const round of waiters) {
      round.ids?.delete(id)
      this.#finish(round)
    }
  }

  /** As before an execution (5.1), at the end of time: every decided dep must be applied. */
  #isResolved(id: TxnId): boolean {
    const { ledger, marks, floors } = this.#parts.lead.context
    if (floors.isClosed(id)) return true
    const record = ledger.get(id)
    if (record?.outcome === undefined) return false
    if (record.applied || record.outcome.kind === 'invalidated') return true
    return record.keys !== undefined && marks.covers(record.keys, record.outcome.executeAt)
  }

  #unresolved(marks: readonly Mark[]): readonly Mark[] {
    return marks.filter((mark) => !this.#parts.lead.context.marks.resolves(mark))
  }

  /** What is undecided here, or unknown, is asked about without the usual delay (7.1). */
  #expedite(id: TxnId): void {
    const { context, rounds, progress } = this.#parts.lead
    const record = context.ledger.get(id)
    if (record?.outcome === undefined && rounds.get(id) === undefined)
      progress.blocks(id, record !== undefined)
  }
}
