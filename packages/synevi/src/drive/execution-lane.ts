/**
 * The execution lane (`architecture.md` 5): transactions in their agreed order, one at a time, the
 * requests of each in order, each behind a savepoint. It decides nothing that others have not
 * decided: positions, agreed time, duplicates and outcomes follow from the log alone, so they are
 * the same on every node.
 */

import {
  InvariantError,
  encodeTxn,
  invariant,
  nodeOf,
  type ApplicationTxn,
  type Bytes,
  type Execution,
  type ExecutionResult,
  type Millis,
  type Mutation,
  type Timestamp,
  type TxnId,
} from '@synevi/accord'
import {
  ChainHasher,
  bytesOfHash,
  textOfHash,
  type HashText,
  type OutcomeNote,
} from '../chain/hash-chain.ts'
import { headsOf } from '../chain/chained-entries.ts'
import type { Executor, LogPosition, Outcome } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { decodeBatch, isLaterBatch, type Request } from '../request.ts'
import { timeAfter } from '../state/agreed-time.ts'
import { durableSource } from '../state/state-source.ts'
import { textOfBytes } from '../state/key-layout.ts'
import { formatPlace, placeKey } from '../state/log-table.ts'
import type { AppliedHead, ClusterSettings } from '../state/node-facts.ts'
import { REMEMBERED_DIGEST_BYTES, RequestMemory, type Remembered } from '../state/request-memory.ts'
import { endingOf, failureOf, isPromise, type Ending } from './ending.ts'
import type { Executed, RequestOutcome } from './outcome.ts'
import { PendingState, type PendingWrites } from './pending-state.ts'
import { RequestContext } from './request-context.ts'
import { routesOf, type Route } from './routes.ts'

/** What an execution leaves: its result, or nothing because this node lacks what it takes. */
export type LaneResult =
  | { readonly kind: 'executed'; readonly executed: Executed }
  /** It names what no executor here handles. Nothing of it was executed. */
  | { readonly kind: 'blocked'; readonly why: string }

/** What a lane is made of. */
export interface LaneParts {
  readonly store: Store
  readonly executors: readonly Executor[]
  readonly settings: ClusterSettings
  /** What the store has applied: executions go on from there. */
  readonly head: AppliedHead
  /** For {@link ExecutionLane.running} alone. */
  readonly elapsed: () => Millis
  /** Told what an `afterApply` effect threw. It may not throw. */
  readonly effectFailed: (error: unknown) => void
}

/** The execution under way. */
export interface Running {
  readonly txnId: TxnId
  /** Of the request. */
  readonly name: string
  /** When the lane began it, or last waited for an executor. */
  readonly since: Millis
}

/** One transaction on its way through the lane. */
interface Batch {
  readonly execution: Execution
  readonly requests: readonly Request[]
  readonly outcomes: RequestOutcome[]
  readonly notes: (OutcomeNote | undefined)[]
  readonly effects: (() => void)[]
  readonly firstPosition: LogPosition
  firstTime: bigint
}

/** One request on its way through the lane. */
interface Step {
  readonly request: Request
  /** Over id, name and payload. */
  readonly digest: HashText
}

/** One that an executor handles. */
interface ExecutorStep extends Step {
  readonly context: RequestContext
}

type ExecutorRoute = Extract<Route, { readonly kind: 'executor' }>

/** What becomes an entry. */
interface EntryOutcome extends Outcome {
  readonly kind: 'applied' | 'failed'
}

const EMPTY: Bytes = new Uint8Array(0)

/**
 * Executes ahead of the disk. A failure of the store, or of an invariant, is thrown (or rejects):
 * the node stops, and so does the lane. What an executor does wrong never is: it is an outcome.
 */
export class ExecutionLane {
  readonly #parts: LaneParts
  readonly #routes: ReadonlyMap<string, Route>
  readonly #pending: PendingState
  readonly #memory: RequestMemory
  readonly #hasher = new ChainHasher()
  readonly #unstored = new Map<TxnId, { writes: PendingWrites; effects: readonly (() => void)[] }>()
  #position: LogPosition
  #time: bigint
  #txnHash: HashText
  #execHash: HashText
  #running: { txnId: TxnId; name: string; since: Millis } | undefined
  #stopped: unknown
  #blockedBy: string | undefined

