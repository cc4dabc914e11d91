/**
 * What a store of ours holds, what it refuses to be opened as, and that nothing damaged is ever
 * served.
 */

import { describe, expect, it } from 'vitest'
import {
  DEFAULT_KEYS,
  TIMESTAMP_ZERO,
  configurationOf,
  conflictKey,
  emptyRecord,
  epoch,
  hlc,
  millis,
  nodeSerial,
  timestamp,
  type Mark,
  type TxnRecord,
  type Write,
} from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { ExecutionLane } from '../drive/execution-lane.ts'
import { Kv, KvExecutor } from '../executor/kv.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  appliedWrite,
  bytesOf,
  contents,
  executionOf,
  placeOf,
  request,
  stateOptions,
} from '../test/lane-under-test.ts'
import { TABLE } from './key-layout.ts'
import { NodeState } from './node-state.ts'
import { seal } from './sealed.ts'

const failed = (code: string, message: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as unknown })

function recordOf(place: number): TxnRecord {
  const { id, txn } = executionOf(place, [request(place, 'kv/write', 'x')])
  const vote = { witnessedAt: id, yes: true }
  return { ...emptyRecord(id), txn, keys: DEFAULT_KEYS, vote }
}

async function store(state: NodeState, into: Store, ...writes: readonly Write[]): Promise<void> {
  await into.write(state.encode(writes))
}

describe('a fresh store', () => {
  it('is durable before it opens, and opens the same again', async () => {
    const into = new MemoryStore()
    expect(NodeState.identityIn(into)).toBe(undefined)
    const state = await NodeState.open(into, stateOptions())
    const expected = {
      storeId: new Uint8Array(16).fill(9),
      durableSeq: 0n,
      hlcReserve: 0n,
      admitted: false,
      configurations: [configurationOf(epoch(1), stateOptions().members)],
      features: { requires: 0, active: 0 },
      pending: undefined,
      ends: [],
      peers: [],
      live: [],
      marks: [],
      applied: {
        position: 0n,
        executeAt: TIMESTAMP_ZERO,
        txnHash: bytesOf(''),
        execHash: bytesOf(''),
      },
      floors: { floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO },
    }
    expect(state.durable()).toEqual(expected)
    const again = await NodeState.open(into, {
      ...stateOptions(),
      random: () => bytesOf('another one now!'),
    })
    expect(again.durable()).toEqual(expected)
    const identity = { cluster: new Uint8Array(16).fill(7), id: 'node-a', serial: 0 }
    expect(again.identity).toEqual(identity)
    expect(NodeState.identityIn(into)).toEqual(identity)
    expect(again.reader.oldestPosition()).toBe(0n)
    expect(again.verify()).toMatchObject({ ok: true, from: 1n, to: 0n })
  })

  it('keeps the settings of its first start', async () => {
    const into = new MemoryStore()
    const { settings } = await NodeState.open(into, stateOptions())
    const other = { ...settings, dedupMax: settings.dedupMax + 1 }
    expect((await NodeState.open(into, stateOptions(other))).settings).toEqual(settings)
  })

  it('is not made when nobody says for whom', async () => {
    const into = new MemoryStore()
    for (const options of [
      { ...stateOptions(), cluster: undefined },
      { ...stateOptions(), self: { id: 'node-a', serial: undefined } },
    ]) {
      await expect(NodeState.open(into, options)).rejects.toThrow(
        failed('INVALID_ARGUMENT', 'emptied'),
      )
    }
    expect(contents(into).size).toBe(0)
  })
})

