/**
 * One replica core with its disk, its executor and its clock. Every step of the driver (drain,
 * write, post, execute) is a step of the schedule, so that a crash may fall between any two.
 */

import {
  epochOf,
  InvariantError,
  millis,
  nanos,
  openReplica,
  type Execution,
  type FloorOk,
  type Input,
  type Instant,
  type MemberEntry,
  type Message,
  type NodeSerial,
  type Ready,
  type Replica,
  type ReplicaOptions,
  type ReplicaStatus,
  type StoredFeatures,
  type Timestamp,
  type Watermark,
} from '@synevi/accord'
import { executeTrivially, type ChainKind } from './chain.ts'
import { DurableStore } from './durable-store.ts'
import type { Effect } from './effect.ts'
import { checkRecordStep, checkReserve } from './record-step.ts'
import { checkFloorOk, checkStated } from './stated.ts'
import { check, Violation } from './violation.ts'

/** The wall clock at the start of every run, in nanoseconds. */
export const WALL_START = 1_700_000_000_000_000_000n

const NO_EFFECTS: readonly Effect[] = Object.freeze([])

/** What a node is made of: fixed for all its lives. */
export interface CoreNodeParts {
  readonly self: NodeSerial
  readonly members: readonly MemberEntry[]
  readonly options: ReplicaOptions
  readonly chain: ChainKind
  /** Added to the wall clock, in nanoseconds; may be negative. */
  readonly wallOffset: bigint
  /** What its disk says of features at first. Default: all agreed. */
  readonly features?: StoredFeatures | undefined
}

/** Effects are collected in order and taken with {@link CoreNode.takeEffects}. */
export class CoreNode {
  readonly serial: NodeSerial
  readonly store: DurableStore
  readonly #parts: CoreNodeParts
  #replica: Replica | undefined
  #incarnation = 0
  #pending: Ready | undefined
  #queue: Execution[] = []
  /**
   * Learned from a peer's log in this life: executed without a decision on this disk (`protocol.md`
   * 7.4).
   */
  #caughtUp = new Map<bigint, bigint>()
  /** By who asked and the number of the round. */
  readonly #floorsAsked = new Map<string, Timestamp>()
  #head: Watermark
  #elapsed = 0
  #wall: bigint
  #at: Instant
  #effects: Effect[] = []

  constructor(parts: CoreNodeParts) {
    this.serial = parts.self
    this.#parts = parts
    this.store = new DurableStore(parts.self, parts.members, parts.features)
    this.#head = this.store.applied
    this.#wall = WALL_START + parts.wallOffset
    this.#at = this.#instant()
  }

  get alive(): boolean {
    return this.#replica !== undefined
  }

  /** How often it was opened. */
  get incarnation(): number {
    return this.#incarnation
  }

  /** Whether a write waits for the disk. */
  get hasWrite(): boolean {
    return this.#pending !== undefined
  }

  /** Whether an execution waits for the executor. */
  get hasExecution(): boolean {
    return this.#queue.length > 0
  }

  /** Of its clock that never goes back. */
  get elapsedMs(): number {
    return this.#elapsed
  }

  /** Milliseconds until the core wants to be woken; undefined when it never does. */
  get dueInMs(): number | undefined {
    const deadline = this.#replica?.deadline()
    return deadline === undefined ? undefined : Math.max(0, deadline - this.#elapsed)
  }

  status(): ReplicaStatus | undefined {
    return this.#replica?.status(this.#at)
  }

  image(): unknown {
    return this.#replica?.image()
  }

  /** Opens it on what its disk holds. Nothing is said of its links. */
  open(): void {
    check(this.#replica === undefined, 'harness', () => `n${this.serial} is open already`)
    this.#incarnation++
    this.#head = this.store.applied
    try {
      this.#replica = openReplica({
        self: this.serial,
        options: this.#parts.options,
        durable: this.store.state(),
        reader: this.store,
        at: this.#at,
      })
    } catch (error) {
      throw this.#violationOf(error)
    }
    this.#pump()
  }

