import { describe, expect, it } from 'vitest'
import { quorumSizes } from './quorum-sizes.ts'

describe('quorum sizes', () => {
  it('are those of the table in protocol.md 2.1', () => {
    const rows = [1, 2, 3, 4, 5, 6, 7].map(quorumSizes).map(({ n, f, q, fast }) => [n, f, q, fast])
    expect(rows).toEqual([
      [1, 0, 1, 1],
      [2, 0, 2, 2],
      [3, 1, 2, 2],
      [4, 1, 3, 3],
      [5, 2, 3, 4],
      [6, 2, 4, 4],
      [7, 3, 4, 6],
    ])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('intersect as the proof needs with %i members', (n) => {
    const { f, q, fast, support } = quorumSizes(n)
    expect(support).toBe(f + 1)
    expect(q + q).toBeGreaterThan(n)
    expect(support + q).toBeGreaterThan(n)
    expect(support + fast).toBeGreaterThan(n)
    expect(fast).toBeGreaterThanOrEqual(2 * f)
    expect(fast).toBeGreaterThan(f)
    expect(fast).toBeLessThanOrEqual(n)
  })

  it.each([1, 2, 3, 4, 5, 6, 7])(
    'leave every recovery f yes votes of a fast quorum, of %i members',
    (n) => {
      // Every fast quorum with the coordinator (member 0), every recovery quorum without it: the id
      // is the least timestamp that f+1 support, counted as in 6.2 step 4.
      const { f, q, fast } = quorumSizes(n)
      const sets = Array.from({ length: 2 ** n }, (_, bits) => bits)
      const size = (bits: number): number => bits.toString(2).replaceAll('0', '').length
      for (const voters of sets) {
        if (size(voters) !== fast || (voters & 1) === 0) continue
        for (const quorum of sets) {
          if (size(quorum) !== q || (quorum & 1) === 1) continue
          expect(size(voters & quorum & ~1) + 1).toBeGreaterThanOrEqual(f + 1)
        }
      }
    },
  )

  it('refuses an epoch without members', () => {
    expect(() => quorumSizes(0)).toThrow('at least one member')
  })
})
