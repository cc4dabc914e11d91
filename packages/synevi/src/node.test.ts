/** Whole nodes in one process, on a virtual clock: what an embedder sees. */

import { describe, expect, test } from 'vitest'
import type { Bytes, Mutation } from '@synevi/accord'
import type { Executor } from './contract/executor.ts'
import type { Range, Store } from './contract/store.ts'
import { bigintCodec, stringCodec } from './define/plain-codecs.ts'
import { defineQuery } from './define/query.ts'
import { defineTransaction } from './define/transaction.ts'
import { LocalHub, LocalNetwork } from './network/local-network.ts'
import { Node } from './node.ts'
import { MemoryStore } from './store/memory-store.ts'
import { SyneviError } from './synevi-error.ts'
import {
  Add,
  Count,
  Hang,
  counter,
  failureOf,
  hanging,
  openAlone,
  openCluster,
  raise,
  take,
} from './test/local-cluster.ts'
import { VirtualClock } from './test/virtual-clock.ts'

const ID = '01JAAAAAAAAAAAAAAAAAAAAAAA'
const UUID = '0192a4f0-7b1c-7cc1-8e2a-1b2c3d4e5f60'

/** A memory store that fails, fills up or holds writes back when told. */
class FaultyStore implements Store {
  readonly #inner = new MemoryStore()
  failure: Error | undefined
  room = true
  #held: (() => void)[] | undefined

  get(key: Bytes): Bytes | undefined {
    return this.#inner.get(key)
  }
  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return this.#inner.scan(range)
  }
  async write(batch: readonly Mutation[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    const held = this.#held
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve))
    await this.#inner.write(batch)
  }
  hold(): void {
    this.#held ??= []
  }
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }
  hasRoom(): boolean {
    return this.room
  }
  async close(): Promise<void> {}
}

describe('a cluster of one', () => {
  test('is ready at once, and its first transaction has position 1', async () => {
    const { clock, node } = await openAlone()
    expect(node.status()).toMatchObject({
      phase: 'ready',
      applied: { position: 0n, hash: '' },
      quorum: { voters: 1, needed: 1, fast: 1 },
    })
    const first = await clock.until(node.submit(Add('a')))
    expect(first).toMatchObject({ ok: true, value: 0n, position: 1n, duplicate: false })
    expect(first.id).toMatch(/^[0-9A-Z]{26}$/)
    expect(await node.read(Count('a'), { consistency: 'local' })).toBe(1n)
    expect(await clock.until(node.read(Count('a')))).toBe(1n)
    expect(node.status()).toMatchObject({
      counters: { submitted: 1n, fastPath: 1n, slowPath: 0n, recovered: 0n },
      applied: { position: 1n },
    })
    await clock.until(node.close())
  })

  test('a refusal is a result; a throw is EXECUTOR_FAILED and leaves no trace', async () => {
    const { clock, node } = await openAlone()
    expect(await clock.until(node.submit(Add('no')))).toMatchObject({
      ok: false,
      error: 'refused',
      position: 1n,
    })
    const thrown = await clock.until(failureOf(node.submit(Add('boom'))))
    expect(thrown).toMatchObject({ code: 'EXECUTOR_FAILED', definite: true, retryable: false })
    expect(thrown.message).toContain('boom it is')
    expect(await node.read(Count('boom'), { consistency: 'local' })).toBe(0n)
    expect(await node.read(Count('no'), { consistency: 'local' })).toBe(1n)
    expect(node.status().applied.position).toBe(2n)
  })

  test('a request id is used once: first outcome, or REQUEST_ID_REUSED', async () => {
    const { clock, node } = await openAlone()
    const [first, again] = await clock.until(
      Promise.all([node.submit(Add('a'), { id: ID }), node.submit(Add('a'), { id: ID })]),
    )
    expect(first).toMatchObject({ id: ID, value: 0n, position: 1n, duplicate: false })
    expect(again).toEqual({ ...first, duplicate: true })
    expect(await clock.until(node.submit(Add('a'), { id: ID }))).toEqual({
      ...first,
      duplicate: true,
    })
    const reused = await clock.until(failureOf(node.submit(Add('b'), { id: ID })))
    expect(reused).toMatchObject({ code: 'REQUEST_ID_REUSED', definite: true })
    expect(await clock.until(node.submit(Add('c'), { id: UUID }))).toMatchObject({
      id: UUID,
      position: 2n,
    })
    expect(await node.read(Count('a'), { consistency: 'local' })).toBe(1n)
  })

  test('an outcome too large to keep: ALREADY_APPLIED at the second use', async () => {
    const { clock, node } = await openAlone({ cluster: { dedupResultMaxBytes: 0 } })
    await clock.until(node.submit(Add('a'), { id: ID }))
    const failure = await clock.until(failureOf(node.submit(Add('a'), { id: ID })))
    expect(failure).toMatchObject({
      code: 'ALREADY_APPLIED',
      definite: true,
      details: { position: '1', duplicate: true },
    })
  })

  test('goes on from its store: state, positions, request memory', async () => {
    const store = new MemoryStore()
    const { clock, node } = await openAlone({ store })
    await clock.until(node.submit(Add('a'), { id: ID }))
    await clock.until(node.close())
    const next = await openAlone({ store })
    expect(next.node.status()).toMatchObject({ phase: 'ready', applied: { position: 1n } })
    expect(await next.clock.until(next.node.submit(Add('a'), { id: ID }))).toMatchObject({
      duplicate: true,
      position: 1n,
    })
    expect(await next.clock.until(next.node.submit(Add('a')))).toMatchObject({
      value: 1n,
      position: 2n,
    })
  })
})

