/** The arithmetic of the WAN bench, and that its table is what it says. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { idealMs, readRegions } from './regions.ts'
import { parseWanOptions } from './wan-options.ts'
import { meanRatio, wanLine } from './wan-table.ts'

const REGIONS = {
  source: 'made up',
  names: ['a', 'b', 'c'],
  roundTripsMs: [
    [0, 10, 90],
    [10, 0, 50],
    [90, 50, 0],
  ],
}

test('the ideal is the round trip to the last member of the nearest fast quorum', () => {
  // Two of three are enough: the nearest peer.
  expect([0, 1, 2].map((region) => idealMs(REGIONS, region))).toEqual([10, 10, 50])
  const published = readRegions(parseWanOptions([])?.table ?? '')
  expect(published.names).toHaveLength(5)
  // Four of five: the third nearest peer.
  const ideals = published.names.map((_, region) => idealMs(published, region))
  expect(ideals).toEqual([165, 182, 153, 182, 165])
})

test('a table that is not symmetric, or lacks a pair, is refused by name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'synevi-wan-'))
  const path = join(folder, 'table.json')
  const refused = (roundTripsMs: unknown): void => {
    writeFileSync(path, JSON.stringify({ source: '', regions: ['a', 'b'], roundTripsMs }))
    expect(() => readRegions(path)).toThrow(RangeError)
  }
  refused([
    [0, 1],
    [2, 0],
  ])
  refused([[0, 1]])
  refused([
    [0, -1],
    [-1, 0],
  ])
  refused(undefined)
  rmSync(folder, { recursive: true })
})

test('a line says how far p50 is from the ideal, and how much was fast', () => {
  const tally = {
    ...{ latencies: Float64Array.of(30, 10, 20), errors: 1, firstError: 'TIMEOUT', cpuMicros: 0 },
    pauseMs: 0,
    ...{ fast: 3, slow: 1, recovered: 0, invalidated: 2 },
  }
  const line = wanLine({ region: 'a', busy: 1, buffer: 'off', idealMs: 10 }, tally)
  expect(line).toMatchObject({ commits: 3, p50Ms: 20, p99Ms: 30, fastShare: 0.75 })
  expect(meanRatio([line], { busy: 1, buffer: 'off' })).toBe(2)
  expect(meanRatio([line], { busy: 1, buffer: 'on' })).toBeUndefined()
})
