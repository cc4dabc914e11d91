import { describe as suite, expect, test } from 'vitest'
import type { Json } from './history.ts'
import { type Stated, operations } from './history-builder.ts'
import { checkListAppend } from './list-append.ts'

let next = 0
/** A transaction: `a x 1` appends, `r x 1,2` read that list, `r x` read an empty one. */
function txn(text: string, at: readonly [number, number], over: Partial<Stated> = {}): Stated {
  const answer = text.split('; ').map((mop): Json => {
    const [kind, key = '', rest = ''] = mop.split(' ')
    if (kind === 'a') return ['append', key, Number(rest)]
    return ['r', key, rest === '' ? [] : rest.split(',').map(Number)]
  })
  const asked = answer.map((mop): Json =>
    Array.isArray(mop) && mop[0] === 'r' ? ['r', mop[1], null] : mop,
  )
  next += 1
  return { p: next, f: 'txn', asked, answer, at, request: `r${next}`, ...over }
}

const unknown = (text: string, at: readonly [number, number]): Stated => {
  const { answer: _, ...rest } = txn(text, at)
  return rest
}
const failed = (text: string, at: readonly [number, number]): Stated => ({
  ...unknown(text, at),
  failed: 'X',
})
const names = (...stated: Stated[]): readonly string[] =>
  checkListAppend(operations(stated)).map((each) => each.name)

suite('list-append accepts', () => {
  test('nothing, an empty list, the value 0', () => {
    expect(names()).toEqual([])
    expect(names(txn('r x', [1, 2]))).toEqual([])
    expect(names(txn('a x 0', [1, 2]), txn('r x 0', [3, 4]))).toEqual([])
  })

  test('concurrent transactions in any order that all agree on', () => {
    expect(names(txn('a x 1', [1, 9]), txn('a x 2', [1, 8]), txn('r x 2,1', [10, 11]))).toEqual([])
  })

  test('an unknown outcome that took effect late, or never', () => {
    expect(names(unknown('a x 1', [1, 2]), txn('r x', [5, 6]), txn('r x 1', [7, 8]))).toEqual([])
    expect(names(unknown('a x 1', [1, 2]), txn('r x', [5, 6]))).toEqual([])
  })

  test('own appends, seen by later reads of the same transaction', () => {
    expect(names(txn('a x 1; r x 1; a x 2; r x 1,2', [1, 2]), txn('r x 1,2', [3, 4]))).toEqual([])
    expect(names(txn('r x; a x 1; r x 1', [1, 2]))).toEqual([])
  })

  test('an append that nobody read yet', () => {
    expect(names(txn('r x', [1, 2]), txn('a x 1', [3, 4]))).toEqual([])
  })

  test('write skew that is serial after all', () => {
    expect(names(txn('r x; a y 1', [1, 5]), txn('r y 1; a x 1', [2, 6]))).toEqual([])
  })

  test('a retry of a request, answered from memory', () => {
    const first = txn('r x; a x 1', [1, 2])
    const again = { ...first, p: 99, at: [5, 6] as const, duplicate: true }
    expect(names(first, txn('a x 2', [3, 4]), again, txn('r x 1,2', [7, 8]))).toEqual([])
  })
})

