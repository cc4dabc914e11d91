/** The arithmetic of a bench, on numbers that can be checked by eye. */

import { describe, expect, it } from 'vitest'
import { figureOf, median, percentile } from './figures.ts'

describe('percentile', () => {
  it('is the nearest rank: a value that was measured', () => {
    const sorted = Float64Array.from({ length: 200 }, (_, i) => i + 1)
    expect(percentile(sorted, 0.5)).toBe(100)
    expect(percentile(sorted, 0.99)).toBe(198)
    expect(percentile(sorted, 1)).toBe(200)
  })

  it('of few values leans to the greater, and of none is 0', () => {
    expect(percentile([1, 9], 0.99)).toBe(9)
    expect(percentile([1, 9], 0.5)).toBe(1)
    expect(percentile([7], 0)).toBe(7)
    expect(percentile([], 0.5)).toBe(0)
  })
})

describe('median', () => {
  it('is the middle, whatever the order, and leaves its input alone', () => {
    const values = [9, 1, 5]
    expect(median(values)).toBe(5)
    expect(values).toEqual([9, 1, 5])
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBe(0)
  })
})

describe('figureOf', () => {
  it('says the median and how far runs lie apart', () => {
    expect(figureOf([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 })
    expect(figureOf([])).toEqual({ median: 0, min: 0, max: 0 })
  })
})
