/**
 * Which values may be proposed and decided (`protocol.md` 2.2, 6.4), counted over durable facts.
 */

import type { Timestamp } from '@synevi/accord'
import type { KnownTxn } from './known-txn.ts'
import { check } from './violation.ts'

/**
 * The sizes of `protocol.md` 2.1, written again here: a checker that asks the core would believe
 * its errors.
 */
export function quorums(n: number): {
  readonly f: number
  readonly q: number
  readonly fast: number
} {
  const f = Math.floor((n - 1) / 2)
  return { f, q: n - f, fast: Math.max(2 * f, n - f) }
}

/** f+1 members voted durably at or below `value` (13.1.9). */
export function checkSupport(known: KnownTxn, value: Timestamp, f: number): void {
  let support = 0
  for (const vote of known.votes.values()) if (vote.witnessedAt <= value) support++
  check(
    support > f,
    'support',
    () => `${known.id} at ${value} has the support of ${support} members`,
  )
}

/**
 * A value is decided when q members accepted it under one ballot, or F voted yes and it is the id.
 */
export function checkChosen(known: KnownTxn, value: Timestamp | 'invalid', n: number): void {
  const { q, fast } = quorums(n)
  for (const proposal of known.proposals.values()) {
    if (proposal.value === value && bitCount(proposal.accepted) >= q) return
  }
  let yes = 0
  for (const vote of known.votes.values()) if (vote.yes) yes++
  const isFast =
    value === known.id && yes >= fast && known.votes.get(known.coordinator)?.yes === true
  check(
    isFast,
    'not chosen',
    () => `${known.id} decided ${value} with ${yes} yes votes and no accept quorum`,
  )
}

/** How many bits are set; up to 30. */
export function bitCount(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