describe('a store that is not this node’s', () => {
  it.each([
    [
      'another node',
      { self: { id: 'node-b', serial: nodeSerial(0) } },
      'node node-a, this is node node-b',
    ],
    [
      'another serial',
      { self: { id: 'node-a', serial: nodeSerial(1) } },
      'serial 0, this node was given serial 1',
    ],
    ['another cluster', { cluster: new Uint8Array(16) }, `cluster ${'07'.repeat(16)}`],
  ])('is refused: %s', async (_, change, message) => {
    const into = new MemoryStore()
    await NodeState.open(into, stateOptions())
    const before = contents(into)
    const opening = NodeState.open(into, { ...stateOptions(), ...change })
    await expect(opening).rejects.toThrow(failed('INVALID_ARGUMENT', message))
    expect(contents(into)).toEqual(before)
  })

  it('is taken when the options leave it to the store', async () => {
    const into = new MemoryStore()
    await NodeState.open(into, stateOptions())
    const options = {
      ...stateOptions(),
      self: { id: 'node-a', serial: undefined },
      cluster: undefined,
    }
    expect((await NodeState.open(into, options)).identity.serial).toBe(0)
  })

  it('is refused when a later version wrote it', async () => {
    const into = new MemoryStore()
    const key = Uint8Array.of(TABLE.fact, 1)
    await into.write([{ key, value: seal(key, Uint8Array.of(0, 3)) }])
    const opening = NodeState.open(into, stateOptions())
    await expect(opening).rejects.toThrow(
      failed('INCOMPATIBLE_VERSION', 'format 3, this version reads 2'),
    )
  })

  it('is refused when it is of another program', async () => {
    const into = new MemoryStore()
    await into.write([{ key: bytesOf('user:1'), value: bytesOf('{}') }])
    const opening = NodeState.open(into, stateOptions())
    await expect(opening).rejects.toThrow(failed('INVALID_ARGUMENT', 'not the state of a node'))
  })
})

describe('the writes of a Ready', () => {
  it('come back from the store as they were', async () => {
    const into = new MemoryStore()
    const state = await NodeState.open(into, stateOptions())
    const peer = { serial: nodeSerial(515), storeId: bytesOf('sixteen bytes ok'), durableSeq: 77n }
    const invalidated: TxnRecord = { ...recordOf(2), outcome: { kind: 'invalidated' } }
    const bare = { ...emptyRecord(placeOf(3)), promised: { round: 4, node: nodeSerial(1) } }
    await store(
      state,
      into,
      { kind: 'record', record: recordOf(1), txnIsNew: true },
      { kind: 'record', record: recordOf(2), txnIsNew: true },
      { kind: 'record', record: bare, txnIsNew: false },
      { kind: 'hlcReserve', hlc: hlc(2n ** 80n - 1n) },
      { kind: 'admitted' },
      { kind: 'peer', peer },
    )
    await store(state, into, { kind: 'record', record: invalidated, txnIsNew: false })
    const opened = await NodeState.open(into, stateOptions())
    expect(opened.durable()).toMatchObject({
      durableSeq: 2n,
      hlcReserve: 2n ** 80n - 1n,
      admitted: true,
      peers: [peer],
      live: [recordOf(1), bare],
    })
    expect(opened.reader.record(placeOf(1))).toEqual(recordOf(1))
    expect(opened.reader.record(placeOf(2))).toEqual(invalidated)
    expect(opened.reader.record(placeOf(3))).toEqual(bare)
    expect(opened.reader.record(placeOf(4))).toBe(undefined)
  })

  it('number themselves, unless the core does', async () => {
    const into = new MemoryStore()
    const state = await NodeState.open(into, stateOptions())
    expect(state.encode([])).toEqual([])
    await store(state, into, { kind: 'admitted' })
    expect(state.durable().durableSeq).toBe(1n)
    await store(state, into, { kind: 'durableSeq', seq: 5n })
    expect(state.durable().durableSeq).toBe(5n)
    await store(state, into, { kind: 'admitted' })
    expect(state.durable().durableSeq).toBe(6n)
    expect(() => state.encode([{ kind: 'durableSeq', seq: 6n }])).toThrow('durableSeq rises')
  })

  it('keep a payload once: apart while the record is live, then in the log alone', async () => {
    const into = new MemoryStore()
    const node = await LaneUnderTest.open(into, [KvExecutor])
    const payload = bytesOf('a payload that can be found')
    const copies = (): number =>
      [...contents(into).values()].filter((value) =>
        value.includes(Buffer.from(payload).toString('hex')),
      ).length
    const { name } = Kv.write({ key: 'k', value: bytesOf('') })
    const execution = executionOf(1, [request(1, name, payload)])
    const record: TxnRecord = {
      ...emptyRecord(execution.id),
      txn: execution.txn,
      keys: DEFAULT_KEYS,
    }
    await store(node.state, into, { kind: 'record', record, txnIsNew: true })
    expect(copies()).toBe(1)
    const promised = { ...record, promised: { round: 1, node: nodeSerial(1) } }
    await store(node.state, into, { kind: 'record', record: promised, txnIsNew: false })
    expect(copies()).toBe(1)
    const executed = node.run(execution)
    const write = appliedWrite({ execution, executed })
    await store(node.state, into, write)
    expect(copies()).toBe(1)
    const applied = write.kind === 'applied' ? write.record : undefined
    expect(node.state.reader.record(execution.id)).toEqual(applied)
    expect(node.state.durable().live).toEqual([])
    // Said once more, it stays in the log.
    await store(node.state, into, { kind: 'record', record: applied ?? record, txnIsNew: false })
    expect(copies()).toBe(1)
    expect(node.state.reader.record(execution.id)).toEqual(applied)
  })

  it('replace marks by key, and a mark for all clears every other', async () => {
    const into = new MemoryStore()
    const node = await LaneUnderTest.open(into, [KvExecutor])
    const { state } = node
    let place = 0
    const apply = async (...keys: readonly Mark['key'][]): Promise<readonly Mark[]> => {
      const execution = executionOf(++place, [])
      const write = appliedWrite({ execution, executed: node.run(execution) })
      const marks = keys.map((key): Mark => ({ key, id: execution.id, at: execution.executeAt }))
      if (write.kind === 'applied') await store(state, into, { ...write, marks })
      return state.durable().marks
    }
    const [a, b] = [conflictKey('a'), conflictKey('b\u00ff')]
    const at = (key: Mark['key'], n: number): Mark => ({ key, id: placeOf(n), at: placeOf(n) })
    expect(await apply(b, a)).toEqual([at(a, 1), at(b, 1)])
    expect(await apply(a)).toEqual([at(a, 2), at(b, 1)])
    expect(await apply('all')).toEqual([at('all', 3)])
    expect(await apply(b)).toEqual([at('all', 3), at(b, 4)])
    const reopened = await NodeState.open(into, stateOptions())
    expect(reopened.durable().marks).toEqual([at('all', 3), at(b, 4)])
    const execution = executionOf(++place, [])
    const write = appliedWrite({ execution, executed: node.run(execution) })
    const all: Mark = { key: 'all', id: execution.id, at: execution.executeAt }
    if (write.kind === 'applied') await store(reopened, into, { ...write, marks: [all] })
    expect(reopened.durable().marks).toEqual([at('all', 5)])
  })
})