  /** Throws `INVALID_ARGUMENT` for executors that cannot stand side by side. */
  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#routes = routesOf(parts.executors)
    this.#pending = new PendingState(parts.store)
    const { position } = parts.head.watermark
    const durable = durableSource(parts.store)
    const limits = parts.settings
    this.#memory = new RequestMemory({ sink: this.#pending, durable, limits, position })
    this.#position = position
    this.#time = parts.head.time
    const heads = headsOf(parts.head.watermark)
    this.#txnHash = textOfHash(heads.txnHash)
    this.#execHash = textOfHash(heads.execHash)
  }

  /** Undefined between executions. */
  get running(): Running | undefined {
    return this.#running
  }

  /** Executions whose writes are not durable yet. */
  get unstoredCount(): number {
    return this.#unstored.size
  }

  /** Nothing is executed from here on: what executions would read is not what was written. */
  block(why: string): void {
    this.#blockedBy = why
  }

  /** Whether a request of this name can be executed here. */
  handles(name: string): boolean {
    return this.#routes.has(name)
  }

  /**
   * Executes a transaction, the next in the agreed order. Answers at once when no executor makes it
   * wait, so that a batch costs no turn of the event loop. An executor that never resolves holds up
   * the lane.
   */
  run(execution: Execution): LaneResult | Promise<LaneResult> {
    invariant(this.#running === undefined, 'executions never overlap')
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#blockedBy !== undefined) return { kind: 'blocked', why: this.#blockedBy }
    if (execution.txn.kind !== 'application') return this.#system(execution)
    const requests = requestsOf(execution.txn)
    if (requests === undefined) return { kind: 'blocked', why: 'it is a batch of a later version' }
    for (const { name } of requests) {
      if (!this.#routes.has(name))
        return { kind: 'blocked', why: `no executor here handles ${JSON.stringify(name)}` }
    }
    this.#running = { txnId: execution.id, name: '', since: this.#parts.elapsed() }
    this.#pending.begin()
    const firstPosition = this.#position + 1n
    const batch = {
      execution,
      requests,
      outcomes: [],
      notes: [],
      effects: [],
      firstPosition,
      firstTime: 0n,
    }
    try {
      const waiting = this.#requests(batch)
      if (waiting !== undefined) return this.#waited(batch, waiting)
      return this.#finish(batch)
    } catch (error) {
      throw this.#stop(error)
    }
  }

  /** The write with this execution is durable: the overlay lets go of it, and its effects run. */
  stored(txnId: TxnId): void {
    const unstored = this.#unstored.get(txnId)
    if (unstored === undefined) return
    this.#unstored.delete(txnId)
    unstored.writes.stored()
    for (const effect of unstored.effects) {
      try {
        effect()
      } catch (error) {
        this.#parts.effectFailed(error)
      }
    }
  }

  /** One of the protocol's own: it has no entry, and extends both chains. */
  #system(execution: Execution): LaneResult {
    const { id: txnId, executeAt, txn } = execution
    const place = { position: this.#position, txnId, executeAt }
    const encoded = encodeTxn(txn)
    this.#txnHash = this.#hasher.system(this.#txnHash, place, encoded)
    this.#execHash = this.#hasher.system(this.#execHash, place, encoded)
    return { kind: 'executed', executed: { result: this.#result(executeAt, []), outcomes: [] } }
  }

  async #waited(batch: Batch, first: Promise<void>): Promise<LaneResult> {
    try {
      for (
        let next: Promise<void> | undefined = first;
        next !== undefined;
        next = this.#requests(batch)
      ) {
        await next
        if (this.#running !== undefined) this.#running.since = this.#parts.elapsed()
      }
      return this.#finish(batch)
    } catch (error) {
      throw this.#stop(error)
    }
  }

  /** Goes on with the requests of the batch: undefined when all have an outcome. */
  #requests(batch: Batch): Promise<void> | undefined {
    for (let i = batch.outcomes.length; i < batch.requests.length; i = batch.outcomes.length) {
      const request = batch.requests[i]
      invariant(request !== undefined, 'each request of a batch is there')
      const waiting = this.#request(batch, request)
      if (waiting !== undefined) return waiting
    }
    return undefined
  }

  #request(batch: Batch, request: Request): Promise<void> | undefined {
    const route = this.#routes.get(request.name)
    invariant(route !== undefined, 'what has no route is blocked before it begins')
    if (this.#running !== undefined) this.#running.name = request.name
    const digest = this.#hasher.request(request)
    const first = this.#memory.recall(request.id)
    if (first !== undefined) {
      batch.notes.push(undefined)
      batch.outcomes.push(repeated(request, digest, first))
      return undefined
    }
    if (route.kind === 'barrier') {
      this.#entry(batch, { request, digest }, { kind: 'applied', ok: true, value: EMPTY })
      return undefined
    }
    return this.#execute(batch, route, {
      request,
      digest,
      context: this.#context(batch, request, route),
    })
  }

  #context(batch: Batch, request: Request, route: ExecutorRoute): RequestContext {
    const { id: txnId, executeAt } = batch.execution
    return new RequestContext(this.#pending, route.keys, {
      id: request.id,
      txnId,
      index: batch.outcomes.length,
      position: this.#position + 1n,
      coordinator: nodeOf(txnId),
      time: timeAfter(this.#time, executeAt),
    })
  }

  #execute(batch: Batch, route: ExecutorRoute, step: ExecutorStep): Promise<void> | undefined {
    const { name, payload } = step.request
    this.#pending.savepoint()
    let answer: Outcome | Promise<Outcome>
    try {
      answer = route.executor.execute({ name, payload }, step.context)
    } catch (error) {
      this.#ended(batch, step, { kind: 'threw', error })
      return undefined
    }
    if (isPromise(answer))
      return endingOf(answer).then((ending) => this.#ended(batch, step, ending))
    this.#ended(batch, step, { kind: 'returned', outcome: answer })
    return undefined
  }

  /** The executor is done with a request. Throws when it was not its own doing that went wrong. */
  #ended(batch: Batch, step: ExecutorStep, ending: Ending): void {
    step.context.close()
    if (this.#pending.failure !== undefined) throw this.#pending.failure
    if (ending.kind === 'threw' && ending.error instanceof InvariantError) throw ending.error
    const failure = failureOf(ending, this.#parts.settings.resultMaxBytes)
    if (failure !== undefined || ending.kind === 'threw') {
      this.#pending.rollback()
      const value = Buffer.from(failure ?? '', 'utf8')
      this.#entry(batch, step, { kind: 'failed', ok: false, value })
      return
    }
    if (step.context.effects.length > 0) batch.effects.push(...step.context.effects)
    const { ok, value } = ending.outcome
    this.#entry(batch, step, { kind: 'applied', ok, value })
  }

  /** An executed request takes its place: position, time, chain, request memory. */
  #entry(batch: Batch, step: Step, outcome: EntryOutcome): void {
    const { id } = step.request
    const { id: txnId, executeAt } = batch.execution
    const { kind, ok } = outcome
    // A copy, plain and for good: the executor may use its bytes again.
    const value = outcome.value.byteLength === 0 ? EMPTY : new Uint8Array(outcome.value)
    const position = this.#position + 1n
    const time = timeAfter(this.#time, executeAt)
    const note = this.#hasher.note({ kind, ok, value })
    this.#txnHash = this.#hasher.txn(this.#txnHash, { position, txnId, executeAt }, step.digest)
    this.#execHash = this.#hasher.exec(this.#execHash, position, note)
    this.#position = position
    this.#time = time
    if (position === batch.firstPosition) batch.firstTime = time
    const digest = step.digest.slice(0, REMEMBERED_DIGEST_BYTES)
    this.#memory.remember(id, { position, time, txnId, digest, kind, ok, value })
    batch.notes.push(note)
    batch.outcomes.push({ id, kind, ok, value, duplicate: false, position, time, txnId })
  }

  #finish(batch: Batch): LaneResult {
    const { id: txnId, executeAt } = batch.execution
    const { firstPosition, firstTime, notes, outcomes, effects } = batch
    if (this.#position >= firstPosition) {
      this.#memory.finishPage(this.#position)
      const place = { txnId, executeAt, firstPosition, firstTime, outcomes: notes }
      this.#pending.put(textOfBytes(placeKey(this.#position)), formatPlace(place))
    }
    const writes = this.#pending.finish()
    this.#unstored.set(txnId, { writes, effects })
    this.#running = undefined
    const result = this.#result(executeAt, writes.mutations)
    return { kind: 'executed', executed: { result, outcomes } }
  }

  #result(executeAt: Timestamp, mutations: readonly Mutation[]): ExecutionResult {
    const hashes = { txnHash: bytesOfHash(this.#txnHash), execHash: bytesOfHash(this.#execHash) }
    return { watermark: { position: this.#position, executeAt, ...hashes }, mutations }
  }

  /** The state of an unfinished transaction is of no use to anyone. */
  #stop(error: unknown): unknown {
    this.#stopped = error
    this.#running = undefined
    return error
  }
}

/**
 * Undefined for a batch of a later version. What no version can read is empty: all nodes have the
 * same bytes.
 */
function requestsOf(txn: ApplicationTxn): readonly Request[] | undefined {
  const requests = decodeBatch(txn.payload)
  if (requests !== undefined) return requests
  return isLaterBatch(txn.payload) ? undefined : []
}

/** The outcome of an id that was used before. */
export function repeated(request: Request, digest: HashText, first: Remembered): RequestOutcome {
  const { position, time, txnId } = first
  const { id } = request
  if (first.digest !== digest.slice(0, REMEMBERED_DIGEST_BYTES)) {
    return { id, kind: 'reused', ok: false, value: EMPTY, duplicate: false, position, time, txnId }
  }
  const { ok, value } = first
  const kind = value === undefined ? 'forgotten' : first.kind
  return { id, kind, ok, value: value?.slice() ?? EMPTY, duplicate: true, position, time, txnId }
}
