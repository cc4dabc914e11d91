import { NO_DEPS, conflictKey, timestamp } from '@synevi/accord'
import { describe, expect, test } from 'vitest'
import { type DecidedDeps, checkDependencies } from './dependencies.ts'

const at = (n: number): ReturnType<typeof timestamp> => timestamp(BigInt(n) << 16n)
const sequence = [1, 2, 3, 4].map((n) => ({ id: at(n), executeAt: at(n) }))
const decided = (n: number, ids: readonly number[], mark?: number): DecidedDeps => ({
  id: at(n),
  executeAt: at(n),
  deps: {
    ids: ids.map(at),
    marks: mark === undefined ? [] : [{ key: conflictKey('default'), id: at(mark), at: at(mark) }],
  },
})
const names = (each: DecidedDeps): readonly string[] =>
  checkDependencies([each], sequence).map(({ name }) => name)

describe('dependency safety', () => {
  test('holds when ids and marks cover everything below', () => {
    expect(names(decided(4, [1, 2, 3]))).toEqual([])
    expect(names(decided(4, [3], 2))).toEqual([])
    expect(names(decided(4, [], 3))).toEqual([])
    expect(names({ ...decided(1, []), deps: NO_DEPS })).toEqual([])
  })

  test('needs nothing above, and does not mind too much', () => {
    expect(names(decided(2, [1, 3, 4]))).toEqual([])
  })

  test('names a dep that is missing, below a mark or without one', () => {
    expect(names(decided(4, [1, 3]))).toEqual(['dep missing'])
    expect(names(decided(4, [], 2))).toEqual(['dep missing'])
    expect(names(decided(9, [1, 2, 3]))).toEqual(['dep missing'])
  })
})
