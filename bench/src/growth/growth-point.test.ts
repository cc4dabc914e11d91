/** What counts as growth. */

import { expect, test } from 'vitest'
import { hasRestart, parseGrowthOptions, pointsUpTo } from './growth-options.ts'
import { growingOf, type GrowthPoint } from './growth-point.ts'

const MIB = 2 ** 20

const POINT: GrowthPoint = {
  ...{ txns: 100_000, batches: 12_500, perSecond: 1_000 },
  ...{ rssBytes: 200 * MIB, ownBytes: 100 * MIB, heapBytes: 20 * MIB, externalBytes: MIB },
  ...{ fileBytes: 50 * MIB, tables: tablesOf({ settled: 4, log: 10 }) },
  restart: { bootMs: 300, storeMs: 100, nodeMs: 200, servingMs: 1_000 },
}

function tablesOf(mib: Readonly<Record<string, number>>): GrowthPoint['tables'] {
  return Object.entries(mib).map(([name, size]) => ({ name, records: size, bytes: size * MIB }))
}

test('a longer log and a larger file are not growth of consensus', () => {
  const later = { ...POINT, txns: 2_000_000, tables: tablesOf({ settled: 5, log: 200 }) }
  expect(growingOf([POINT, { ...later, fileBytes: 900 * MIB }])).toEqual([])
})

test('records, heap, memory and restarts that follow history are growth, each by its name', () => {
  const later = { ...POINT, txns: 2_000_000 }
  expect(growingOf([POINT, { ...later, tables: tablesOf({ settled: 80 }) }])).toEqual([
    'consensus state on disk ×20.00',
  ])
  expect(growingOf([POINT, { ...later, heapBytes: 40 * MIB }])).toEqual(['heap ×2.00'])
  expect(growingOf([POINT, { ...later, ownBytes: 200 * MIB }])).toEqual(['memory of its own ×2.00'])
  const restart = { bootMs: 300, storeMs: 4_000, nodeMs: 2_000, servingMs: 6_300 }
  expect(growingOf([POINT, { ...later, restart }])).toEqual(['restart ×2.00'])
})

test('one point proves nothing', () => {
  expect(growingOf([])).toEqual(['too few points'])
  expect(growingOf([POINT])).toEqual(['too few points'])
})

test('the curve has three points a decade, its end, and restarts at powers of ten', () => {
  expect(pointsUpTo(100_000)).toEqual([10_000, 20_000, 50_000, 100_000])
  expect(pointsUpTo(5_000)).toEqual([5_000])
  const restarts = pointsUpTo(2_000_000).filter((point) => hasRestart(point, 2_000_000))
  expect(restarts).toEqual([10_000, 100_000, 1_000_000, 2_000_000])
})

test('a wrong option is named', () => {
  expect(() => parseGrowthOptions(['--txns', '10'])).toThrow(/^--txns 10: expected 1000 to/)
  expect(() => parseGrowthOptions(['--durability', 'some'])).toThrow(/process or sync/)
  expect(parseGrowthOptions(['--help'])).toBeUndefined()
})
