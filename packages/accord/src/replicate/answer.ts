/**
 * What any request about an id is answered first: the outcome, when there is one (`protocol.md`
 * 4.3).
 */

import type { Context } from '../context.ts'
import { invariant } from '../invariant.ts'
import type { Decided, Invalidated } from '../message/message.ts'
import type { NodeSerial } from '../time/timestamp.ts'
import type { TxnRecord } from '../txn/txn-record.ts'

/** Decided or Invalidated, once it is durable here. True when it answered. */
export function answerOutcome(context: Context, to: NodeSerial, record: TxnRecord): boolean {
  const answer = outcomeOf(record, false)
  if (answer === undefined) return false
  context.out.afterStore(to, answer)
  return true
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