  /**
   * Power off: what is not stored is gone. `written`: the write under way got through, its messages
   * did not.
   */
  crash(write: 'written' | 'lost'): void {
    const pending = this.#pending
    if (write === 'written' && pending !== undefined) this.#write(pending)
    this.#replica = undefined
    this.#pending = undefined
    this.#queue = []
    this.#caughtUp = new Map()
    this.#effects.push({ kind: 'crashed' })
  }

  /** One input. */
  step(input: Input): void {
    const replica = this.#replica
    if (replica === undefined) return
    if (input.kind === 'receive') this.#heard(input.from, input.message)
    this.#stepCore(replica, input)
    this.#pump()
  }

  /** The write under way is durable; what waited for it leaves. */
  storeWrite(): void {
    const pending = this.#pending
    if (pending === undefined) return
    this.#write(pending)
    this.#pending = undefined
    this.#post(pending)
    this.step({ kind: 'stored', ready: pending.id })
  }

  /** The executor finishes the next transaction. */
  executeNext(): void {
    const execution = this.#queue.shift()
    if (execution === undefined) return
    const result = executeTrivially(this.#head, execution, this.#parts.chain)
    this.#head = result.watermark
    this.#effects.push({ kind: 'executed', execution })
    this.step({ kind: 'executed', id: execution.id, result })
  }

  /** Finishes writes and executions in turn, until it waits for neither. */
  settle(): void {
    for (let turns = 0; this.hasWrite || this.hasExecution; turns++) {
      check(turns < 10_000, 'livelock', () => `n${this.serial} writes without end`)
      if (this.hasExecution) this.executeNext()
      if (this.hasWrite) this.storeWrite()
    }
  }

  /** Time goes on; nobody is woken. `wallMs` may differ: a clock that drifts or jumps. */
  advance(elapsedMs: number, wallMs: number): void {
    this.#elapsed += elapsedMs
    this.#wall += BigInt(wallMs) * 1_000_000n
    this.#at = this.#instant()
  }

  /** The wall clock jumps by nanoseconds, in either direction. */
  jump(wallNanos: bigint): void {
    this.#wall += wallNanos
    this.#at = this.#instant()
  }

  takeEffects(): readonly Effect[] {
    const effects = this.#effects
    if (effects.length === 0) return NO_EFFECTS
    this.#effects = []
    return effects
  }

  /** Drains as a driver does: one Ready at a time, the next only after this one was stored. */
  #pump(): void {
    const replica = this.#replica
    if (replica === undefined) return
    while (this.#pending === undefined) {
      const ready = this.#drainCore(replica)
      if (ready === undefined) return
      this.#release(ready)
      if (ready.writes.length > 0) {
        this.#pending = ready
        return
      }
      this.#post(ready)
      this.#stepCore(replica, { kind: 'stored', ready: ready.id })
    }
  }

