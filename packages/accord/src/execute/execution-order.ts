/**
 * What may execute, and when: each decided transaction once, after all that conflicts and stands
 * before it (`protocol.md` 5). Executions are released in order, ahead of their results: what is
 * released before counts as applied for what is released after, for the driver runs them in that
 * order.
 */

import type { Context } from '../context.ts'
import { stop } from '../stop.ts'
import { invariant } from '../invariant.ts'
import { epochOf, type TxnId, type Timestamp } from '../time/timestamp.ts'
import type { AppliedMarks } from '../txn/applied-marks.ts'
import type { Deps, Mark } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import type { TxnRecord } from '../txn/txn-record.ts'

interface Waiting {
  readonly id: TxnId
  readonly executeAt: Timestamp
  readonly keys: Keys
  /** As decided, or as taken from a log. */
  readonly deps: Deps
  /** Those of them that are not resolved. */
  readonly ids: Set<TxnId>
  marks: readonly Mark[]
  /** Whether the decision is durable here, and the payload at hand. */
  durable: boolean
  hasTxn: boolean
}

/** What keeps the least decided transaction from running. */
export interface Blocker {
  readonly id: TxnId
  readonly known: boolean
}

/**
 * Each decided transaction is released once in a process, in an order that all nodes share by key.
 */
export class ExecutionOrder {
  readonly #context: Context
  readonly #waiting = new Map<TxnId, Waiting>()
  readonly #waitersOf = new Map<TxnId, Set<TxnId>>()
  readonly #waitingForMarks = new Set<TxnId>()
  readonly #runnable = new Map<TxnId, Waiting>()
  /** Released and not yet executed, in order. */
  readonly #released: TxnId[] = []
  readonly #releasedIds = new Set<TxnId>()
  readonly #releasedMarks: AppliedMarks
  /** Deps found undecided since the last call of takeBlockers. */
  #blockers = new Map<TxnId, boolean>()
  #halted = false

  constructor(context: Context) {
    this.#context = context
    this.#releasedMarks = context.marks.copy()
  }

  /** Decided here and neither applied nor released. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  get releasedCount(): number {
    return this.#released.length
  }

  /** Nothing is released from here on. */
  halt(): void {
    this.#halted = true
  }

  get isHalted(): boolean {
    return this.#halted
  }

  /** A record changed: it may begin to wait, and others may have waited for it. */
  changed(record: TxnRecord): void {
    const { id, outcome } = record
    if (outcome?.kind === 'decided' && !record.applied && outcome.deps !== undefined)
      this.#follow(record)
    if (record.applied) this.#drop(id)
    if (outcome !== undefined) this.#recheckWaiters(id)
  }