describe('what is refused at the door', () => {
  test('unknown names, reserved names, foreign ids, wrong waits', async () => {
    const { clock, node } = await openAlone()
    const strange = defineTransaction('other/do', { input: stringCodec })
    expect(await failureOf(node.submit(strange('x')))).toMatchObject({
      code: 'UNKNOWN_TRANSACTION',
      definite: true,
    })
    const reserved = { ...Add('a'), name: 'synevi/barrier' }
    expect(await failureOf(node.submit(reserved))).toMatchObject({ code: 'UNKNOWN_TRANSACTION' })
    const query = defineQuery('other/get', { input: stringCodec, output: bigintCodec })
    expect(await failureOf(node.read(query('x')))).toMatchObject({ code: 'UNKNOWN_TRANSACTION' })
    for (const wrong of [
      node.submit(Add('a'), { id: 'not an id' }),
      node.submit(Add('a'), { timeoutMs: 0 }),
      node.submit(Add('a'), { timeoutMs: Number.NaN }),
      node.read(Count('a'), { consistency: { atLeast: -1n } }),
      node.barrier({ timeoutMs: 1.5 }),
      node.verify({ from: 0n }),
      node.applied({ after: -1n }).next(),
    ]) {
      expect(await failureOf(wrong)).toMatchObject({ code: 'INVALID_ARGUMENT', definite: true })
    }
    await clock.settle()
    expect(node.status().applied.position).toBe(0n)
  })

  test('too large: PAYLOAD_TOO_LARGE', async () => {
    const { node } = await openAlone({ limits: { payloadMaxBytes: 100 } })
    expect(await failureOf(node.submit(Add('x'.repeat(100))))).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      definite: true,
    })
  })

  test('a touched reserve: STORE_FULL for writes, reads go on, and back', async () => {
    const store = new FaultyStore()
    const { clock, node } = await openAlone({ store })
    await clock.until(node.submit(Add('a')))
    store.room = false
    expect(await failureOf(node.submit(Add('a')))).toMatchObject({
      code: 'STORE_FULL',
      definite: true,
      retryable: true,
    })
    expect(node.status()).toMatchObject({ phase: 'readOnly' })
    expect(await clock.until(node.read(Count('a')))).toBe(1n)
    store.room = true
    expect(await clock.until(node.submit(Add('a')))).toMatchObject({ value: 1n })
    expect(node.status()).toMatchObject({ phase: 'ready' })
  })
})

