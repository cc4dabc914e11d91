/** Many walks, and what they came to: counts that say whether enough happened to mean anything. */

import { Violation } from '../core-world/violation.ts'
import { walk } from './walk.ts'

/** Sums over walks. */
export interface WalkCounts {
  readonly walks: number
  readonly events: number
  readonly txns: number
  readonly fast: number
  readonly slow: number
  readonly recovered: number
  readonly invalidated: number
  readonly recoveries: number
  readonly crashes: number
  /** Nodes that began to use features. */
  readonly enabled: number
}

/** A walk that broke a rule. */
export interface Failure {
  readonly seed: string
  readonly rule: string
  readonly what: string
}

/** The first failure ends a campaign. */
export interface CampaignResult {
  readonly counts: WalkCounts
  readonly failure: Failure | undefined
}

/** Nothing happened yet. */
export const NO_WALKS: WalkCounts = {
  walks: 0,
  events: 0,
  txns: 0,
  fast: 0,
  slow: 0,
  recovered: 0,
  invalidated: 0,
  recoveries: 0,
  crashes: 0,
  enabled: 0,
}

/** The sums. */
export function addCounts(a: WalkCounts, b: WalkCounts): WalkCounts {
  return {
    walks: a.walks + b.walks,
    events: a.events + b.events,
    txns: a.txns + b.txns,
    fast: a.fast + b.fast,
    slow: a.slow + b.slow,
    recovered: a.recovered + b.recovered,
    invalidated: a.invalidated + b.invalidated,
    recoveries: a.recoveries + b.recoveries,
    crashes: a.crashes + b.crashes,
    enabled: a.enabled + b.enabled,
  }
}

/**
 * Walks the seeds `from`, `from + step`, … (`count` of them) and stops at the first that breaks a
 * rule.
 */
export function campaign(parts: {
  readonly from: bigint
  readonly step: bigint
  readonly count: number
  readonly n: number | undefined
}): CampaignResult {
  let counts = NO_WALKS
  for (let i = 0; i < parts.count; i++) {
    const seed = parts.from + BigInt(i) * parts.step
    try {
      counts = addCounts(counts, { ...walk(seed, { n: parts.n }), walks: 1 })
    } catch (error) {
      return { counts, failure: failureOf(seed, error) }
    }
  }
  return { counts, failure: undefined }
}

/** A broken rule, or whatever else the run threw: both are failures. */
export function failureOf(seed: bigint, error: unknown): Failure {
  if (error instanceof Violation)
    return { seed: String(seed), rule: error.rule, what: error.message }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { seed: String(seed), rule: 'threw', what }
}
