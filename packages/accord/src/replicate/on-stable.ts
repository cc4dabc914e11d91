/** Hearing Stable, Invalidated or Decided: taking over an outcome (`protocol.md` 4.3, 6.3). */

import type { Context } from '../context.ts'
import { stop } from '../stop.ts'
import type { Stable } from '../message/message.ts'
import type { NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import { sameKeys, type Keys } from '../txn/keys.ts'
import type { Txn } from '../txn/txn.ts'
import type { Outcome, TxnRecord } from '../txn/txn-record.ts'

/** A decision as learned from anyone. */
export interface Decision {
  readonly id: TxnId
  readonly keys: Keys
  readonly executeAt: Timestamp
  readonly deps: Deps
  readonly txn: Txn | undefined
}

/** The decision of a coordinator or recoverer. Its digest must be that of the payload held here. */
export function onStable(context: Context, from: NodeSerial, message: Stable): void {
  const held = context.ledger.getOrEmpty(message.id)
  const txn = held.txn ?? message.txn
  if (
    txn?.kind === 'application' &&
    message.digest.length > 0 &&
    !sameBytes(txn.digest, message.digest)
  ) {
    stop(context, {
      code: 'NODE_FAILED',
      why: `transaction ${message.id} has another payload here than at node ${from}`,
    })
    return
  }
  adoptDecided(context, message)
}

/**
 * Records the decision; covered here, it is applied here already. Disagreement with an outcome
 * stops the node.
 */
export function adoptDecided(context: Context, decision: Decision): void {
  const { id, executeAt, deps, txn } = decision
  const record = context.ledger.getOrEmpty(id)
  if (record.outcome !== undefined) {
    if (!agrees(record.outcome, executeAt)) {
      stop(context, { code: 'NODE_FAILED', why: `transaction ${id} has two outcomes` })
      return
    }
    const isKept = !context.floors.isClosed(id)
    if (isKept && record.txn === undefined && txn !== undefined)
      context.ledger.put({ ...record, txn })
    return
  }
  // What was decided below it is applied here.
  if (context.floors.isClosed(id)) return
  const keys = record.keys ?? decision.keys
  if (!sameKeys(keys, decision.keys)) {
    stop(context, { code: 'NODE_FAILED', why: `transaction ${id} has two sets of keys` })
    return
  }
  context.clock.observe(executeAt)
  const known = { ...record, keys, txn: record.txn ?? txn }
  if (context.marks.covers(keys, executeAt)) closeCovered(context, known, executeAt)
  else context.ledger.put({ ...known, outcome: { kind: 'decided', executeAt, deps } })
}

/**
 * A decided transaction whose effect is in the state already: applied, without being executed
 * (6.3).
 */
export function closeCovered(context: Context, record: TxnRecord, executeAt: Timestamp): void {
  context.out.notice({ kind: 'event', name: 'coveredWithoutOutcome', id: record.id })
  context.ledger.put({
    ...record,
    outcome: { kind: 'decided', executeAt, deps: undefined },
    applied: true,
  })
}

/** It never happened and never will. */
export function adoptInvalidated(context: Context, id: TxnId): void {
  const record = context.ledger.getOrEmpty(id)
  if (record.outcome?.kind === 'decided') {
    stop(context, {
      code: 'NODE_FAILED',
      why: `transaction ${id} is decided here and invalidated elsewhere`,
    })
    return
  }
  if (record.outcome === undefined && !context.floors.isClosed(id))
    context.ledger.put({ ...record, outcome: { kind: 'invalidated' } })
}

function agrees(outcome: Outcome, executeAt: Timestamp): boolean {
  return outcome.kind === 'decided' && outcome.executeAt === executeAt
}

/** Whether both are the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
