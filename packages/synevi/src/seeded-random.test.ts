/** What a seed gives is what all nodes agree on: it is pinned here. */

import { expect, test } from 'vitest'
import { SeededRandom } from './seeded-random.ts'

const PINNED = [1_695_105_466, 1_423_115_009, 634_581_793]

test('pinned values: changing them makes nodes of two versions diverge', () => {
  const random = new SeededRandom(1n)
  expect([random.u32(), random.u32(), random.u32()]).toEqual(PINNED)
  expect(new SeededRandom((1n << 100n) | 1n).u32()).not.toBe(PINNED[0])
})

test('floats are in [0, 1) and spread, seeds differ, zero is a seed', () => {
  for (const seed of [0n, 5n, 1n << 127n]) {
    const random = new SeededRandom(seed)
    const floats = Array.from({ length: 10_000 }, () => random.float())
    expect(Math.min(...floats)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...floats)).toBeLessThan(1)
    expect(floats.reduce((sum, value) => sum + value, 0) / floats.length).toBeCloseTo(0.5, 1)
  }
  expect(new SeededRandom(1n).bytes(8)).not.toEqual(new SeededRandom(2n).bytes(8))
  expect(new SeededRandom(3n).bytes(8)).toEqual(new SeededRandom(3n).bytes(8))
})