test('an effect after the execution runs once it is durable, once, and may throw', async () => {
  const store = new FaultyStore()
  const effects: string[] = []
  const executor: Executor = {
    ...counter,
    execute: (txn, context) => {
      const position = String(context.position)
      context.afterApply(() => raise('an effect that throws'))
      context.afterApply(() => effects.push(position))
      return counter.execute(txn, context)
    },
  }
  const { clock, node } = await openAlone({ store, executors: [executor] })
  store.hold()
  const answer = node.submit(Add('a'))
  await clock.advance(5)
  expect(effects).toEqual([])
  store.release()
  await clock.until(answer)
  await clock.until(node.submit(Add('boom')).catch(() => undefined))
  expect(effects).toEqual(['1'])
})

describe('the log', () => {
  test('history, then live, each once, in order; a break, an abort, a close end it', async () => {
    const { clock, node } = await openAlone()
    for (let i = 0; i < 5; i++) await clock.until(node.submit(Add('a')))
    expect((await take(node, 3, 2n)).map(({ position, name, ok }) => [position, name, ok])).toEqual(
      [3n, 4n, 5n].map((position) => [position, 'count/add', true]),
    )
    const seen: bigint[] = []
    const abort = new AbortController()
    const following = (async () => {
      for await (const { position } of node.applied({ after: 4n, signal: abort.signal }))
        seen.push(position)
    })()
    const toTheEnd = (async () => {
      let last = 0n
      for await (const { position } of node.applied()) last = position
      return last
    })()
    await clock.settle()
    expect(seen).toEqual([5n])
    await clock.until(node.submit(Add('a')))
    await clock.until(node.submit(Add('boom')).catch(() => undefined))
    await clock.settle()
    expect(seen).toEqual([5n, 6n, 7n])
    abort.abort()
    await following
    await clock.until(node.close())
    expect(await toTheEnd).toBe(7n)
  })

  test('hashes are chained, and a whole history of many pages comes without a gap', async () => {
    const { clock, node } = await openAlone()
    await clock.until(Promise.all(Array.from({ length: 700 }, () => node.submit(Add('a')))))
    const log = await take(node, 700)
    expect(log.map(({ position }) => position)).toEqual(log.map((_, i) => BigInt(i + 1)))
    for (const [i, { hashes, time }] of log.entries()) {
      const before = log[i - 1]
      if (before === undefined) continue
      expect(hashes.previous).toEqual(before.hashes.transaction)
      expect(time > before.time).toBe(true)
    }
    expect(Buffer.from(log.at(-1)?.hashes.transaction ?? []).toString('hex')).toBe(
      node.status().applied.hash,
    )
  })

  test('applied events come once each is durable', async () => {
    const { clock, node } = await openAlone()
    const events: string[] = []
    const listening = node.on('applied', ({ position, name }) => events.push(`${position} ${name}`))
    node.on('applied', () => raise('a listener that throws'))
    await clock.until(
      Promise.all([node.submit(Add('a'), { id: ID }), node.submit(Add('a'), { id: ID })]),
    )
    await clock.until(node.barrier())
    listening[Symbol.dispose]()
    await clock.until(node.submit(Add('a')))
    expect(events).toEqual(['1 count/add'])
  })
})

describe('reads', () => {
  test('many linearizable reads at once write nothing and see what was acknowledged', async () => {
    const { clock, node, close } = await openCluster(3)
    await clock.until(node(0).submit(Add('a')))
    const reads = await clock.until(
      Promise.all(Array.from({ length: 100 }, () => node(1).read(Count('a')))),
    )
    expect(reads).toEqual(reads.map(() => 1n))
    expect(node(1).status().applied.position).toBe(1n)
    expect(await clock.until(node(2).barrier())).toBe(1n)
    await close()
  })

  test('atLeast waits for a position, and gives up at its deadline or signal', async () => {
    const { clock, node } = await openAlone()
    const reading = node.read(Count('a'), { consistency: { atLeast: 2n } })
    const late = failureOf(node.read(Count('a'), { consistency: { atLeast: 9n }, timeoutMs: 20 }))
    const abort = new AbortController()
    const cancelled = failureOf(
      node.read(Count('a'), { consistency: { atLeast: 9n }, signal: abort.signal }),
    )
    await clock.until(node.submit(Add('a')))
    await clock.until(node.submit(Add('a')))
    expect(await clock.until(reading)).toBe(2n)
    abort.abort()
    await clock.advance(20)
    expect(await late).toMatchObject({ code: 'TIMEOUT', definite: true })
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', definite: true })
  })

  test('a local read sees only what is durable', async () => {
    const store = new FaultyStore()
    const { clock, node } = await openAlone({ store })
    store.hold()
    const answer = node.submit(Add('a'))
    await clock.advance(5)
    expect(await node.read(Count('a'), { consistency: 'local' })).toBe(0n)
    store.release()
    await clock.until(answer)
    expect(await node.read(Count('a'), { consistency: 'local' })).toBe(1n)
  })
})

