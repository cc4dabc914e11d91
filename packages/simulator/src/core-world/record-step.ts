/**
 * The legal steps of a durable record (`protocol.md` 13.1.6 and 13.1.14), judged without the core's
 * own assertions.
 */

import {
  compareBallots,
  hlcOf,
  isZero,
  nodeOf,
  type Hlc,
  type NodeSerial,
  type TxnRecord,
} from '@synevi/accord'
import { check } from './violation.ts'

/** Throws a Violation when `after` may not follow `before` on the disk of `self`. */
export function checkRecordStep(
  self: NodeSerial,
  before: TxnRecord | undefined,
  after: TxnRecord,
): void {
  const where = (): string => `record of ${after.id} at n${self}`
  const { vote, accepted, outcome } = after
  if (vote !== undefined) {
    check(
      vote.yes === (vote.witnessedAt === after.id),
      'vote',
      () => `${where()}: a yes is the id itself`,
    )
    check(vote.witnessedAt >= after.id, 'vote', () => `${where()}: witnessed before its id`)
    check(
      vote.yes || nodeOf(vote.witnessedAt) === self,
      'vote',
      () => `${where()}: minted by another node`,
    )
    check(after.txn !== undefined, 'vote', () => `${where()}: voted without the payload`)
  }
  if (accepted !== undefined) {
    check(
      compareBallots(accepted.ballot, after.promised) <= 0 || isZero(accepted.ballot),
      'ballots',
      () => `${where()}: accepted above the promise`,
    )
  }
  if (outcome?.kind === 'decided') {
    check(outcome.executeAt >= after.id, 'outcome', () => `${where()}: executes before its id`)
    check(
      outcome.deps !== undefined || after.applied,
      'deps none',
      () => `${where()}: neither deps nor applied`,
    )
  }
  check(
    !after.applied || outcome?.kind === 'decided',
    'applied',
    () => `${where()}: applied undecided`,
  )
  if (before !== undefined) checkMonotone(before, after, where)
}

function checkMonotone(before: TxnRecord, after: TxnRecord, where: () => string): void {
  const { vote, accepted, outcome } = before
  if (vote !== undefined) {
    check(
      after.vote?.witnessedAt === vote.witnessedAt && after.vote.yes === vote.yes,
      'vote changed',
      () => `${where()}: ${vote.witnessedAt} became ${after.vote?.witnessedAt}`,
    )
  }
  check(
    compareBallots(before.promised, after.promised) <= 0,
    'ballots',
    () => `${where()}: the promise fell`,
  )
  if (accepted !== undefined) {
    const order =
      after.accepted === undefined ? 1 : compareBallots(accepted.ballot, after.accepted.ballot)
    check(order <= 0, 'ballots', () => `${where()}: the accepted ballot fell`)
    check(
      order < 0 || after.accepted?.value === accepted.value,
      'ballots',
      () => `${where()}: two values under one ballot`,
    )
  }
  check(!before.applied || after.applied, 'applied', () => `${where()}: no longer applied`)
  if (outcome?.kind === 'invalidated') {
    check(
      after.outcome?.kind === 'invalidated',
      'outcome',
      () => `${where()}: no longer invalidated`,
    )
  }
  if (outcome?.kind === 'decided') {
    check(
      after.outcome?.kind === 'decided' && after.outcome.executeAt === outcome.executeAt,
      'outcome',
      () => `${where()}: the decision changed`,
    )
  }
}

/**
 * Every timestamp in a durable record lies at or below the durable reserve of the clock
 * (`protocol.md` 1.3).
 */
export function checkReserve(self: NodeSerial, record: TxnRecord, reserve: Hlc): void {
  const { vote, accepted, outcome } = record
  const below = (t: bigint | undefined): boolean => t === undefined || t <= reserve
  const fits =
    (vote === undefined || (hlcOf(record.id) <= reserve && hlcOf(vote.witnessedAt) <= reserve)) &&
    below(
      accepted === undefined || accepted.value === 'invalid' ? undefined : hlcOf(accepted.value),
    ) &&
    below(outcome?.kind === 'decided' ? hlcOf(outcome.executeAt) : undefined)
  check(fits, 'clock reserve', () => `n${self} stored ${record.id} above its reserve`)
}
