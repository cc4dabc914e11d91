/**
 * Which values may be proposed and decided (`protocol.md` 2.2, 6.4), counted over durable facts.
 */

import type { Answer, NodeSerial, Timestamp } from '@synevi/accord'
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
export function checkChosen(
  known: KnownTxn,
  value: Timestamp | 'invalid',
  n: number,
): 'accepted' | 'fast' {
  const { q, fast } = quorums(n)
  for (const proposal of known.proposals.values()) {
    if (proposal.value === value && bitCount(proposal.accepted) >= q) return 'accepted'
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
  return 'fast'
}

/**
 * Whoever proposes under a higher ballot than one under which a quorum accepted proposes the same
 * value, and after a fast decision the id: though nobody knows yet that it is decided (6.4).
 */
export function checkKept(known: KnownTxn, n: number): void {
  const { q } = quorums(n)
  if (known.isFast) checkAbove(known, 0, known.id)
  for (const [ballot, { value, accepted }] of known.proposals) {
    if (bitCount(accepted) >= q) checkAbove(known, ballot, value)
  }
}

function checkAbove(known: KnownTxn, ballot: number, value: Timestamp | 'invalid'): void {
  for (const [higher, { value: other }] of known.proposals) {
    check(
      higher <= ballot || other === value,
      'agreement',
      () => `${known.id} was chosen at ${value}, and then ${other} was proposed`,
    )
  }
}

/** How many bits are set; up to 30. */
export function bitCount(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

/** 2.2 a–c: decided by its coordinator, in the life in which it was born, with F yes votes. */
export function checkFast(
  known: KnownTxn,
  by: { readonly node: NodeSerial; readonly life: number; readonly n: number },
): void {
  const { node, life, n } = by
  check(
    known.coordinator === node,
    'fast path',
    () => `n${node} decided ${known.id} of another coordinator`,
  )
  check(known.bornIn === life, 'fast path', () => `n${node} resumed ${known.id}`)
  const yes = bitCount(known.yesHeard & ~(1 << node)) + 1
  const { fast } = quorums(n)
  check(
    yes >= fast,
    'fast path',
    () => `n${node} decided ${known.id} with ${yes} of ${fast} yes votes`,
  )
}

/** What a caller is told is what became of its transaction. */
export function checkAnswer(
  node: NodeSerial,
  answer: Exclude<Answer, { readonly kind: 'refused' }>,
  outcome: KnownTxn['outcome'],
): void {
  const expected =
    answer.kind === 'settled'
      ? answer.executeAt
      : answer.kind === 'invalidated'
        ? 'invalid'
        : outcome
  check(
    outcome === expected,
    'answer',
    () => `n${node} answered ${answer.kind} for ${answer.id}, which is ${outcome}`,
  )
}
