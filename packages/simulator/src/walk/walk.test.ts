import { describe, expect, it } from 'vitest'
import { campaign } from './campaign.ts'
import { transcriptOf, walk } from './walk.ts'

describe('walk', () => {
  it('breaks no rule in 300 walks, and decides in every way there is', () => {
    const { failure, counts } = campaign({ from: 1n, step: 1n, count: 300, n: undefined })
    expect(failure).toBeUndefined()
    expect(counts.walks).toBe(300)
    for (const each of [
      counts.fast,
      counts.slow,
      counts.recovered,
      counts.invalidated,
      counts.crashes,
    ]) {
      expect(each).toBeGreaterThan(0)
    }
  })

  it('is a function of its seed', () => {
    for (const seed of [3n, 17n, 40n])
      expect(transcriptOf(seed, {})).toEqual(transcriptOf(seed, {}))
    expect(transcriptOf(3n, {})).not.toEqual(transcriptOf(4n, {}))
  })

  it('runs on as many nodes as it is told', () => {
    for (const n of [1, 2, 4, 7]) expect(walk(5n, { n }).txns).toBeGreaterThan(0)
  })
})
