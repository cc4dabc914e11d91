/** Hearing PreAccept: the vote (`protocol.md` 4.3, 1.4, 8.6). */

import type { Context } from '../context.ts'
import type { PreAccept, RefusedReason } from '../message/message.ts'
import { isZero } from '../time/ballot.ts'
import { epochOf, nanosOf, type NodeSerial, type TxnId } from '../time/timestamp.ts'
import { keysOfTxn, type Txn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { answerOutcome } from './answer.ts'
import { depsFor, voteOn } from './vote.ts'

/** Votes once; answers duplicates with the stored vote and fresh deps. */
export function onPreAccept(context: Context, from: NodeSerial, message: PreAccept): void {
  const { id, txn } = message
  const record = context.ledger.getOrEmpty(id)
  if (answerOutcome(context, from, record)) return
  if (!isZero(record.promised) || record.accepted !== undefined) {
    keepTxn(context, record, txn)
    context.out.atOnce(from, { kind: 'nack', id, promised: record.promised })
    return
  }
  if (record.vote === undefined) {
    const reason = refusal(context, id)
    if (reason !== undefined) {
      context.out.atOnce(from, { kind: 'refused', id, reason })
      return
    }
    const keys = keysOfTxn(txn)
    context.ledger.put({ ...record, txn: record.txn ?? txn, keys, vote: voteOn(context, id, keys) })
  }
  answerVote(context, from, context.ledger.getOrEmpty(id))
}

function answerVote(context: Context, to: NodeSerial, record: TxnRecord): void {
  const { id, vote, keys } = record
  if (vote === undefined || keys === undefined) return
  if (!vote.yes) {
    context.out.afterStore(to, {
      kind: 'preAcceptOk',
      id,
      witnessedAt: vote.witnessedAt,
      deps: undefined,
    })
    return
  }
  // Only a round that is long over gets here: something later is applied, so the id was decided or
  // never will be.
  if (context.marks.covers(keys, id)) return
  context.out.afterStore(to, {
    kind: 'preAcceptOk',
    id,
    witnessedAt: id,
    deps: depsFor(context, keys, { id, bound: id }),
  })
}

/** Why this replica would not witness the id now; refusing is always safe. */
export function refusal(context: Context, id: TxnId): RefusedReason | undefined {
  const floor = refusalByFloor(context, id)
  if (floor !== undefined) return floor
  if (isTooFarAhead(context, id)) return 'tooFarAhead'
  const { n } = context.epochs.of(id).sizes
  const unappliedMax = (2 * n + 16) * context.limits.ownUndecidedMax
  return context.ledger.conflicts.size >= unappliedMax ? 'busy' : undefined
}

/**
 * Whether the floor forbids the first vote on the id: a later floor of its epoch, or the end of it.
 */
export function refusalByFloor(
  context: Context,
  id: TxnId,
): 'belowFloor' | 'epochClosing' | undefined {
  const { floor } = context.floors
  if (id >= floor) return undefined
  return epochOf(floor) > epochOf(id) ? 'epochClosing' : 'belowFloor'
}

/**
 * Compared with the last timestamp too: after a far one was decided, honest nodes must not refuse
 * each other.
 */
export function isTooFarAhead(context: Context, id: TxnId): boolean {
  const wall: bigint = context.now.wall
  const last: bigint = context.clock.lastNanos
  const limit = (wall > last ? wall : last) + context.limits.clockDriftMaxNanos
  return nanosOf(id) > limit
}

function keepTxn(context: Context, record: TxnRecord, txn: Txn): void {
  if (record.txn === undefined)
    context.ledger.put({ ...record, txn, keys: record.keys ?? keysOfTxn(txn) })
}
