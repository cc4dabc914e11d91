/** Hearing Accept and AcceptInvalid: a value under a ballot (`protocol.md` 4.3). */

import type { Context } from '../context.ts'
import type { Accept, AcceptInvalid, AcceptOk } from '../message/message.ts'
import { compareBallots, type Ballot } from '../time/ballot.ts'
import type { NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import { sameKeys, type Keys } from '../txn/keys.ts'
import { answerOutcome } from './answer.ts'
import { depsFor } from './vote.ts'

/**
 * Accepts unless a higher ballot was promised; answers with deps below executeAt, or that it is
 * covered.
 */
export function onAccept(context: Context, from: NodeSerial, message: Accept): void {
  const { ballot, id, keys, executeAt } = message
  const record = context.ledger.getOrEmpty(id)
  if (answerOutcome(context, from, record)) return
  if (compareBallots(record.promised, ballot) > 0) {
    context.out.atOnce(from, { kind: 'nack', id, promised: record.promised })
    return
  }
  if (record.keys !== undefined && !sameKeys(record.keys, keys)) {
    context.out.notice({
      kind: 'rejected',
      from,
      what: 'Accept names other keys than the transaction has',
    })
    return
  }
  context.out.afterStore(from, accept(context, { ballot, id, keys, executeAt }))
}

/** Accepts at this replica, whose promise allows it; its own part of the answers of a round. */
export function accept(
  context: Context,
  value: { ballot: Ballot; id: TxnId; keys: Keys; executeAt: Timestamp },
): AcceptOk {
  const { ballot, id, executeAt } = value
  const record = context.ledger.getOrEmpty(id)
  const keys = record.keys ?? value.keys
  context.clock.observe(executeAt)
  context.ledger.put({ ...record, keys, promised: ballot, accepted: { ballot, value: executeAt } })
  // Covered, it cannot list what lies below its marks; it must accept all the same, or recovery
  // livelocks.
  const deps = context.marks.covers(keys, executeAt)
    ? undefined
    : depsFor(context, keys, { id, bound: executeAt })
  return { kind: 'acceptOk', id, ballot, deps }
}

/** Accepts that it never happens, unless a higher ballot was promised. */
export function onAcceptInvalid(context: Context, from: NodeSerial, message: AcceptInvalid): void {
  const { ballot, id } = message
  const record = context.ledger.getOrEmpty(id)
  if (answerOutcome(context, from, record)) return
  if (compareBallots(record.promised, ballot) > 0) {
    context.out.atOnce(from, { kind: 'nack', id, promised: record.promised })
    return
  }
  acceptInvalid(context, id, ballot)
  context.out.afterStore(from, { kind: 'acceptInvalidOk', id, ballot })
}

/** Accepts at this replica, whose promise allows it. */
export function acceptInvalid(context: Context, id: TxnId, ballot: Ballot): void {
  const record = context.ledger.getOrEmpty(id)
  context.ledger.put({ ...record, promised: ballot, accepted: { ballot, value: 'invalid' } })
}