suite('list-append names', () => {
  test('aborted read', () => {
    expect(names(failed('a x 1', [1, 2]), txn('r x 1', [3, 4]))).toContain('aborted read')
  })

  test('dirty update', () => {
    const found = names(failed('a x 1', [1, 2]), txn('a x 2', [3, 4]), txn('r x 1,2', [5, 6]))
    expect(found).toContain('dirty update')
  })

  test('intermediate read', () => {
    expect(names(txn('a x 1; a x 2', [1, 2]), txn('r x 1', [1, 4]))).toContain('intermediate read')
  })

  test('internal', () => {
    expect(names(txn('a x 1; r x', [1, 2]))).toContain('internal')
    expect(names(txn('a x 1', [1, 2]), txn('r x; r x 1', [1, 4]))).toContain('internal')
  })

  test('duplicate element', () => {
    expect(names(txn('a x 1', [1, 2]), txn('r x 1,1', [3, 4]))).toContain('duplicate element')
    expect(names(txn('a x 1', [1, 2]), txn('a x 1', [3, 4]))).toContain('duplicate element')
  })

  test('unknown element', () => {
    expect(names(txn('r x 7', [1, 2]))).toEqual(['unknown element'])
  })

  test('incompatible order', () => {
    const writes = [txn('a x 1', [1, 9]), txn('a x 2', [1, 8])]
    expect(names(...writes, txn('r x 1,2', [10, 11]), txn('r x 2,1', [10, 12]))).toContain(
      'incompatible order',
    )
  })

  test('lost append', () => {
    expect(names(txn('a x 1', [1, 2]), txn('a x 2', [3, 4]), txn('r x 2', [5, 6]))).toEqual([
      'lost append',
    ])
    expect(names(txn('a x 0', [1, 2]), txn('r x', [3, 4]))).toEqual(['lost append'])
  })

  test('G0: appends in two orders', () => {
    const found = names(
      txn('a x 1; a y 1', [1, 9]),
      txn('a x 2; a y 2', [1, 8]),
      txn('r x 1,2', [10, 11]),
      txn('r y 2,1', [10, 12]),
    )
    expect(found).toEqual(['G0'])
  })

  test('G0-process and G0-realtime: appends against the order of their answers', () => {
    const first = txn('a x 1', [1, 2], { p: 50 })
    const second = txn('a x 2', [3, 4], { p: 50 })
    expect(names(first, second, txn('r x 2,1', [5, 6]))).toEqual(['G0-process'])
    expect(names(first, { ...second, p: 51 }, txn('r x 2,1', [5, 6]))).toEqual(['G0-realtime'])
  })

  test('G1c: each saw the other', () => {
    expect(names(txn('a x 1; r y 1', [1, 9]), txn('a y 1; r x 1', [1, 8]))).toEqual(['G1c'])
  })

  test('G1c-realtime: a read of what began after it ended', () => {
    expect(names(txn('r x 1', [1, 2]), txn('a x 1', [3, 4]))).toEqual(['G1c-realtime'])
  })

  test('G-single: one saw half of what the other did', () => {
    const found = names(
      txn('a x 1; a y 1', [1, 9]),
      txn('r x; r y 1', [1, 8]),
      txn('r x 1', [10, 11]),
    )
    expect(found).toEqual(['G-single'])
  })

  test('G-single-realtime: a stale read', () => {
    const found = names(txn('a x 1', [1, 2]), txn('r x', [3, 4]), txn('r x 1', [3, 5]))
    expect(found).toEqual(['G-single-realtime'])
  })

  test('G-single-process: a client that goes back behind its own write', () => {
    const found = names(
      txn('a x 1', [1, 2], { p: 60 }),
      txn('r x', [3, 4], { p: 60 }),
      txn('r x 1', [3, 5]),
    )
    expect(found).toEqual(['G-single-process'])
  })

  test('G2: write skew', () => {
    const found = names(
      txn('r x; a y 1', [1, 9]),
      txn('r y; a x 1', [1, 8]),
      txn('r x 1; r y 1', [10, 11]),
    )
    expect(found).toEqual(['G2'])
  })

  test('G2-realtime: two stale reads of two keys, each behind a write', () => {
    const found = names(
      txn('a x 1', [1, 10]),
      txn('a y 1', [1, 11]),
      txn('r x 1', [2, 3]),
      txn('r y', [4, 5]),
      txn('r y 1', [2, 3.5]),
      txn('r x', [4, 6]),
      txn('r x 1; r y 1', [20, 21]),
    )
    expect(found.every((name) => name.endsWith('-realtime'))).toBe(true)
    expect(found).toHaveLength(1)
  })
})
