/**
 * Nodes in one process for tests: a hub, memory stores, an executor that counts, throws and hangs
 * on demand.
 */

import type { Executor, Outcome } from '../contract/executor.ts'
import { stringCodec, bigintCodec } from '../define/plain-codecs.ts'
import { defineExecutor } from '../define/define-executor.ts'
import { answer, defineQuery, type QueryType } from '../define/query.ts'
import { err, ok } from '../define/result.ts'
import { defineTransaction, on, type TransactionType } from '../define/transaction.ts'
import { LocalHub, LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import type { NodeOptions } from '../options.ts'
import type { AppliedTransaction } from '../read/applied-transaction.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { isSyneviError, type SyneviError } from '../synevi-error.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Adds one and answers what it was before; `no` is refused, `boom` throws. */
export const Add: TransactionType<string, bigint, string> = defineTransaction('count/add', {
  input: stringCodec,
  ok: bigintCodec,
  err: stringCodec,
})
export const Count: QueryType<string, bigint> = defineQuery('count/get', {
  input: stringCodec,
  output: bigintCodec,
})

export const counter: Executor = defineExecutor('count', {
  transactions: [
    on(Add, (name, context) => {
      const counts = context.table('counts', bigintCodec)
      const before = counts.get(name) ?? 0n
      counts.put(name, before + 1n)
      if (name === 'boom') throw new Error('boom it is')
      return name === 'no' ? err('refused') : ok(before)
    }),
  ],
  queries: [answer(Count, (name, view) => view.table('counts', bigintCodec).get(name) ?? 0n)],
})

/** Executions that end when the test says so. */
export function hanging(): { readonly executor: Executor; readonly end: () => void } {
  const waiting: (() => void)[] = []
  const execute = (): Promise<Outcome> =>
    new Promise((resolve) => waiting.push(() => resolve({ ok: true, value: new Uint8Array(0) })))
  const executor = { name: 'hang', version: 1, handles: ['hang/on'], execute }
  return { executor, end: () => waiting.splice(0).forEach((end) => end()) }
}
export const Hang: TransactionType<string, void, never> = defineTransaction('hang/on', {
  input: stringCodec,
})

export interface Cluster {
  readonly clock: VirtualClock
  readonly hub: LocalHub
  readonly nodes: readonly Node[]
  readonly stores: readonly MemoryStore[]
  readonly node: (i: number) => Node
  /** Of another start of the same member: a network of its own, the same store. */
  readonly options: (i: number) => NodeOptions
  readonly close: () => Promise<void>
}

/** Opens `size` nodes, n0 …, serials 0 …, all ready. Time passes by `clock` alone. */
export async function openCluster(
  size: number,
  more: (i: number, clock: VirtualClock) => Partial<NodeOptions> = () => ({}),
): Promise<Cluster> {
  const clock = new VirtualClock()
  const hub = new LocalHub({ clock, delayMs: 1 })
  const stores = Array.from({ length: size }, () => new MemoryStore())
  const members = stores.map((_, i) => ({ id: `n${i}`, serial: i, address: '' }))
  const options = (i: number): NodeOptions => ({
    ...{ self: { id: `n${i}` }, members, clock, network: new LocalNetwork(hub) },
    ...{ store: stores[i] ?? new MemoryStore(), executors: [counter], seed: BigInt(i) },
    ...more(i, clock),
  })
  const nodes = await clock.until(Promise.all(stores.map((_, i) => Node.open(options(i)))))
  const node = (i: number): Node => nodes[i] ?? raise(`no node ${i}`)
  const close = async (): Promise<void> => {
    await clock.until(Promise.all(nodes.map((one) => one.close({ drainMs: 10 }))))
  }
  return { clock, hub, nodes, stores, node, options, close }
}

/** A cluster of one on a clock of its own. */
export async function openAlone(
  more: Partial<NodeOptions> = {},
): Promise<{ readonly clock: VirtualClock; readonly node: Node }> {
  const clock = new VirtualClock()
  const network = new LocalNetwork(new LocalHub({ clock }))
  const options = { self: { id: 'alone' }, network, executors: [counter], clock, ...more }
  return { clock, node: await clock.until(Node.open(options)) }
}

/** The first entries of a node's log. */
export async function take(
  node: Node,
  count: number,
  after = 0n,
): Promise<readonly AppliedTransaction[]> {
  const taken: AppliedTransaction[] = []
  for await (const entry of node.applied({ after })) {
    taken.push(entry)
    if (taken.length === count) break
  }
  return taken
}

/** For what a test cannot go on without. */
export function raise(why: string): never {
  throw new Error(why)
}

/** The failure of a promise that must fail. */
export async function failureOf(promise: Promise<unknown>): Promise<SyneviError> {
  const error: unknown = await promise.then(
    (value) => raise(`it succeeded: ${String(value)}`),
    (reason: unknown) => reason,
  )
  if (isSyneviError(error)) return error
  throw error
}
