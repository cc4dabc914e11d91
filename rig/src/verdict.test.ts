/** When a row fails, and when it says nothing. */

import { expect, test } from 'vitest'
import { Acknowledgements } from './acknowledgements.ts'
import { lastLine, line } from './nemesis-table.ts'
import { backOf, gapOf, verdictOf, type FaultRecord, type RowResult } from './row-result.ts'

const FAULT: FaultRecord = {
  ...{ what: 'SIGKILL of 1', from: 1_000_000, until: 2_000_000, ineffective: undefined },
  gap: { from: 1_000_000, until: 1_250_000, ms: 250 },
  backMs: 800,
}

const GOOD: RowResult = {
  ...{ name: 'kill-one', size: 3, ok: 190, unknown: 5, failed: 5, perSecond: 30 },
  ...{ faults: [FAULT], overlapping: 20, failures: [], log: [], timeline: [] },
}

const gapped = (ms: number): FaultRecord => ({ ...FAULT, gap: { from: 0, until: ms * 1000, ms } })

test('a row with enough work and a fault that had effect is ok', () => {
  expect(verdictOf(GOOD)).toEqual({ verdict: 'ok', reasons: [] })
  expect(line(GOOD)).toBe(
    '    3 kill-one            1        200    190       5      5     30     250     800 ok',
  )
})

test('an anomaly, a gap above 2 s, a victim that is not back: failed', () => {
  expect(verdictOf({ ...GOOD, failures: ['witness: lost'] })).toEqual({
    verdict: 'FAILED',
    reasons: ['witness: lost'],
  })
  expect(verdictOf({ ...GOOD, faults: [FAULT, gapped(2_001)] })).toEqual({
    verdict: 'FAILED',
    reasons: ['SIGKILL of 1: survivors were silent for 2001 ms'],
  })
  expect(verdictOf({ ...GOOD, faults: [gapped(2_000)] }).verdict).toBe('ok')
  const late = { ...FAULT, backMs: 15_001 }
  expect(verdictOf({ ...GOOD, faults: [late] }).verdict).toBe('FAILED')
  expect(verdictOf({ ...GOOD, faults: [{ ...FAULT, backMs: 15_000 }] }).verdict).toBe('ok')
})

test('too little, too vague, or a fault without effect: invalid', () => {
  const reasons = (change: Partial<RowResult>): readonly string[] => {
    const judged = verdictOf({ ...GOOD, ...change })
    expect(judged.verdict).toBe('INVALID')
    return judged.reasons
  }
  expect(reasons({ ok: 89 })).toEqual(['99 operations'])
  expect(reasons({ ok: 100, unknown: 71 })).toEqual(['71 outcomes unknown'])
  expect(reasons({ overlapping: 2 })).toEqual(['2 operations met a fault'])
  expect(reasons({ faults: [] })).toEqual(['no fault'])
  const still = { ...FAULT, ineffective: '1 still there' }
  expect(reasons({ faults: [still] })).toEqual(['SIGKILL of 1: 1 still there'])
  expect(verdictOf({ ...GOOD, name: 'calm', faults: [], overlapping: 0 }).verdict).toBe('ok')
})

test('the figures of a row are the worst of its faults', () => {
  const result = { ...GOOD, faults: [gapped(10), gapped(30), { ...gapped(20), backMs: 900 }] }
  expect(gapOf(result)?.ms).toBe(30)
  expect(backOf(result)).toBe(900)
  const silent = { ...GOOD, faults: [{ ...FAULT, gap: undefined, backMs: undefined }] }
  expect(gapOf(silent)).toBeUndefined()
  expect(backOf(silent)).toBeUndefined()
})

test('the last line fails when any row is not ok, or there was none', () => {
  expect(lastLine([GOOD, GOOD], 0)).toBe(
    'nemesis: ok: 2 rows, 2 faults, 400 operations: 2 rows ok, 0 failed, 0 invalid, 0 skipped',
  )
  expect(lastLine([GOOD, { ...GOOD, ok: 0 }], 2)).toBe(
    'nemesis: FAILED: 2 rows, 2 faults, 210 operations: 1 rows ok, 0 failed, 1 invalid, 2 skipped',
  )
  expect(lastLine([], 0)).toMatch(/^nemesis: FAILED: 0 rows/)
})

test('a gap begins with the last answer before the fault, and counts survivors only', () => {
  const acknowledgements = new Acknowledgements()
  const answered = (serial: number, ms: number): void =>
    acknowledgements.note(serial, (ms - 5) * 1000, ms * 1000)
  for (const ms of [90, 95]) answered(0, ms)
  answered(2, 99)
  answered(1, 200)
  answered(2, 150)
  answered(0, 350)
  answered(1, 380)
  const gap = acknowledgements.longestGap([0, 1], 100_000, 400_000)
  expect(gap).toEqual({ from: 200_000, until: 350_000, ms: 150 })
  // Up to the end, though nobody answers any more.
  expect(acknowledgements.longestGap([0, 1], 100_000, 900_000).ms).toBe(520)
  // From the last answer before, not from the fault.
  expect(acknowledgements.longestGap([0, 1], 100_000, 200_000)).toEqual({
    from: 95_000,
    until: 200_000,
    ms: 105,
  })
  // Nobody answered at all.
  expect(acknowledgements.longestGap([4], 100_000, 400_000).ms).toBe(300)
})

test('the median is of operations within', () => {
  const acknowledgements = new Acknowledgements()
  for (const took of [10, 30, 20]) acknowledgements.note(0, 1_000_000, 1_000_000 + took * 1000)
  acknowledgements.note(0, 0, 1_001_000)
  expect(acknowledgements.medianMs(500_000, 2_000_000)).toBe(20)
  expect(acknowledgements.medianMs(3_000_000, 4_000_000)).toBe(0)
})
