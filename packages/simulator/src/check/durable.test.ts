import { describe as suite, expect, test } from 'vitest'
import { checkLoad, checkRest } from './bounds.ts'
import { type DurableEntry, checkDurable } from './durable.ts'
import { type Stated, operations } from './history-builder.ts'
import { checkLocalReads } from './local-reads.ts'
import { KvListModel } from './model.ts'
import { checkWitness, logOf } from './witness.ts'

suite('durability', () => {
  const payload = Uint8Array.of(1, 2, 3)
  const told = { request: 'a', position: 4, name: 'kv/put', payload, ok: true }
  const entry: DurableEntry = { ...told }
  const names = (log: readonly DurableEntry[], over = {}): readonly string[] =>
    checkDurable({ acknowledged: [{ ...told, ...over }], log, node: 1 }).map((each) => each.name)

  test('accepts what is there, also where bytes are no longer kept', () => {
    expect(names([entry])).toEqual([])
    expect(names([{ ...entry, payload: undefined }])).toEqual([])
    expect(names([entry], { position: undefined })).toEqual([])
  })

  test('names what was lost, moved or changed', () => {
    expect(names([])).toEqual(['acknowledged and lost'])
    expect(names([{ ...entry, position: 5 }])).toEqual(['acknowledged and moved'])
    expect(names([{ ...entry, ok: false }])).toEqual(['outcome changed'])
    expect(names([{ ...entry, payload: Uint8Array.of(1, 2, 4) }])).toEqual(['bytes changed'])
    expect(names([{ ...entry, name: 'kv/cas' }])).toEqual(['bytes changed'])
  })
})

suite('local reads', () => {
  const put = (position: number): Stated => ({
    p: position,
    f: 'put',
    asked: ['x', position],
    answer: position === 1 ? null : position - 1,
    at: [position, position + 0.5],
    request: `r${position}`,
    position,
  })
  const local = (p: number, at: number, position: number, over: Partial<Stated> = {}): Stated => ({
    p,
    f: 'local',
    asked: ['get', 'x', null],
    answer: position === 0 ? null : position,
    at: [at, at + 1],
    position,
    node: 1,
    ...over,
  })
  const names = (...reads: Stated[]): readonly string[] => {
    const all = operations([put(1), put(2), put(3), ...reads])
    const { replay } = checkWitness({
      operations: all,
      log: logOf(all),
      model: () => new KvListModel(),
    })
    return checkLocalReads(all, replay).map((each) => each.name)
  }

  test('may be old, may stand still, may differ between nodes', () => {
    expect(names(local(10, 10, 2), local(10, 12, 2), local(11, 14, 0, { node: 2 }))).toEqual([])
  })

  test('may answer in any order while they overlap', () => {
    expect(names(local(10, 10, 2), local(11, 10.5, 1))).toEqual([])
  })

  test('went back on a node', () => {
    expect(names(local(10, 10, 2), local(11, 12, 1))).toEqual(['went back'])
  })

  test('went back behind what their node has answered', () => {
    const answered = { ...put(3), node: 4 }
    const all = operations([put(1), put(2), answered, local(10, 10, 2, { node: 4 })])
    const { replay } = checkWitness({
      ...{ operations: all, log: logOf(all), model: () => new KvListModel() },
    })
    expect(checkLocalReads(all, replay).map(({ name }) => name)).toEqual(['went back'])
  })

  test('behind the client that carries its position along', () => {
    expect(names(local(10, 10, 2, { asked: ['get', 'x', 3] }))).toEqual(['behind the client'])
    expect(names(local(10, 10, 3, { asked: ['get', 'x', 3] }))).toEqual([])
  })

  test('not a state at the position they claim', () => {
    expect(names(local(10, 10, 2, { answer: 3 }))).toEqual(['not a state'])
  })

  test('read of the future', () => {
    expect(names(local(10, 10, 9))).toEqual(['read of the future'])
  })
})

suite('bounds', () => {
  const load = { node: 1, inFlight: 0, queued: 0, undecided: 0 }
  const limits = { inFlightMax: 10, queuedMax: 20, undecidedMax: 30 }

  test('hold at the limit and not above it', () => {
    expect(checkLoad({ ...load, inFlight: 10, queued: 20, undecided: 30 }, limits)).toBeUndefined()
    for (const over of [{ inFlight: 11 }, { queued: 21 }, { undecided: 31 }]) {
      expect(checkLoad({ ...load, ...over }, limits)?.name).toBe('over its bound')
    }
  })

  test('at rest everything is empty', () => {
    expect(checkRest(load)).toBeUndefined()
    for (const over of [{ inFlight: 1 }, { queued: 1 }, { undecided: 1 }]) {
      expect(checkRest({ ...load, ...over })?.name).toBe('not at rest')
    }
  })
})