describe('the reader', () => {
  it('gives the log in order, in chunks of whole entries', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [KvExecutor])
    const value = new Uint8Array(1000)
    for (let place = 1; place <= 5; place++) {
      const { name, payload } = Kv.write({ key: 'k', value })
      const requests =
        place === 3 ? [] : [request(place, name, payload), request(10 + place, name, payload)]
      await node.apply(executionOf(place, requests))
    }
    const { reader } = node.state
    const after = (since: number, countMax: number, bytesMax: number): unknown => {
      const { entries, more } = reader.entriesAfter(
        since === 0 ? TIMESTAMP_ZERO : placeOf(since),
        countMax,
        bytesMax,
      )
      return [...entries.map(({ watermark }) => watermark.position), more]
    }
    expect(after(0, 10, 1e6)).toEqual([2n, 4n, 4n, 6n, 8n, false])
    expect(after(0, 2, 1e6)).toEqual([2n, 4n, true])
    expect(after(2, 3, 1e6)).toEqual([4n, 6n, 8n, false])
    expect(after(0, 10, 1)).toEqual([2n, true])
    expect(after(0, 10, 5000)).toEqual([2n, 4n, 4n, true])
    expect(after(5, 10, 1e6)).toEqual([false])
    expect(reader.oldestPosition()).toBe(1n)
    expect(reader.watermarkAt(4n)?.executeAt).toBe(placeOf(2))
    expect([0n, 1n, 3n, 9n].map((position) => reader.watermarkAt(position))).toEqual(
      Array(4).fill(undefined),
    )
    expect(reader.watermarkAt(8n)).toEqual(node.state.applied.watermark)
  })
})

