/** Many walks, and what they came to: counts that say whether enough happened to mean anything. */

import { Violation } from '../core-world/violation.ts'
import { walk } from './walk.ts'
import { addCounts, NO_WALKS, type WalkCounts } from './walk-counts.ts'

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

/**
 * Walks the seeds `from`, `from + step`, … (`count` of them) and stops at the first that breaks a
 * rule.
 */
export function campaign(parts: {
  readonly from: bigint
  readonly step: bigint
  readonly count: number
  readonly n: number | undefined
  readonly changes?: boolean | undefined
}): CampaignResult {
  let counts = NO_WALKS
  for (let i = 0; i < parts.count; i++) {
    const seed = parts.from + BigInt(i) * parts.step
    try {
      counts = addCounts(counts, {
        ...walk(seed, { n: parts.n, changes: parts.changes }),
        walks: 1,
      })
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
