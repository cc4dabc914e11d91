/** Barriers in the chain: they have no entry, and nobody can add, change or take one away. */

import { describe, expect, it } from 'vitest'
import { encodeLogEntry, type LogEntry } from '@synevi/accord'
import { NoopExecutor } from '../executor/noop.ts'
import { logKey, readLogEntry } from '../state/log-table.ts'
import { seal } from '../state/sealed.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  barrierOf,
  executionOf,
  placeOf,
  request,
  stateOptions,
} from '../test/lane-under-test.ts'
import { NodeState } from '../state/node-state.ts'

/** Places 1 to 8; Barriers at 1, 4, 5 and 8. */
async function history(): Promise<LaneUnderTest> {
  const node = await LaneUnderTest.open(new MemoryStore(), [NoopExecutor])
  await node.apply(barrierOf(1, 0.5))
  for (const i of [2, 3]) await node.apply(executionOf(i, [request(i, 'noop/run')]))
  await node.apply(barrierOf(4, 3))
  await node.apply(barrierOf(5, 3.5))
  for (const i of [6, 7]) await node.apply(executionOf(i, [request(i, 'noop/run')]))
  await node.apply(barrierOf(8, 6))
  return node
}

function entryAt(node: LaneUnderTest, place: number): LogEntry {
  const entry = readLogEntry(node.store, placeOf(place))
  if (entry === undefined) throw new Error('no entry')
  return entry
}

describe('a chain with Barriers', () => {
  it('verifies from any position on', async () => {
    const { state } = await history()
    for (const from of [1n, 2n, 3n, 4n, 5n])
      expect(state.verify(from)).toMatchObject({ ok: true, to: 4n })
  })

  it('verifies with the records below erased, and not with one missing above', async () => {
    const node = await history()
    await node.store.write(node.state.encode([{ kind: 'truncated', below: placeOf(6) }]))
    expect(node.state.reader.record(placeOf(3))).toBeUndefined()
    expect(node.state.verify()).toMatchObject({ ok: true, to: 4n })
    await node.store.write(node.state.encode([{ kind: 'truncated', below: placeOf(6.5) }]))
    expect(node.state.verify()).toMatchObject({ ok: false, firstBad: { position: 3n } })
  })

  it('is read in pages that begin and end anywhere', async () => {
    const { state } = await history()
    for (let after = 0n; after < 4n; after++) {
      const positions = state.appliedPage(after, 1).map(({ position }) => position)
      expect(positions).toEqual([after + 1n])
    }
    expect(state.appliedPage(0n, 10)).toHaveLength(4)
    expect(state.appliedPage(4n, 10)).toEqual([])
  })

  it('is read from where a shortened log begins, also before the first entry', async () => {
    const node = await history()
    for (const [place, left] of [
      [1, 4],
      [2, 3],
      [3, 2],
      [5, 2],
      [6, 1],
    ] as const) {
      const base = entryAt(node, place).watermark
      await node.store.write(node.state.encode([{ kind: 'logTruncated', base }]))
      expect(node.state.appliedPage(base.position, 10)).toHaveLength(left)
      expect(node.state.verify()).toMatchObject({ ok: true, to: 4n })
    }
  })

  it.each([1, 4, 8])('shows that the Barrier at %i is gone', async (place) => {
    const node = await history()
    await node.store.write([{ key: logKey(placeOf(place)), value: undefined }])
    expect(node.state.verify().ok).toBe(false)
  })

  it.each([1, 4, 8])('shows that the Barrier at %i closes something else', async (place) => {
    const node = await history()
    const txn = { kind: 'barrier', closedBefore: placeOf(0.1) } as const
    const key = logKey(placeOf(place))
    const value = seal(key, encodeLogEntry({ ...entryAt(node, place), txn }))
    await node.store.write([{ key, value }])
    expect(node.state.verify().ok).toBe(false)
  })

  it('goes on after a restart where it stood, also before the first entry', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [NoopExecutor])
    await node.apply(barrierOf(1, 0.5))
    const again = await LaneUnderTest.open(node.store, [NoopExecutor])
    for (const each of [node, again]) each.run(executionOf(2, [request(2, 'noop/run')]))
    const [a, b] = [node, again].map((each) => each.run(barrierOf(3, 1)).result.watermark)
    expect(a).toEqual(b)
  })
})

describe('a store that closed ids', () => {
  it('opens with its bounds, which only Barriers and floors move', async () => {
    const node = await history()
    const floors = { floor: placeOf(6), closedBefore: placeOf(6) }
    expect(node.state.durable().floors).toEqual(floors)
    await node.store.write(node.state.encode([{ kind: 'floor', floor: placeOf(7) }]))
    const again = await NodeState.open(node.store, stateOptions())
    expect(again.durable().floors).toEqual({ ...floors, floor: placeOf(7) })
  })

  it('says in slices what there is to erase', async () => {
    const { state, store } = await history()
    expect(state.reader.recordsBelow(placeOf(1), 2)).toBeUndefined()
    expect(state.reader.recordsBelow(placeOf(6), 9)).toBe(placeOf(6))
    const bound = state.reader.recordsBelow(placeOf(6), 2)
    expect(bound).toBe(placeOf(3))
    await store.write(state.encode([{ kind: 'truncated', below: placeOf(3) }]))
    expect(state.reader.recordsBelow(placeOf(3), 2)).toBeUndefined()
    expect(state.reader.recordsBelow(placeOf(6), 2)).toBe(placeOf(5))
  })

  it('lists what is decided above a place, applied or not', async () => {
    const { state } = await history()
    expect(state.reader.decidedAfter(placeOf(6)).map(({ id }) => id)).toEqual([
      placeOf(7),
      placeOf(8),
    ])
  })
})
