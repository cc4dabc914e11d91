import { describe as suite, expect, test } from 'vitest'
import {
  HistoryError,
  type Line,
  mergeAttempts,
  operationsOf,
  parseLine,
  sameJson,
} from './history.ts'
import { operations } from './history-builder.ts'

const line = (over: Partial<Line>): Line => ({
  type: 'invoke',
  process: 1,
  f: 'get',
  value: 'x',
  node: 1,
  time: 1,
  ...over,
})

suite('histories', () => {
  test('pairs starts with ends, in order of start', () => {
    const found = operations([
      { p: 1, f: 'put', asked: ['x', 1], answer: null, at: [1, 9], position: 4, request: 'a' },
      { p: 2, f: 'get', asked: 'x', at: [2, 3] },
      { p: 3, f: 'cas', asked: ['x', 1, 2], failed: 'OVERLOADED', at: [4, 5] },
    ])
    expect(found.map((each) => [each.f, each.outcome, each.start, each.end])).toEqual([
      ['put', 'ok', 1, 9],
      ['get', 'info', 2, Infinity],
      ['cas', 'fail', 4, 5],
    ])
    expect(found[0]?.position).toBe(4)
  })

  test('an operation without an end has an unknown outcome', () => {
    expect(operationsOf([line({})])[0]?.outcome).toBe('info')
  })

  test('two operations of one process at once are no history', () => {
    expect(() => operationsOf([line({}), line({ time: 2 })])).toThrow(HistoryError)
  })

  test('an end without a start is no history', () => {
    expect(() => operationsOf([line({ type: 'ok' })])).toThrow(HistoryError)
  })

  test('a process that goes on after an unknown outcome is no history', () => {
    const lines = [line({}), line({ type: 'info', time: 2 }), line({ time: 3 })]
    expect(() => operationsOf(lines)).toThrow('after the unknown')
  })

  test('time that goes back is no history', () => {
    expect(() => operationsOf([line({ time: 2 }), line({ type: 'ok', time: 1 })])).toThrow(
      'goes back',
    )
  })

  test('attempts of one request are one operation, from first start to first answer', () => {
    const merged = mergeAttempts(
      operations([
        { p: 1, f: 'put', asked: ['x', 1], at: [1, 3], request: 'a' },
        { p: 2, f: 'put', asked: ['x', 1], answer: null, at: [4, 6], request: 'a', position: 1 },
        { p: 3, f: 'put', asked: ['x', 1], answer: null, at: [7, 8], request: 'a', position: 1 },
      ]),
    )
    expect(merged.map((each) => [each.start, each.end, each.outcome])).toEqual([[1, 6, 'ok']])
  })

  test('a line goes through text and back; what is no line is refused', () => {
    const one = line({ position: 3, request: 'r', executeAt: '12345678901234567890' })
    expect(parseLine(JSON.stringify(one))).toEqual(one)
    for (const bad of [
      '',
      '{}',
      'null',
      '[]',
      '{"type":"invoke"}',
      JSON.stringify({ ...one, f: 7 }),
    ]) {
      expect(() => parseLine(bad)).toThrow(HistoryError)
    }
  })

  test('answers are compared by value, objects in any order of fields', () => {
    expect(sameJson({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true)
    expect(sameJson({ a: 1 }, { a: 1, b: 2 })).toBe(false)
    expect(sameJson([], {})).toBe(false)
    expect(sameJson(0, null)).toBe(false)
    expect(sameJson(null, undefined)).toBe(false)
  })
})
