import { describe as suite, expect, test } from 'vitest'
import { type Stated, operations } from './history-builder.ts'
import { KvListModel } from './model.ts'
import { SYSTEM, type WitnessEntry, checkWitness, logOf } from './witness.ts'

const model = (): KvListModel => new KvListModel()

/** A put that was answered, at its position. */
function put(at: readonly [number, number], position: number, value: number, over = {}): Stated {
  const request = `put ${value}`
  const answer = value === 1 ? null : value - 1
  return { p: 100 + value, f: 'put', asked: ['x', value], answer, at, position, request, ...over }
}

function get(at: readonly [number, number], answer: number | null, position?: number): Stated {
  const claim = position === undefined ? {} : { position }
  return { p: 200 + at[0], f: 'get', asked: 'x', answer, at, ...claim }
}

function names(stated: readonly Stated[], log?: readonly WitnessEntry[]): readonly string[] {
  const all = operations(stated)
  const verdict = checkWitness({ operations: all, log: log ?? logOf(all), model })
  return verdict.anomalies.map((each) => each.name)
}

const entry = (position: number, value: number, over = {}): WitnessEntry => ({
  position,
  executeAt: BigInt(position * 10),
  request: `put ${value}`,
  f: 'put',
  asked: ['x', value],
  ...over,
})

suite('witness replay accepts', () => {
  test('operations in the order they claim', () => {
    expect(names([put([1, 2], 1, 1), put([3, 4], 2, 2), get([5, 6], 2, 2)])).toEqual([])
  })

  test('concurrent operations in either order', () => {
    const second = { ...put([1, 4], 1, 1), p: 9 }
    expect(names([put([2, 3], 2, 2), second])).toEqual([])
  })

  test('the value 0, the empty text, and null as what they are', () => {
    const zero: Stated = {
      p: 1,
      f: 'put',
      asked: ['x', 0],
      answer: null,
      at: [1, 2],
      position: 1,
      request: 'z',
    }
    expect(names([zero, get([3, 4], 0)])).toEqual([])
    expect(names([zero, get([3, 4], null)])).toEqual(['stale read'])
  })

  test('an unknown outcome that took effect late', () => {
    const unknown: Stated = { p: 1, f: 'put', asked: ['x', 1], at: [1, 2], request: 'put 1' }
    const late = [unknown, get([10, 11], null), get([20, 21], 1)]
    expect(names(late, [entry(1, 1)])).toEqual([])
  })

  test('an unknown outcome that never took effect', () => {
    const unknown: Stated = { p: 1, f: 'put', asked: ['x', 1], at: [1, 2], request: 'put 1' }
    expect(names([unknown, get([10, 11], null)], [])).toEqual([])
  })

  test('a duplicate that answers what the first attempt did, long before it began', () => {
    const again = put([9, 10], 1, 1, { p: 7, duplicate: true })
    expect(names([put([1, 2], 1, 1), put([3, 4], 2, 2), again])).toEqual([])
  })

  test('a read while a write is under way, either way', () => {
    expect(names([put([1, 9], 1, 1), get([2, 3], null), get([4, 5], 1)])).toEqual([])
  })

  test('an executor that threw, and left nothing', () => {
    const thrown: Stated = {
      p: 1,
      f: 'throw',
      asked: null,
      answer: { failed: true },
      at: [1, 2],
      request: 't',
    }
    const log = [entry(1, 0, { request: 't', f: 'throw', asked: null })]
    expect(names([thrown, get([3, 4], null)], log)).toEqual([])
  })

  test('a read that claims a position below entries that leave no trace', () => {
    const log = [
      entry(1, 1),
      entry(2, 0, { request: 't', f: 'throw', asked: null }),
      entry(3, 0, { request: 's', f: SYSTEM, asked: null }),
    ]
    const thrown: Stated = {
      p: 1,
      f: 'throw',
      asked: null,
      answer: { failed: true },
      at: [3, 4],
      request: 't',
      position: 2,
    }
    const barrier: Stated = { p: 2, f: 'barrier', asked: null, answer: 3, at: [5, 6], position: 3 }
    expect(names([put([1, 2], 1, 1), thrown, barrier, get([7, 8], 1, 1)], log)).toEqual([])
  })

  test('requests of equal executeAt, as in a batch', () => {
    const log = [entry(1, 1, { executeAt: 5n }), entry(2, 2, { executeAt: 5n })]
    expect(names([put([1, 2], 1, 1), put([1, 3], 2, 2)], log)).toEqual([])
  })

  test('a barrier at or above what was answered before it', () => {
    const barrier: Stated = { p: 5, f: 'barrier', asked: null, answer: 1, position: 1, at: [3, 4] }
    expect(names([put([1, 2], 1, 1), barrier])).toEqual([])
  })
})

