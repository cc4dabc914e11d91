/** Rows: medians over rounds, ratios of one round each, and when they mean nothing. */

import { expect, it } from 'vitest'
import type { Measurement } from './contender.ts'
import { rowOf } from './row.ts'

const CELL = { nodes: 3, store: 'lmdb', concurrency: 64 } as const

function measured(operationsPerSecond: number, change: Partial<Measurement> = {}): Measurement {
  return {
    operations: operationsPerSecond,
    errors: 0,
    firstError: undefined,
    operationsPerSecond,
    p50Ms: 2,
    p99Ms: 8,
    maxMs: 9,
    cpuMicrosPerOperation: 50,
    decisions: { fast: 4, slow: 1, recovered: 0, invalidated: 0 },
    ...change,
  }
}

it('compares within a round, for the machine drifts between rounds', () => {
  const row = rowOf(CELL, [
    { ours: measured(1000), peer: measured(500) },
    { ours: measured(100), peer: measured(50) },
    { ours: measured(9000), peer: measured(3000) },
  ])
  expect(row.ours.operationsPerSecond).toEqual({ median: 1000, min: 100, max: 9000 })
  expect(row.ratios?.operationsPerSecond).toEqual({ median: 2, min: 2, max: 3 })
  expect(row.decisions).toEqual({ fast: 12, slow: 3, recovered: 0, invalidated: 0 })
  expect(row.faults).toEqual([])
})

it('has no ratios without a peer', () => {
  const row = rowOf(CELL, [{ ours: measured(1000), peer: undefined }])
  expect(row.peer).toBeUndefined()
  expect(row.ratios).toBeUndefined()
  expect(row.faults).toEqual([])
})

it('is worth nothing with fewer than 100 operations on either side, over all rounds', () => {
  const few = { ours: measured(33), peer: measured(34) }
  expect(rowOf(CELL, [few, few, few]).faults).toEqual([
    'synevi: 99 operations are too few to mean anything',
  ])
  expect(rowOf(CELL, [few, few, few, few]).faults).toEqual([])
})

it('is worth nothing when a request failed, and says why one did', () => {
  const failing = measured(500, { errors: 2, firstError: 'TIMEOUT: late' })
  const row = rowOf(CELL, [
    { ours: measured(500), peer: measured(500) },
    { ours: failing, peer: measured(500) },
  ])
  expect(row.faults).toEqual(['synevi: 2 errors, the first: TIMEOUT: late'])
})

it('leaves out what a system could not tell', () => {
  const row = rowOf(CELL, [
    { ours: measured(500), peer: measured(500, { cpuMicrosPerOperation: undefined }) },
  ])
  expect(row.ours.cpuMicrosPerOperation?.median).toBe(50)
  expect(row.peer?.cpuMicrosPerOperation).toBeUndefined()
})
