/** Several nodes in one process, on a virtual clock: deaths, cuts, differing executors, opening. */

import { describe, expect, test } from 'vitest'
import type { Executor } from './contract/executor.ts'
import { newNodeId } from './identifier.ts'
import { LocalHub, LocalNetwork } from './network/local-network.ts'
import { Node } from './node.ts'
import { MemoryStore } from './store/memory-store.ts'
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

describe('three nodes', () => {
  test('each takes transactions, all apply the same, reads see what was acknowledged', async () => {
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

  test('without a quorum: NO_QUORUM at once; local reads go on; and back again', async () => {
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

  test('in flight when the quorum goes: TIMEOUT, not definite; a retry finds out', async () => {
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

  test('a clock an hour ahead: a clear error in time, and nobody else is hurt', async () => {
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
    // Reading needs no timestamp of its own.
    expect(await clock.until(node(0).barrier({ timeoutMs: 2_000 }))).toBe(0n)
    expect(await clock.until(node(1).submit(Add('a')))).toMatchObject({ ok: true })
    await close()
  })
})

describe('an executor', () => {
  test('that takes long is named while it runs, and is answered in the end', async () => {
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

  test('that never ends on one node holds up that node alone, and close ends', async () => {
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

  test('that a node lacks: it is blocked, and goes on after a restart with it', async () => {
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

  test('that differs on one node: that one refuses everything, the others go on', async () => {
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

  test('on the store of another node or another cluster: INVALID_ARGUMENT', async () => {
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