describe('applied entries', () => {
  it('are given by position, with hashes, from any place on', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [KvExecutor])
    const { name, payload } = Kv.read('k')
    for (let place = 1; place <= 6; place++) {
      const requests = [1, 2, 3].map((i) => request(10 * place + i, name, payload))
      // One of each is a duplicate, of the first of all.
      await node.apply(
        executionOf(place, place === 1 ? requests : [request(11, name, payload), ...requests]),
      )
    }
    const all = node.state.appliedPage(0n, 1000)
    expect(all.map(({ position }) => position)).toEqual(
      Array.from({ length: 18 }, (_, i) => BigInt(i + 1)),
    )
    expect(all.map(({ index }) => index)).toEqual([0, 1, 2, ...Array(5).fill([1, 2, 3]).flat()])
    for (let i = 1; i < all.length; i++)
      expect(all[i]?.hashes.previous).toEqual(all[i - 1]?.hashes.transaction)
    expect(all.at(-1)?.hashes.transaction).toEqual(node.state.applied.watermark.txnHash)
    expect(all.at(-1)?.hashes.execution).toEqual(node.state.applied.watermark.execHash)
    expect(all.at(-1)?.time).toBe(node.state.applied.time)
    for (let after = 0n; after < 18n; after++) {
      const page = node.state.appliedPage(after, 4)
      expect(page).toEqual(all.slice(Number(after), Number(after) + page.length))
      expect(page.length).toBeGreaterThan(0)
    }
    expect(node.state.appliedPage(18n, 4)).toEqual([])
  })
})

describe('a flipped bit', () => {
  it('in any stored value is found when it is read, and by whoever reads it', async () => {
    const into = new MemoryStore()
    const node = await LaneUnderTest.open(into, [KvExecutor])
    const { name, payload } = Kv.write({ key: 'k', value: bytesOf('v') })
    await node.apply(executionOf(1, [request(1, name, payload)]))
    await node.apply(executionOf(2, [request(2, name, payload), request(1, name, payload)]))
    const peer = { serial: nodeSerial(1), storeId: bytesOf('sixteen bytes ok'), durableSeq: 1n }
    const invalidated: TxnRecord = { ...recordOf(8), outcome: { kind: 'invalidated' } }
    await store(
      node.state,
      into,
      { kind: 'record', record: recordOf(9), txnIsNew: true },
      { kind: 'record', record: invalidated, txnIsNew: true },
      { kind: 'peer', peer },
    )
    const tables = new Set<number>()
    for (const [key, value] of [...into.scan({})]) {
      tables.add(key[0] ?? 0)
      for (const bit of [0, 31, 32, value.length * 8 - 1]) {
        const flipped = value.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        await into.write([{ key, value: flipped }])
        await expect(readEverything(into)).rejects.toThrow(
          expect.objectContaining({
            code: 'STORE_FAILED',
            definite: false,
            details: expect.objectContaining({ key: Buffer.from(key).toString('hex') }) as unknown,
          }),
        )
      }
      await into.write([{ key, value }])
    }
    expect(tables).toEqual(new Set(Object.values(TABLE)))
    await readEverything(into)
  })
})

/** Every way in which a node looks at its store. */
async function readEverything(into: Store): Promise<void> {
  const state = await NodeState.open(into, stateOptions())
  state.durable()
  for (const place of [1, 2, 8, 9]) state.reader.record(placeOf(place))
  state.reader.entriesAfter(TIMESTAMP_ZERO, 10, 1e9)
  state.appliedPage(0n, 10)
  for (const id of [1, 2]) state.remembered(request(id, 'x').id)
  state.stateDigest()
  // Pages of the request memory are read when they are evicted.
  const settings = { ...state.settings, dedupMax: 1 }
  const head = { ...state.applied, watermark: { ...state.applied.watermark, position: 1n } }
  for (const position of [1n, 2n]) {
    const parts = { store: into, executors: [KvExecutor], settings, effectFailed: () => undefined }
    const at = { ...head, watermark: { ...head.watermark, position } }
    const lane = new ExecutionLane({ ...parts, head: at, elapsed: () => millis(0) })
    await lane.run(executionOf(50, [request(50, 'synevi/barrier')]))
  }
}

describe('keys', () => {
  it('of timestamps are ordered like timestamps', async () => {
    const state = await NodeState.open(new MemoryStore(), stateOptions())
    const ids = [1n << 16n, (1n << 112n) - (1n << 16n), 1n << 112n, ((1n << 112n) - 1n) << 16n].map(
      timestamp,
    )
    const mutations = state.encode(
      ids.map((id): Write => ({ kind: 'record', record: emptyRecord(id), txnIsNew: false })),
    )
    const keys = mutations.map(({ key }) => Buffer.from(key)).filter((key) => key[0] === TABLE.live)
    expect(keys).toEqual(keys.toSorted(Buffer.compare))
    expect(keys).toHaveLength(4)
  })
})
