/** Hearing Recover: a promise, and all that is known (`protocol.md` 6.1). */

import type { Context } from '../context.ts'
import type { Recover, RecoverOk } from '../message/message.ts'
import { compareBallots, type Ballot } from '../time/ballot.ts'
import type { NodeSerial, TxnId } from '../time/timestamp.ts'
import { keysOfTxn, type Txn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { answerOutcome } from './answer.ts'
import { isTooFarAhead, refusalByFloor } from './on-pre-accept.ts'
import { voteInRecovery } from './vote.ts'

/** Promises unless a higher ballot was promised; the same ballot again is answered again. */
export function onRecover(context: Context, from: NodeSerial, message: Recover): void {
  const { ballot, id, txn } = message
  const record = context.ledger.getOrEmpty(id)
  if (answerOutcome(context, from, record)) return
  if (compareBallots(record.promised, ballot) > 0) {
    context.out.atOnce(from, { kind: 'nack', id, promised: record.promised })
    return
  }
  context.out.afterStore(from, promise(context, { ballot, id, txn }))
}

/**
 * Promises at this replica, whose earlier promise allows it, even when nothing else is known of the
 * id: after it no PreAccept gets a vote here. Witnesses the payload if it had no vote, which is
 * then never a yes.
 */
export function promise(
  context: Context,
  asked: { ballot: Ballot; id: TxnId; txn: Txn | undefined },
): RecoverOk {
  const { ballot, id, txn } = asked
  const record = context.ledger.getOrEmpty(id)
  // A payload is kept whatever becomes of the vote: a decision may need it.
  const held =
    txn === undefined ? {} : { txn: record.txn ?? txn, keys: record.keys ?? keysOfTxn(txn) }
  let next: TxnRecord = { ...record, ...held, promised: ballot }
  let refused = false
  if (record.vote === undefined && record.accepted === undefined && txn !== undefined) {
    if (refusalByFloor(context, id) !== undefined || isTooFarAhead(context, id)) refused = true
    else {
      const keys = keysOfTxn(txn)
      next = { ...next, vote: voteInRecovery(context, id, keys) }
    }
  }
  context.ledger.put(next)
  return {
    kind: 'recoverOk',
    id,
    ballot,
    vote: next.vote,
    accepted: next.accepted,
    keys: next.keys,
    refused,
    txn: txn === undefined ? next.txn : undefined,
  }
}