  /** The decision of `id` is durable here. */
  decisionStored(id: TxnId): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    waiting.durable = true
    this.#reviewRunnable(waiting)
  }

  /** A Barrier was executed: deps below it are applied or dead. */
  closed(): void {
    for (const dep of [...this.#waitersOf.keys()]) {
      if (this.#context.floors.isClosed(dep)) this.#recheckWaiters(dep)
    }
    for (const id of [...this.#blockers.keys()]) {
      if (this.#context.floors.isClosed(id)) this.#blockers.delete(id)
    }
  }

  /** Releases all that may run, least executeAt first. */
  release(): void {
    while (!this.#halted) {
      const next = this.#least()
      if (next === undefined) return
      if (this.#releasedMarks.covers(next.keys, next.executeAt)) {
        const why = `transaction ${next.id} was decided below what runs already: deps are missing`
        stop(this.#context, { code: 'NODE_FAILED', why })
        return
      }
      const txn = this.#context.ledger.get(next.id)?.txn
      invariant(txn !== undefined, 'what is runnable has its payload')
      this.#drop(next.id)
      this.#released.push(next.id)
      this.#releasedIds.add(next.id)
      this.#releasedMarks.advance({ keys: next.keys, id: next.id, at: next.executeAt })
      this.#context.out.execute.push({ id: next.id, executeAt: next.executeAt, txn })
      this.#recheckWaiters(next.id)
      this.#recheckMarks()
    }
  }

  /** The driver executed it: it must be the first of those released. */
  executed(id: TxnId): void {
    invariant(this.#released[0] === id, 'executions return in the order of their release')
    this.#released.shift()
    this.#releasedIds.delete(id)
  }

  isReleased(id: TxnId): boolean {
    return this.#releasedIds.has(id)
  }

  /** Undecided or unknown deps met since the last call, in the order of ids. */
  takeBlockers(): readonly Blocker[] {
    if (this.#blockers.size === 0) return []
    const found = [...this.#blockers].map(([id, known]) => ({ id, known }))
    this.#blockers = new Map()
    return found.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Whether something decided waits for `id`. */
  isWaitedFor(id: TxnId): boolean {
    return this.#waitersOf.has(id)
  }

  /** For images. */
  image(): unknown {
    return {
      waiting: [...this.#waiting.values()]
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ id, durable, hasTxn }) => ({ id, durable, hasTxn })),
      released: [...this.#released],
      halted: this.#halted,
    }
  }

  #follow(record: TxnRecord): void {
    const known = this.#waiting.get(record.id)
    const { id, outcome, keys } = record
    const isSame = known !== undefined && outcome?.kind === 'decided' && known.deps === outcome.deps
    if (isSame) {
      known.hasTxn = record.txn !== undefined
      this.#reviewRunnable(known)
      return
    }
    if (this.#releasedIds.has(record.id)) return
    // Other deps, taken from a log: what it waited for before counts no more.
    if (known !== undefined) this.#drop(id)
    invariant(
      outcome?.kind === 'decided' && outcome.deps !== undefined,
      'only decisions with deps are executed',
    )
    invariant(keys !== undefined, 'keys are known with the decision')
    const waiting: Waiting = {
      id,
      executeAt: outcome.executeAt,
      keys,
      deps: outcome.deps,
      ids: new Set(outcome.deps.ids),
      marks: outcome.deps.marks,
      durable: false,
      hasTxn: record.txn !== undefined,
    }
    this.#waiting.set(id, waiting)
    for (const dep of waiting.ids) {
      let waiters = this.#waitersOf.get(dep)
      if (waiters === undefined) this.#waitersOf.set(dep, (waiters = new Set()))
      waiters.add(id)
    }
    if (waiting.marks.length > 0) this.#waitingForMarks.add(id)
    for (const dep of [...waiting.ids]) this.#reviewDep(waiting, dep)
    this.#reviewMarks(waiting)
    this.#reviewRunnable(waiting)
  }

  #drop(id: TxnId): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    for (const dep of waiting.ids) this.#unlink(waiting, dep)
    this.#waiting.delete(id)
    this.#runnable.delete(id)
    this.#waitingForMarks.delete(id)
  }

  #recheckWaiters(id: TxnId): void {
    const waiters = this.#waitersOf.get(id)
    if (waiters === undefined) return
    for (const waiter of [...waiters]) {
      const waiting = this.#waiting.get(waiter)
      if (waiting === undefined) continue
      this.#reviewDep(waiting, id)
      this.#reviewRunnable(waiting)
    }
  }

  #recheckMarks(): void {
    for (const id of [...this.#waitingForMarks]) {
      const waiting = this.#waiting.get(id)
      if (waiting === undefined) continue
      this.#reviewMarks(waiting)
      this.#reviewRunnable(waiting)
    }
  }

  #reviewDep(waiting: Waiting, dep: TxnId): void {
    if (this.#isResolved(dep, waiting.executeAt)) this.#unlink(waiting, dep)
  }

  #unlink(waiting: Waiting, dep: TxnId): void {
    waiting.ids.delete(dep)
    const waiters = this.#waitersOf.get(dep)
    waiters?.delete(waiting.id)
    if (waiters?.size === 0) this.#waitersOf.delete(dep)
  }

  /**
   * applied · Invalidated · below closedBefore · decided with a later executeAt · decided and
   * covered (5.1).
   */
  #isResolved(dep: TxnId, executeAt: Timestamp): boolean {
    if (this.#context.floors.isClosed(dep)) return true
    const record = this.#context.ledger.get(dep)
    if (record?.outcome === undefined) {
      this.#blockers.set(dep, record !== undefined)
      return false
    }
    if (record.outcome.kind === 'invalidated' || record.outcome.executeAt > executeAt) return true
    if (record.applied || this.#releasedIds.has(dep)) return true
    return (
      record.keys !== undefined && this.#releasedMarks.covers(record.keys, record.outcome.executeAt)
    )
  }

  #reviewMarks(waiting: Waiting): void {
    if (waiting.marks.length === 0) return
    waiting.marks = waiting.marks.filter((mark) => !this.#releasedMarks.resolves(mark))
    if (waiting.marks.length === 0) this.#waitingForMarks.delete(waiting.id)
    for (const mark of waiting.marks) {
      const record = this.#context.ledger.get(mark.id)
      if (record?.outcome === undefined) this.#blockers.set(mark.id, record !== undefined)
    }
  }

  #reviewRunnable(waiting: Waiting): void {
    if (!waiting.durable || !waiting.hasTxn || waiting.ids.size > 0 || waiting.marks.length > 0)
      return
    this.#runnable.set(waiting.id, waiting)
  }

  #least(): Waiting | undefined {
    let least: Waiting | undefined
    const { executing } = this.#context.succession
    for (const waiting of this.#runnable.values()) {
      // An epoch begins when everything of the one before is executed (10.4).
      if (epochOf(waiting.id) !== executing) continue
      if (least === undefined || waiting.executeAt < least.executeAt) least = waiting
    }
    return least
  }
}
