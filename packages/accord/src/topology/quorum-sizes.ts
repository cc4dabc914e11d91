/** Quorum sizes (`protocol.md` 2.1), from the number of members of an epoch. */

import { invariant } from '../invariant.ts'

/** How many members each step needs. */
export interface QuorumSizes {
  /** Members. */
  readonly n: number
  /** Members that may be lost: ⌊(n-1)/2⌋. */
  readonly f: number
  /** Slow, recovery and read quorum: n-f. */
  readonly q: number
  /** Fast quorum, the coordinator in it: max(2f, n-f). */
  readonly fast: number
  /** Members that must have voted at or below a proposed timestamp: f+1. */
  readonly support: number
}

/** The sizes for `n` members, 1 or more. */
export function quorumSizes(n: number): QuorumSizes {
  invariant(Number.isInteger(n) && n >= 1, 'an epoch has at least one member')
  const f = Math.floor((n - 1) / 2)
  const q = n - f
  const fast = Math.max(2 * f, n - f)
  return { n, f, q, fast, support: f + 1 }
}
