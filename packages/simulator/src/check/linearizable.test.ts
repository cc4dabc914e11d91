import { describe as suite, expect, test } from 'vitest'
import { type Stated, operations } from './history-builder.ts'
import { checkLinearizable, isValid, splitByKey } from './linearizable.ts'
import { KvListModel } from './model.ts'

let process = 0
function op(
  f: string,
  asked: Stated['asked'],
  answer: Stated['answer'],
  at: readonly [number, number],
): Stated {
  process += 1
  return { p: process, f, asked, at, ...(answer === undefined ? {} : { answer }) }
}
const put = (
  value: number,
  before: number | null | undefined,
  at: readonly [number, number],
): Stated => op('put', ['x', value], before, at)
const get = (value: number | null, at: readonly [number, number]): Stated =>
  op('get', 'x', value, at)
const judge = (...stated: Stated[]): string =>
  checkLinearizable({
    operations: operations(stated),
    model: () => new KvListModel(),
    stepsMax: 10_000,
  }).kind

suite('linearizability of registers', () => {
  test('valid: in sequence, concurrent, and the value 0', () => {
    expect(judge(put(0, null, [1, 2]), get(0, [3, 4]))).toBe('valid')
    expect(judge(put(1, null, [1, 9]), get(null, [2, 3]), get(1, [4, 5]))).toBe('valid')
    expect(judge(put(1, 2, [1, 9]), put(2, null, [1, 8]), get(1, [10, 11]))).toBe('valid')
  })

  test('valid: an unknown outcome that took effect late, or never', () => {
    const unknown = put(1, undefined, [1, 2])
    expect(judge(unknown, get(null, [3, 4]), get(1, [5, 6]))).toBe('valid')
    expect(judge(unknown, get(null, [3, 4]))).toBe('valid')
  })

  test('valid: equal times say nothing of the order', () => {
    expect(judge(put(1, null, [1, 2]), get(null, [2, 3]))).toBe('valid')
  })

  test('invalid: a stale read', () => {
    expect(judge(put(1, null, [1, 2]), get(null, [3, 4]))).toBe('invalid')
  })

  test('invalid: a read that goes back', () => {
    expect(judge(put(1, null, [1, 9]), get(1, [2, 3]), get(null, [4, 5]))).toBe('invalid')
  })

  test('invalid: a value nobody wrote, or only a definite failure', () => {
    expect(judge(get(7, [1, 2]))).toBe('invalid')
    const failed: Stated = { p: 1, f: 'put', asked: ['x', 7], failed: 'X', at: [1, 2] }
    expect(judge(failed, get(7, [3, 4]))).toBe('invalid')
  })

  test('invalid: two successes of one compare and set', () => {
    const cas = (at: readonly [number, number]): Stated =>
      op('cas', ['x', null, 1], { ok: true }, at)
    expect(judge(cas([1, 9]), cas([2, 8]))).toBe('invalid')
  })

  test('a search beyond its limit is no verdict, and never valid', () => {
    const many = Array.from({ length: 12 }, (_, i) => put(i, undefined, [1, 2]))
    const verdict = checkLinearizable({
      operations: operations([...many, get(99, [3, 4])]),
      model: () => new KvListModel(),
      stepsMax: 500,
    })
    expect(verdict.kind).toBe('exceeded')
    expect(isValid(verdict)).toBe(false)
  })

  test('keys are judged apart', () => {
    const stated = [
      op('put', ['x', 1], null, [1, 2]),
      op('put', ['y', 1], null, [1, 2]),
      op('get', 'y', 1, [3, 4]),
    ]
    const groups = splitByKey(operations(stated), (each) =>
      typeof each.asked === 'string'
        ? each.asked
        : String(Array.isArray(each.asked) ? each.asked[0] : ''),
    )
    expect([...groups].map(([key, group]) => [key, group.length])).toEqual([
      ['x', 1],
      ['y', 2],
    ])
  })
})
