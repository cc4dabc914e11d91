/**
 * What any request about an id is answered first: the outcome, when there is one (`protocol.md`
 * 4.3).
 */

import type { Context } from '../context.ts'
import { invariant } from '../invariant.ts'
import type { Decided, Invalidated, Truncated } from '../message/message.ts'
import type { NodeSerial, TxnId } from '../time/timestamp.ts'
import type { TxnRecord } from '../txn/txn-record.ts'

/**
 * Decided or Invalidated, else Truncated below `closedBefore`; once that is durable here. True when
 * it answered.
 */
export function answerOutcome(context: Context, to: NodeSerial, record: TxnRecord): boolean {
  const answer = outcomeOf(record, false) ?? truncatedOf(context, record.id)
  if (answer === undefined) return false
  context.out.afterStore(to, answer)
  return true
}

/**
 * What is said of an id that is closed here and has no outcome on record: applied or dead, nobody
 * here can tell which (`protocol.md` 8.3).
 */
export function truncatedOf(context: Context, id: TxnId): Truncated | undefined {
  const { floors } = context
  if (!floors.isClosed(id)) return undefined
  context.out.notice({ kind: 'event', name: 'truncatedAnswered', id })
  return { kind: 'truncated', id, closedBefore: floors.closedBefore }
}

/** The outcome as a message, with the payload if wanted and held; undefined when there is none. */
export function outcomeOf(record: TxnRecord, wantTxn: boolean): Decided | Invalidated | undefined {
  const { id, outcome, keys } = record
  if (outcome === undefined) return undefined
  if (outcome.kind === 'invalidated') return { kind: 'invalidated', id }
  invariant(keys !== undefined, 'keys are known with the decision')
  return {
    kind: 'decided',
    id,
    keys,
    executeAt: outcome.executeAt,
    deps: outcome.deps,
    txn: wantTxn ? record.txn : undefined,
  }
}
