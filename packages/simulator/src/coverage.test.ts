import { describe, expect, test } from 'vitest'
import { type SeedResult, Tally, broken } from './batch.ts'
import { Coverage, SOMETIMES, type Work, whyThin } from './coverage.ts'

const work: Work = {
  nodes: 3,
  requests: 100,
  definite: 60,
  overlapping: 10,
  messageFaults: 50,
  partitions: 2,
  crashes: 2,
  pauses: 1,
  diskFaults: 0,
}

describe('the gates of a seed', () => {
  test('pass at their bounds and not below', () => {
    expect(whyThin(work)).toBeUndefined()
    const below: Partial<Work>[] = [
      { definite: 59 },
      { overlapping: 9 },
      { messageFaults: 49 },
      { partitions: 1 },
      { crashes: 1 },
      { pauses: 0 },
      { requests: 19, definite: 19 },
    ]
    for (const over of below) expect(whyThin({ ...work, ...over })).toMatch(/wanted/)
  })

  test('ask a single node for no network', () => {
    expect(whyThin({ ...work, nodes: 1, messageFaults: 0, partitions: 0 })).toBeUndefined()
  })
})

describe('the gates of a batch', () => {
  const result = (over: Partial<SeedResult> = {}): SeedResult => ({
    seed: '1',
    nodes: 3,
    violations: [],
    thin: undefined,
    requests: 100,
    definite: 100,
    diskFaults: 1,
    coverage: {},
    traceHash: 'x',
    ms: 1,
    ...over,
  })
  const tallyOf = (count: number, of: (i: number) => SeedResult): Tally => {
    const tally = new Tally()
    for (let i = 0; i < count; i++) tally.add(of(i))
    return tally
  }
  const parts = { faults: true, isWhole: true }

  test('a tenth of the seeds may be thin, and not more', () => {
    const thin = (share: number): Tally =>
      tallyOf(100, (i) => result(i < share ? { thin: 'crashes: 1, wanted 2' } : {}))
    expect(thin(10).whyInvalid(parts)).toBeUndefined()
    expect(thin(11).whyInvalid(parts)).toMatch(/thin/)
  })

  test('disk faults belong into half of the seeds', () => {
    const disks = (share: number): Tally =>
      tallyOf(100, (i) => result({ diskFaults: i < share ? 1 : 0 }))
    expect(disks(50).whyInvalid(parts)).toBeUndefined()
    expect(disks(49).whyInvalid(parts)).toMatch(/disk faults/)
  })

  test('in a thousand seeds everything happens sometimes', () => {
    const coverage = Object.fromEntries(SOMETIMES.map((name) => [name, 1]))
    const { 'fast path': _, ...without } = coverage
    expect(tallyOf(1_000, () => result({ coverage })).whyInvalid(parts)).toBeUndefined()
    const lacking = tallyOf(1_000, () => result({ coverage: without }))
    expect(lacking.whyInvalid(parts)).toBe('never happened: fast path')
    expect(lacking.whyInvalid({ ...parts, isWhole: false })).toBeUndefined()
  })

  test('no seeds are no batch, and a worker that broke is a violation', () => {
    expect(new Tally().whyInvalid(parts)).toBe('no seed was run')
    const tally = tallyOf(1, () => broken({ seed: '7' }, 'out of memory'))
    expect(tally.failed.map(({ seed, violations }) => [seed, violations[0]?.why])).toEqual([
      ['7', 'out of memory'],
    ])
  })
})

describe('counters', () => {
  test('add up, in any order of names', () => {
    const one = new Coverage()
    one.count('b')
    one.count('a', 2)
    const other = new Coverage()
    other.add(one.all())
    other.add(one.all())
    expect(Object.entries(other.all())).toEqual([
      ['a', 4],
      ['b', 2],
    ])
    expect(other.missing()).toEqual(SOMETIMES)
  })
})
