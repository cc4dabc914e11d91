/**
 * A lane and its state without consensus: what a test says is decided is executed, and stored when
 * it says so.
 */

import {
  DEFAULT_KEYS,
  emptyRecord,
  epoch,
  hlc,
  millis,
  nodeSerial,
  timestampOf,
  type Bytes,
  type Execution,
  type LogEntry,
  type TxnRecord,
  type Write,
} from '@synevi/accord'
import { payloadDigest } from '../chain/hash-chain.ts'
import type { ExecuteContext, Executor, Outcome } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { ExecutionLane, type LaneResult } from '../drive/execution-lane.ts'
import type { Executed } from '../drive/outcome.ts'
import { encodeBatch, type Request } from '../request.ts'
import type { ClusterSettings } from '../state/node-facts.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { NodeState } from '../state/node-state.ts'
import type { NodeStateOptions } from '../state/store-identity.ts'

export const SETTINGS: ClusterSettings = {
  dedupMax: 1000,
  dedupResultMaxBytes: 64,
  resultMaxBytes: 1024,
}

/** Options of the node that all tests open, unless they say otherwise. */
export function stateOptions(settings: ClusterSettings = SETTINGS): NodeStateOptions {
  return {
    self: { id: 'node-a', serial: nodeSerial(0) },
    cluster: new Uint8Array(16).fill(7),
    epoch: epoch(1),
    members: [{ serial: nodeSerial(0), id: 'node-a', address: 'a:1' }],
    settings,
    random: (count) => new Uint8Array(count).fill(9),
  }
}

/** A request with a small number for its id. */
export function request(id: number, name: string, payload: Bytes | string = ''): Request {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(12, id)
  return { id: bytes, name, payload: typeof payload === 'string' ? bytesOf(payload) : payload }
}

/** The order to execute these requests as one transaction, the `place`-th in the order. */
export function executionOf(place: number, requests: readonly Request[]): Execution {
  const payload = encodeBatch(requests)
  const id = placeOf(place)
  const digest = payloadDigest(payload)
  return { id, executeAt: id, txn: { kind: 'application', keys: DEFAULT_KEYS, payload, digest } }
}

/** A Barrier, the `place`-th in the order, that closes what stands before another place. */
export function barrierOf(place: number, before: number): Execution {
  const id = placeOf(place)
  return { id, executeAt: id, txn: { kind: 'barrier', closedBefore: placeOf(before) } }
}

export function placeOf(place: number): Execution['id'] {
  const at = (1_700_000_000_000_000_000n + BigInt(Math.round(place * 1000))) << 16n
  return timestampOf({ epoch: epoch(1), hlc: hlc(at), node: nodeSerial(3) })
}

export function bytesOf(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

export function textOf(bytes: Bytes): string {
  return Buffer.from(bytes).toString('utf8')
}

/** One process of a node. */
export class LaneUnderTest {
  readonly store: Store
  readonly state: NodeState
  readonly lane: ExecutionLane
  readonly effectErrors: unknown[] = []
  #unstored: { readonly execution: Execution; readonly executed: Executed }[] = []

  private constructor(store: Store, state: NodeState, executors: readonly Executor[]) {
    this.store = store
    this.state = state
    this.lane = new ExecutionLane({
      store,
      executors,
      settings: state.settings,
      head: state.applied,
      elapsed: () => millis(0),
      effectFailed: (error) => this.effectErrors.push(error),
    })
  }

  static async open(
    store: Store,
    executors: readonly Executor[],
    settings: ClusterSettings = SETTINGS,
  ): Promise<LaneUnderTest> {
    return new LaneUnderTest(store, await NodeState.open(store, stateOptions(settings)), executors)
  }

  /** Executes what must be executable at once; it is stored by {@link flush}. */
  run(execution: Execution): Executed {
    const result = this.lane.run(execution)
    if (result instanceof Promise) throw new Error('the executor made the lane wait')
    return this.#keep(execution, result)
  }

  /** The same for executors that wait. */
  async runSlowly(execution: Execution): Promise<Executed> {
    return this.#keep(execution, await this.lane.run(execution))
  }

  /** Makes the oldest executions durable, all by default, in one write. */
  async flush(count: number = this.#unstored.length): Promise<void> {
    const stored = this.#unstored.splice(0, count)
    if (stored.length === 0) return
    await this.store.write(this.state.encode(stored.map(appliedWrite)))
    for (const { execution } of stored) this.lane.stored(execution.id)
  }

  /** Executes and stores. */
  async apply(execution: Execution): Promise<Executed> {
    const executed = this.run(execution)
    await this.flush()
    return executed
  }

  #keep(execution: Execution, result: LaneResult): Executed {
    if (result.kind === 'blocked') throw new Error(`blocked: ${result.why}`)
    this.#unstored.push({ execution, executed: result.executed })
    return result.executed
  }
}

/** What the core asks to be stored once a transaction was executed. */
export function appliedWrite(one: { execution: Execution; executed: Executed }): Write {
  const { id, executeAt, txn } = one.execution
  const deps = { ids: [], marks: [] }
  const { watermark, mutations } = one.executed.result
  const record: TxnRecord = {
    ...emptyRecord(id),
    txn,
    keys: DEFAULT_KEYS,
    outcome: { kind: 'decided', executeAt, deps },
    applied: true,
  }
  const entry: LogEntry = { id, executeAt, txn, deps, watermark }
  const key = txn.kind === 'application' && txn.keys !== 'all' ? (txn.keys[0] ?? 'all') : 'all'
  const closedBefore = txn.kind === 'barrier' ? txn.closedBefore : undefined
  const closing = closedBefore === undefined ? undefined : { floor: closedBefore, closedBefore }
  return { kind: 'applied', record, entry, marks: [{ key, id, at: executeAt }], mutations, closing }
}

/** Everything in a store, as text by text: to compare stores and to change them. */
export function contents(store: Store): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of store.scan({})) {
    all.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'))
  }
  return all
}

/** What an execution does, and gives. */
export type Run = (payload: string, context: ExecuteContext) => unknown

/** An executor of one transaction, `x/run`, that may give anything at all. */
export function executorOf(run: Run, name = 'x'): Executor {
  return {
    name,
    version: 1,
    handles: [`${name}/run`],
    // What JavaScript gives is no more typed than this.
    execute: ({ payload }, context) => run(textOf(payload), context) as Outcome,
  }
}

/** A success. */
export const done = (text = ''): Outcome => ({ ok: true, value: bytesOf(text) })

/** A lane with one such executor and a fresh store. */
export async function laneOf(run: Run): Promise<LaneUnderTest> {
  return LaneUnderTest.open(new MemoryStore(), [executorOf(run)])
}

/** Requests to that executor with these payloads, the ids never used before. */
export function batch(place: number, ...payloads: readonly string[]): Execution {
  return executionOf(
    place,
    payloads.map((payload, i) => request(100_000 * place + i, 'x/run', payload)),
  )
}