  /**
   * What may happen before the write: posts, executions, answers, and what the core wants counted.
   */
  #release(ready: Ready): void {
    for (const notice of ready.notices) {
      if (notice.kind === 'decided' && notice.path === 'fast') this.#checkFast(ready, notice.id)
      check(notice.kind !== 'fatal', 'fatal', () => `n${this.serial}: ${JSON.stringify(notice)}`)
      this.#effects.push({ kind: 'noticed', notice })
    }
    for (const { to, message } of ready.send) {
      checkStated(this.serial, this.store, message)
      this.#effects.push({ kind: 'sent', to, message })
    }
    for (const execution of ready.execute) {
      this.#checkExecution(execution)
      this.#queue.push(execution)
    }
    for (const answer of ready.answers) {
      if (answer.kind === 'settled') {
        const applied = this.store.record(answer.id)?.applied === true
        check(
          applied,
          'stated before stored',
          () => `n${this.serial} answered ${answer.id} before it was durable`,
        )
      }
      this.#effects.push({ kind: 'answered', answer })
    }
    for (const answer of ready.reads) this.#effects.push({ kind: 'read', answer })
  }

  #post(ready: Ready): void {
    for (const { to, message } of ready.sendAfterStore) {
      if (message.kind === 'floorOk') this.#checkFloorOk(to, message)
      checkStated(this.serial, this.store, message)
      this.#effects.push({ kind: 'sent', to, message })
    }
  }

  #heard(from: NodeSerial, message: Message): void {
    if (message.kind === 'logChunk') {
      for (const entry of message.entries) this.#caughtUp.set(entry.id, entry.executeAt)
    }
    if (message.kind === 'raiseFloor')
      this.#floorsAsked.set(`${from} ${message.round}`, message.floor)
  }

  #checkFloorOk(to: NodeSerial, message: FloorOk): void {
    const floor = this.#floorsAsked.get(`${to} ${message.round}`)
    check(floor !== undefined, 'floor', () => `n${this.serial} answers what n${to} never asked`)
    checkFloorOk(this.serial, this.store, { floor, undecided: message.undecided })
  }

  #write(ready: Ready): void {
    const before = ready.writes.map((write) =>
      write.kind === 'record' || write.kind === 'applied'
        ? this.store.record(write.record.id)
        : undefined,
    )
    this.store.write(ready.writes)
    const wrote: { readonly epoch: number; readonly effect: Effect }[] = []
    ready.writes.forEach((write, i) => {
      if (write.kind === 'epochEnd') {
        const { end } = write
        wrote.push({ epoch: end.epoch + 0.5, effect: { kind: 'ended', end } })
      }
      if (write.kind !== 'record' && write.kind !== 'applied') return
      const { record } = write
      checkRecordStep(this.serial, before[i], record)
      checkReserve(this.serial, record, this.store.hlcReserve)
      const applied = write.kind === 'applied'
      wrote.push({ epoch: epochOf(record.id), effect: { kind: 'wrote', record, applied } })
    })
    // One write: what it says of an epoch was true before that ended.
    wrote.sort((a, b) => a.epoch - b.epoch)
    for (const { effect } of wrote) this.#effects.push(effect)
  }

  /** 2.2 b and d: decided fast with nothing promised or accepted, and written with this Ready. */
  #checkFast(ready: Ready, id: bigint): void {
    const write = ready.writes.findLast((each) => each.kind === 'record' && each.record.id === id)
    check(
      write?.kind === 'record',
      'fast path',
      () => `n${this.serial} decided ${id} without writing it`,
    )
    const { promised, accepted, vote } = write.record
    check(
      vote?.yes === true,
      'fast path',
      () => `n${this.serial} decided ${id} without its own vote`,
    )
    check(
      promised.round === 0 && accepted === undefined,
      'fast path',
      () => `n${this.serial} decided ${id} after a promise`,
    )
  }

  #checkExecution(execution: Execution): void {
    const { id, executeAt } = execution
    const record = this.store.record(id)
    check(
      record?.applied !== true,
      'execution',
      () => `n${this.serial} was told to execute ${id}, applied already`,
    )
    const outcome = record?.outcome
    const durable = outcome?.kind === 'decided' && outcome.executeAt === executeAt
    check(
      durable || this.#caughtUp.get(id) === executeAt,
      'stated before stored',
      () => `n${this.serial} executes ${id}, not durably decided`,
    )
  }

  #stepCore(replica: Replica, input: Input): void {
    try {
      replica.step(input, this.#at)
    } catch (error) {
      throw this.#violationOf(error)
    }
  }

  #drainCore(replica: Replica): Ready | undefined {
    try {
      return replica.drain()
    } catch (error) {
      throw this.#violationOf(error)
    }
  }

  /** An assertion of the core that failed is a broken rule; anything else is what it is. */
  #violationOf(error: unknown): unknown {
    if (!(error instanceof InvariantError)) return error
    return new Violation('core invariant', `n${this.serial}: ${error.message}`)
  }

  #instant(): Instant {
    return { wall: nanos(this.#wall < 0n ? 0n : this.#wall), elapsed: millis(this.#elapsed) }
  }
}
