/** Whole nodes in one process, on a virtual clock: what an embedder sees. */

import { describe, expect, test } from 'vitest'
import type { Bytes, Mutation } from '@synevi/accord'
import type { Executor } from './contract/executor.ts'
import type { Range, Store } from './contract/store.ts'
import { bigintCodec, stringCodec } from './define/plain-codecs.ts'
import { defineQuery } from './define/query.ts'
import { defineTransaction } from './define/transaction.ts'
import { newNodeId } from './identifier.ts'
import { LocalHub, LocalNetwork } from './network/local-network.ts'
import { Node } from './node.ts'
import type { AppliedTransaction } from './read/applied-transaction.ts'
import { MemoryStore } from './store/memory-store.ts'
import { SyneviError } from './synevi-error.ts'
import {
  Add,
  Count,
  Hang,
  counter,
  failureOf,
  hanging,
  openCluster,
  raise,
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

async function openAlone(more: Partial<Parameters<typeof Node.open>[0]> = {}) {
  const clock = new VirtualClock()
  const node = await clock.until(
    Node.open({
      self: { id: 'alone' },
      network: new LocalNetwork(new LocalHub({ clock })),
      executors: [counter],
      clock,
      ...more,
    }),
  )
  return { clock, node }
}

async function take(node: Node, count: number, after = 0n): Promise<AppliedTransaction[]> {
  const taken: AppliedTransaction[] = []
  for await (const entry of node.applied({ after })) {
    taken.push(entry)
    if (taken.length === count) break
  }
  return taken
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
      counters: { submitted: 1n, fastPath: 2n, slowPath: 0n, recovered: 0n },
      applied: { position: 2n },
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

  test('a request id is used once: same payload, first outcome; other payload, REQUEST_ID_REUSED', async () => {
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

describe('three nodes', () => {
  test('each takes transactions, all apply the same, a read anywhere sees what was acknowledged', async () => {
    const { clock, nodes, node, close } = await openCluster(3)
    const answers = await clock.until(
      Promise.all(Array.from({ length: 60 }, (_, i) => node(i % 3).submit(Add('a')))),
    )
    const values = answers.map((answer) => (answer.ok ? answer.value : raise('refused')))
    expect([...values].sort((a, b) => Number(a - b))).toEqual(values.map((_, i) => BigInt(i)))
    expect(await clock.until(Promise.all(nodes.map((one) => one.read(Count('a')))))).toEqual([
      60n,
      60n,
      60n,
    ])
    const position = await clock.until(node(0).barrier())
    const reads = nodes.map((one) => one.read(Count('a'), { consistency: { atLeast: position } }))
    expect(await clock.until(Promise.all(reads))).toEqual([60n, 60n, 60n])
    const logs = await clock.until(Promise.all(nodes.map((one) => take(one, Number(position)))))
    expect(logs[1]).toEqual(logs[0])
    expect(logs[2]).toEqual(logs[0])
    expect(new Set(nodes.map((one) => one.stateDigest())).size).toBe(1)
    for (const one of nodes)
      expect(await clock.until(one.verify())).toMatchObject({ ok: true, from: 1n, to: position })
    const rejected = nodes.map(({ status }, i) => node(i) && status.call(node(i)).counters)
    for (const { rejectedFrames, rejectedMessages } of rejected)
      expect([rejectedFrames, rejectedMessages]).toEqual([0n, 0n])
    await close()
  })

  test('one dies under load: the others answer everything, and see it unreachable', async () => {
    const { clock, node, close } = await openCluster(3, () => ({ timeouts: { peerSilentMs: 200 } }))
    const lost: boolean[] = []
    node(0).on('member', ({ id, reachable }) => lost.push(id === 'n2' && !reachable))
    const flying = Array.from({ length: 30 }, (_, i) =>
      node(i % 3)
        .submit(Add('a'), { id: newNodeId() })
        .catch((error: unknown) => error),
    )
    await clock.advance(2)
    void node(2).close({ drainMs: 0 })
    const answers = await clock.until(Promise.all(flying))
    for (const [i, answer] of answers.entries()) {
      if (i % 3 === 2) continue
      expect(answer).toMatchObject({ ok: true })
    }
    await clock.advance(1_000)
    const more = await clock.until(Promise.all([0, 1].map((i) => node(i).submit(Add('b')))))
    expect(more.map((answer) => answer.ok)).toEqual([true, true])
    expect(await clock.until(node(0).read(Count('b')))).toBe(2n)
    expect(node(0).status()).toMatchObject({ phase: 'ready', quorum: { reachable: 2, needed: 2 } })
    expect(
      node(0)
        .members()
        .map(({ id, reachable }) => [id, reachable]),
    ).toEqual([
      ['n0', true],
      ['n1', true],
      ['n2', false],
    ])
    expect(lost.length).toBeGreaterThan(0)
    await close()
  })

  test('one that was away catches up with the others, and open waits for it', async () => {
    const { clock, node, options, close } = await openCluster(3)
    await clock.until(node(2).close())
    for (let i = 0; i < 20; i++) await clock.until(node(i % 2).submit(Add('a')))
    const before = node(0).status().applied.position
    const back = await clock.until(Node.open(options(2)))
    expect(back.status().applied.position).toBeGreaterThanOrEqual(before)
    expect(await back.read(Count('a'), { consistency: 'local' })).toBe(20n)
    expect(await clock.until(back.submit(Add('a')))).toMatchObject({ value: 20n })
    await clock.until(back.close())
    await close()
  })

  test('without a quorum: NO_QUORUM at once, definite; local reads go on; back again when the others are', async () => {
    const { clock, hub, node, close } = await openCluster(3)
    await clock.until(node(0).submit(Add('a')))
    const [zero, one, two] = [node(0).serial, node(1).serial, node(2).serial]
    hub.cut(zero, one)
    hub.cut(zero, two)
    await clock.advance(1_000)
    expect(node(0).status().phase).toBe('noQuorum')
    const { applied } = node(0).status()
    expect(await failureOf(node(0).submit(Add('a')))).toMatchObject({
      code: 'NO_QUORUM',
      definite: true,
      retryable: true,
    })
    expect(await failureOf(node(0).read(Count('a')))).toMatchObject({ code: 'NO_QUORUM' })
    expect(await failureOf(node(0).barrier())).toMatchObject({ code: 'NO_QUORUM' })
    expect(await node(0).read(Count('a'), { consistency: 'local' })).toBe(1n)
    await clock.until(node(1).submit(Add('a')))
    hub.heal(zero, one)
    hub.heal(zero, two)
    await clock.advance(2_000)
    expect(node(0).status().phase).toBe('ready')
    expect(await clock.until(node(0).read(Count('a')))).toBe(2n)
    expect(node(0).status().applied.position).toBeGreaterThan(applied.position)
    await close()
  })

  test('a transaction in flight when the quorum goes: TIMEOUT, not definite; its retry finds what came of it', async () => {
    const { clock, hub, node, close } = await openCluster(3)
    const [zero, one, two] = [node(0).serial, node(1).serial, node(2).serial]
    hub.lose = () => true
    const flying = failureOf(node(0).submit(Add('a'), { id: ID, timeoutMs: 50 }))
    await clock.advance(60)
    expect(await flying).toMatchObject({ code: 'TIMEOUT', definite: false, retryable: true })
    hub.lose = () => false
    hub.cut(zero, one)
    hub.heal(zero, one)
    hub.cut(zero, two)
    hub.heal(zero, two)
    await clock.advance(5_000)
    const again = await clock.until(node(1).submit(Add('a'), { id: ID }))
    expect(again).toMatchObject({ ok: true, value: 0n })
    expect(await clock.until(node(2).read(Count('a')))).toBe(1n)
    await close()
  })

  test('a node whose memory was lost is refused under its old serial: AMNESIA', async () => {
    const { clock, node, options, close } = await openCluster(3)
    await clock.until(node(2).submit(Add('a')))
    await clock.until(node(2).close())
    const wiped = Node.open({ ...options(2), store: new MemoryStore() })
    expect(await clock.until(failureOf(wiped))).toMatchObject({ code: 'AMNESIA', definite: true })
    expect(await clock.until(node(0).submit(Add('a')))).toMatchObject({ value: 1n })
    await close()
  })

  test('a clock an hour ahead: a clear error within the deadline, and nobody else is hurt', async () => {
    const lines: string[] = []
    const log = (_: object, message?: string): void => void lines.push(message ?? '')
    const logger = { debug: log, info: log, warn: log, error: log }
    const { clock, node, close } = await openCluster(3, (i, time) =>
      i === 0 ? { clock: time.ahead(3_600_000), logger } : {},
    )
    const failure = await clock.until(failureOf(node(0).submit(Add('a'), { timeoutMs: 3_000 })))
    expect(['INVALIDATED', 'TIMEOUT']).toContain(failure.code)
    expect(failure.message).toContain('too far in the future')
    expect(lines.some((line) => line.includes('set the clock'))).toBe(true)
    expect(await clock.until(node(1).submit(Add('a')))).toMatchObject({ ok: true })
    await close()
  })
})

describe('an executor', () => {
  test('that takes long is named while it runs, delays nobody elsewhere, and is answered in the end', async () => {
    const slow: string[] = []
    const { executor, end } = hanging()
    const { clock, node } = await openAlone({ executors: [counter, executor] })
    node.on('slow', ({ what, ms }) => slow.push(`${what} ${ms}`))
    const answer = node.submit(Hang('x'))
    await clock.advance(49)
    expect(slow).toEqual([])
    await clock.advance(200)
    expect(slow).toEqual(['hang/on 50', 'hang/on 200'])
    end()
    expect(await clock.until(answer)).toMatchObject({ ok: true, position: 1n })
    expect(slow.length).toBe(3)
  })

  test('that never ends on one node holds up that node alone, and close ends in spite of it', async () => {
    const stuck = hanging()
    const free: Executor = {
      ...stuck.executor,
      execute: () => ({ ok: true, value: new Uint8Array(0) }),
    }
    const { clock, node, close } = await openCluster(3, (i) => ({
      executors: [counter, i === 0 ? stuck.executor : free],
    }))
    const mine = failureOf(node(0).submit(Hang('x'), { timeoutMs: 100 }))
    await clock.advance(100)
    expect(await mine).toMatchObject({ code: 'TIMEOUT', definite: false })
    expect(await clock.until(node(1).submit(Add('a')))).toMatchObject({ ok: true, position: 2n })
    expect(node(0).status().applied.position).toBe(0n)
    await close()
    expect(node(0).status().phase).toBe('closed')
    await clock.advance(1_000)
    expect(clock.alarmCount).toBe(0)
  })

  test('that a node lacks: it is blocked, says so, refuses submissions, and goes on after a restart with it', async () => {
    const free: Executor = {
      ...hanging().executor,
      execute: () => ({ ok: true, value: new Uint8Array(0) }),
    }
    const { clock, node, options, close } = await openCluster(3, (i) => ({
      executors: i === 2 ? [counter] : [counter, free],
    }))
    const phases: string[] = []
    node(2).on('phase', ({ phase }) => phases.push(phase))
    await clock.until(node(0).submit(Hang('x')))
    await clock.advance(200)
    expect(node(2).status()).toMatchObject({ phase: 'blocked', applied: { position: 0n } })
    expect(phases).toEqual(['blocked'])
    expect(await failureOf(node(2).submit(Add('a')))).toMatchObject({
      code: 'NOT_READY',
      definite: true,
    })
    expect(await clock.until(node(1).submit(Add('a')))).toMatchObject({ position: 2n })
    expect(await node(2).read(Count('a'), { consistency: 'local' })).toBe(0n)
    await clock.until(node(2).close())
    const back = await clock.until(Node.open({ ...options(2), executors: [counter, free] }))
    expect(await clock.until(back.read(Count('a')))).toBe(1n)
    await clock.until(back.close())
    await close()
  })

  test('that differs on one node: that node is diverged, refuses reads and submissions, the others go on', async () => {
    const other: Executor = {
      ...counter,
      execute: (txn, context) =>
        context.position === 3n
          ? { ok: true, value: Uint8Array.of(9, 9) }
          : counter.execute(txn, context),
    }
    const { clock, node, close } = await openCluster(3, (i) => ({
      executors: [i === 2 ? other : counter],
    }))
    const seen: bigint[] = []
    node(2).on('diverged', ({ position }) => seen.push(position))
    const following = failureOf((async () => void (await take(node(2), 100)))())
    for (let i = 0; i < 6; i++) await clock.until(node(0).submit(Add('a')))
    await clock.advance(3_000)
    expect(node(2).status()).toMatchObject({ phase: 'readOnly' })
    expect(seen.length).toBe(1)
    expect(await following).toMatchObject({ code: 'DIVERGED', definite: false })
    expect(await failureOf(node(2).submit(Add('a')))).toMatchObject({ code: 'DIVERGED' })
    expect(await failureOf(node(2).read(Count('a'), { consistency: 'local' }))).toMatchObject({
      code: 'DIVERGED',
    })
    expect(await clock.until(node(0).submit(Add('a')))).toMatchObject({ value: 6n })
    await close()
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
  test('history, then live, each once, in order; a break releases, an abort ends, a close ends', async () => {
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
    expect(events).toEqual(['1 count/add', '2 synevi/barrier'])
  })
})

describe('reads', () => {
  test('many linearizable reads at once share barriers', async () => {
    const { clock, node, close } = await openCluster(3)
    await clock.until(node(0).submit(Add('a')))
    const reads = await clock.until(
      Promise.all(Array.from({ length: 100 }, () => node(1).read(Count('a')))),
    )
    expect(reads).toEqual(reads.map(() => 1n))
    expect(node(1).status().applied.position).toBe(2n)
    await close()
  })

  test('atLeast waits for a position and gives up at its deadline or signal, definite', async () => {
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

  test('a failed write stops the node: STORE_FAILED for who waits and who comes, onFatal once, no acknowledgement', async () => {
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

  test('a store that cannot be made: open rejects with its code, and closes the network', async () => {
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

describe('opening', () => {
  const members = [0, 1, 2].map((i) => ({ id: `n${i}`, serial: i, address: '' }))

  test('alone among three: NO_QUORUM at the deadline, and it names who is missing', async () => {
    const clock = new VirtualClock()
    const network = new LocalNetwork(new LocalHub({ clock }))
    const opening = Node.open(
      { self: { id: 'n0' }, members, network, executors: [counter], clock },
      { timeoutMs: 500 },
    )
    const failure = await clock.until(failureOf(opening))
    expect(failure).toMatchObject({ code: 'NO_QUORUM', definite: true, retryable: true })
    expect(failure.message).toContain('1, 2')
    expect(clock.alarmCount).toBe(0)
  })

  test('with another list of members: the others refuse it, and it says why', async () => {
    const { clock, hub, close } = await openCluster(3)
    const other = members.map((member) => ({ ...member, serial: member.serial + 10 }))
    const stranger = {
      self: { id: 'n0' },
      members: other,
      network: new LocalNetwork(hub),
      executors: [counter],
      clock,
    }
    const failure = await clock.until(failureOf(Node.open(stranger, { timeoutMs: 300 })))
    expect(failure).toMatchObject({ code: 'NO_QUORUM' })
    expect(failure.message).toContain('different clusters')
    await close()
  })

  test('under a serial that is in use: SERIAL_TAKEN', async () => {
    const { clock, options, close } = await openCluster(3)
    const twin = Node.open({ ...options(1), store: new MemoryStore() })
    expect(await clock.until(failureOf(twin))).toMatchObject({
      code: 'SERIAL_TAKEN',
      definite: true,
    })
    await close()
  })

  test('on the store of another node or another cluster: INVALID_ARGUMENT, and the store is left alone', async () => {
    const { clock, options, stores, close } = await openCluster(3)
    const foreign = Node.open({ ...options(1), store: stores[0] ?? raise('none') })
    expect(await failureOf(foreign)).toMatchObject({ code: 'INVALID_ARGUMENT', definite: true })
    const other = {
      ...options(0),
      members: members.map((member) => ({ ...member, serial: member.serial + 10 })),
    }
    expect(await failureOf(Node.open(other))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    await clock.settle()
    await close()
  })

  test('aborted: CANCELLED, and nothing is left behind', async () => {
    const clock = new VirtualClock()
    const abort = new AbortController()
    const network = new LocalNetwork(new LocalHub({ clock }))
    const opening = failureOf(
      Node.open(
        { self: { id: 'n0' }, members, network, executors: [counter], clock },
        { signal: abort.signal },
      ),
    )
    await clock.advance(50)
    abort.abort()
    expect(await clock.until(opening)).toMatchObject({ code: 'CANCELLED' })
    expect(clock.alarmCount).toBe(0)
  })
})