suite('witness replay refuses', () => {
  test('real time: a write that stands before one answered earlier', () => {
    const early = { ...put([5, 6], 1, 1) }
    const late = { ...put([1, 2], 2, 2) }
    expect(names([early, late])).toEqual(['real time'])
  })

  test('stale read: of a position below what was answered', () => {
    expect(names([put([1, 2], 1, 1), get([3, 4], null, 0)])).toEqual(['stale read'])
    expect(names([put([1, 2], 1, 1), get([3, 4], null)])).toEqual(['stale read'])
  })

  test('stale read: a barrier below what was answered', () => {
    const barrier: Stated = { p: 5, f: 'barrier', asked: null, answer: 0, position: 0, at: [3, 4] }
    expect(names([put([1, 2], 1, 1), barrier])).toEqual(['stale read'])
  })

  test('stale read: two reads that go back in time', () => {
    expect(names([put([1, 9], 1, 1), get([2, 3], 1), get([4, 5], null)])).toEqual(['stale read'])
  })

  test('real time: a write that stands at or below what a read had seen', () => {
    const read: Stated = { ...get([3, 4], 2, 2) }
    const later = put([5, 6], 1, 1)
    const found = names([put([1, 2], 2, 2), read, later])
    expect(found).toContain('real time')
  })

  test('real time: a read that saw what was not yet asked for', () => {
    expect(names([get([1, 2], 1, 1), put([5, 6], 1, 1)])).toEqual(['real time'])
    expect(names([get([1, 2], 1), put([5, 6], 1, 1)])).toEqual(['real time'])
  })

  test('read of the future: beyond the log', () => {
    expect(names([get([1, 2], 1, 5)])).toEqual(['read of the future'])
  })

  test('wrong answer: of a write, of a read, in its details', () => {
    expect(names([put([1, 2], 1, 1, { answer: 7 })])).toEqual(['wrong answer'])
    expect(names([put([1, 2], 1, 1), get([3, 4], 2, 1)])).toEqual(['wrong answer'])
    const cas: Stated = {
      p: 1,
      f: 'cas',
      asked: ['x', 5, 6],
      answer: { ok: false, actual: 4 },
      at: [3, 4],
      position: 2,
      request: 'c',
    }
    expect(names([put([1, 2], 1, 1), cas])).toEqual(['wrong answer'])
    expect(names([put([1, 2], 1, 1), { ...cas, answer: { ok: false, actual: 1 } }])).toEqual([])
  })

  test('lost: acknowledged and not in the log', () => {
    expect(names([put([1, 2], 1, 1)], [])).toEqual(['lost'])
  })

  test('moved: acknowledged at another position', () => {
    const log = [entry(1, 1), entry(2, 2)]
    expect(names([put([1, 2], 1, 1), put([3, 4], 1, 2)], log)).toEqual(['moved'])
  })

  test('definite failure in the log', () => {
    const failed: Stated = {
      p: 1,
      f: 'put',
      asked: ['x', 1],
      failed: 'INVALIDATED',
      at: [1, 2],
      request: 'put 1',
    }
    expect(names([failed], [entry(1, 1)])).toEqual(['definite failure in the log'])
    expect(names([failed], [])).toEqual([])
  })

  test('applied twice: one request at two positions', () => {
    expect(names([put([1, 2], 1, 1)], [entry(1, 1), entry(2, 1)])).toContain('applied twice')
  })

  test('nobody asked: an entry without a request', () => {
    expect(names([put([1, 2], 1, 1)], [entry(1, 1), entry(2, 9)])).toEqual(['nobody asked'])
  })

  test('nobody asked: an entry with other bytes than the request', () => {
    const log = [entry(1, 1, { asked: ['x', 2] })]
    expect(names([put([1, 2], 1, 1)], log)).toEqual(['lost', 'nobody asked'])
  })

  test('gap in the log', () => {
    const log = [entry(1, 1), entry(3, 2)]
    expect(names([put([1, 2], 1, 1), put([3, 4], 3, 2)], log)).toEqual(['gap in the log'])
  })

  test('order of timestamps: executeAt that falls', () => {
    const log = [entry(1, 1), entry(2, 2, { executeAt: 3n })]
    expect(names([put([1, 2], 1, 1), put([3, 4], 2, 2)], log)).toEqual(['order of timestamps'])
  })

  test('answers differ: two attempts of one request', () => {
    const again = put([9, 10], 2, 1, { p: 7, duplicate: true })
    expect(names([put([1, 2], 1, 1), again], [entry(1, 1)])).toEqual(['answers differ'])
  })
})