describe('ending', () => {
  test('close answers what was taken in, refuses what comes, and is harmless twice', async () => {
    const { clock, node } = await openAlone()
    const taken = Array.from({ length: 20 }, () => node.submit(Add('a')))
    const closing = node.close()
    expect(await failureOf(node.submit(Add('a')))).toMatchObject({ code: 'CLOSED', definite: true })
    expect((await clock.until(Promise.all(taken))).length).toBe(20)
    await clock.until(closing)
    await node.close()
    expect(node.status()).toMatchObject({ phase: 'closed', applied: { position: 20n } })
    expect(await failureOf(node.read(Count('a'), { consistency: 'local' }))).toMatchObject({
      code: 'CLOSED',
    })
    expect(await failureOf(node.barrier())).toMatchObject({ code: 'CLOSED' })
    expect(clock.alarmCount).toBe(0)
  })

  test('close does not wait beyond drainMs: in flight is not definite, queued is', async () => {
    const { executor } = hanging()
    const { clock, node } = await openAlone({
      executors: [executor],
      limits: { transactionsInFlightMax: 1 },
    })
    const flying = failureOf(node.submit(Hang('x')))
    await clock.settle()
    const queued = failureOf(node.submit(Hang('y')))
    await clock.until(node.close({ drainMs: 30 }))
    expect(await flying).toMatchObject({ code: 'CLOSED', definite: false })
    expect(await queued).toMatchObject({ code: 'CLOSED', definite: true })
    expect(clock.alarmCount).toBe(0)
  })

  test('a failed write stops the node: STORE_FAILED for all, onFatal once', async () => {
    const store = new FaultyStore()
    const fatal: Error[] = []
    const { clock, node } = await openAlone({ store, onFatal: (error) => fatal.push(error) })
    await clock.until(node.submit(Add('a')))
    const following = failureOf((async () => void (await take(node, 5)))())
    const cause = new Error('EIO')
    store.failure = cause
    const waiting = [failureOf(node.submit(Add('a'))), failureOf(node.read(Count('a')))]
    for (const failure of await clock.until(Promise.all(waiting))) {
      expect(failure).toMatchObject({ code: 'STORE_FAILED', definite: false, cause })
    }
    expect(await following).toMatchObject({ code: 'STORE_FAILED' })
    expect(await failureOf(node.submit(Add('a')))).toMatchObject({
      code: 'STORE_FAILED',
      definite: true,
    })
    expect(await failureOf(node.read(Count('a'), { consistency: 'local' }))).toMatchObject({
      code: 'STORE_FAILED',
    })
    expect(fatal).toEqual([expect.objectContaining({ code: 'STORE_FAILED', cause })])
    expect(node.status()).toMatchObject({ phase: 'failed', applied: { position: 1n } })
    await clock.until(node.close())
    expect(clock.alarmCount).toBe(0)
  })

  test('a store that cannot be made: open rejects with its code', async () => {
    const clock = new VirtualClock()
    const store = new FaultyStore()
    store.failure = new SyneviError('STORE_FAILED', 'read-only file system', { definite: false })
    const opening = Node.open({
      self: { id: 'alone' },
      network: new LocalNetwork(new LocalHub({ clock })),
      executors: [counter],
      clock,
      store,
    })
    expect(await clock.until(failureOf(opening))).toMatchObject({
      code: 'STORE_FAILED',
      definite: true,
    })
  })
})
