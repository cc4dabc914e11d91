/** What a row came to, and what makes it fail or void (`testing.md`, section 4). */

import type { Micros } from './monotonic.ts'

/** Survivors must answer again within it. */
export const GAP_MAX_MS = 2_000
/** What is aimed at with three nodes and defaults. */
export const GAP_GOAL_MS = 300
/** Whoever was hit must serve again within it. */
export const BACK_MAX_MS = 15_000
/** What is aimed at. */
export const BACK_GOAL_MS = 5_000
/** Fewer operations say nothing. */
export const OPERATIONS_MIN = 100
/** So do fewer that met a fault. */
const OVERLAPPING_MIN = 3
const UNKNOWN_SHARE_MAX = 0.4

/** One fault as it went. */
export interface FaultRecord {
  readonly what: string
  readonly from: Micros
  readonly until: Micros
  /** Why it had no effect. */
  readonly ineffective: string | undefined
  /** At survivors, from the fault until everybody was back; undefined when nobody had to answer. */
  readonly gap: { readonly from: Micros; readonly until: Micros; readonly ms: number } | undefined
  /** From its end until each victim had acknowledged something; infinite: it never did. */
  readonly backMs: number | undefined
}

/** All that is known of a row. */
export interface RowResult {
  readonly name: string
  readonly size: number
  readonly ok: number
  readonly unknown: number
  /** Definitely. */
  readonly failed: number
  readonly perSecond: number
  readonly faults: readonly FaultRecord[]
  /** Operations that were under way during a fault. */
  readonly overlapping: number
  /** What must never be. */
  readonly failures: readonly string[]
  /** A line for each fault that has something to tell. */
  readonly log: readonly string[]
  /** Around the longest gap. */
  readonly timeline: readonly string[]
}

/** `invalid`: too little happened to mean anything. */
export type Verdict = 'ok' | 'FAILED' | 'INVALID'

/** With every reason for it. */
export function verdictOf(result: RowResult): {
  readonly verdict: Verdict
  readonly reasons: readonly string[]
} {
  const failures = [...result.failures, ...slownessOf(result.faults)]
  if (failures.length > 0) return { verdict: 'FAILED', reasons: failures }
  const reasons = whyInvalid(result)
  return { verdict: reasons.length > 0 ? 'INVALID' : 'ok', reasons }
}

/** The longest of its faults; undefined when nobody had to answer. */
export function gapOf(result: RowResult): FaultRecord['gap'] {
  const gaps = result.faults.flatMap(({ gap }) => (gap === undefined ? [] : [gap]))
  return gaps.sort((a, b) => b.ms - a.ms)[0]
}

/** The longest of its faults. */
export function backOf(result: RowResult): number | undefined {
  const times = result.faults.flatMap(({ backMs }) => (backMs === undefined ? [] : [backMs]))
  return times.length === 0 ? undefined : Math.max(...times)
}

function slownessOf(faults: readonly FaultRecord[]): readonly string[] {
  const found: string[] = []
  for (const { what, gap, backMs } of faults) {
    if (gap !== undefined && gap.ms > GAP_MAX_MS) {
      found.push(`${what}: survivors were silent for ${Math.round(gap.ms)} ms`)
    }
    if (backMs !== undefined && backMs > BACK_MAX_MS) found.push(`${what}: not back in service`)
  }
  return found
}

function whyInvalid(result: RowResult): readonly string[] {
  const { faults, ok, unknown, failed, overlapping, name } = result
  const reasons: string[] = []
  const operations = ok + unknown + failed
  for (const { what, ineffective } of faults) {
    if (ineffective !== undefined) reasons.push(`${what}: ${ineffective}`)
  }
  if (operations < OPERATIONS_MIN) reasons.push(`${operations} operations`)
  if (unknown > UNKNOWN_SHARE_MAX * operations) reasons.push(`${unknown} outcomes unknown`)
  if (name === 'calm') return reasons
  if (faults.length === 0) reasons.push('no fault')
  if (overlapping < OVERLAPPING_MIN) reasons.push(`${overlapping} operations met a fault`)
  return reasons
}
