/** The vote and the deps of one replica (`protocol.md` 1.6, 4.2). */

import type { Context } from '../context.ts'
import { invariant } from '../invariant.ts'
import {
  compareTimestamps,
  epoch,
  epochOf,
  maxTimestamp,
  nodeOf,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import type { TxnRecord, Vote } from '../txn/txn-record.ts'

/**
 * Given once: yes when nothing conflicting stands at or above the id, else a fresh later timestamp.
 */
export function voteOn(context: Context, id: TxnId, keys: Keys): Vote {
  context.clock.observe(id)
  const greatest = greatestConflict(context, id, keys)
  if (greatest < id) return { witnessedAt: id, yes: true }
  return { witnessedAt: context.clock.mintAbove(epoch(epochOf(id)), greatest), yes: false }
}

/** A vote first cast in a recovery is never a yes. */
export function voteInRecovery(context: Context, id: TxnId, keys: Keys): Vote {
  context.clock.observe(id)
  const floor = maxTimestamp(greatestConflict(context, id, keys), id)
  return { witnessedAt: context.clock.mintAbove(epoch(epochOf(id)), floor), yes: false }
}

/**
 * The greatest timestamp that a conflicting transaction may execute at, as far as this replica
 * knows.
 */
export function greatestConflict(context: Context, id: TxnId, keys: Keys): Timestamp {
  let greatest = context.marks.max(keys)
  const of = epochOf(id)
  for (const record of context.ledger.conflicts.conflicting(keys, id)) {
    if (epochOf(record.id) !== of) continue
    const t = placeOf(record, context.self)
    if (t !== undefined && t > greatest) greatest = t
  }
  return greatest
}

/**
 * Where it may execute: executeAt when decided, else the greater of accepted value and vote. A
 * coordinator does not count the votes on its own live transactions (own-vote rule): its part of
 * deps is taken at the decision.
 */
function placeOf(record: TxnRecord, self: NodeSerial): Timestamp | undefined {
  if (record.outcome?.kind === 'decided') return record.outcome.executeAt
  const accepted = record.accepted?.value
  const ownLive = nodeOf(record.id) === self && record.accepted === undefined
  const voted = ownLive ? undefined : record.vote?.witnessedAt
  if (accepted === undefined || accepted === 'invalid') return voted
  return voted === undefined ? accepted : maxTimestamp(accepted, voted)
}

/**
 * What may come before a transaction with `keys` that executes below `bound`. Both undefined: for a
 * read, which must see all there is.
 */
export function depsFor(
  context: Context,
  keys: Keys,
  of: { id: TxnId | undefined; bound: Timestamp | undefined },
): Deps {
  const { id, bound } = of
  // Earlier epochs are executed before anything of this one (10.4), and never mentioned.
  const inEpoch = id === undefined ? context.epochs.open.epoch : epochOf(id)
  const ids: TxnId[] = []
  for (const record of context.ledger.conflicts.conflicting(keys, id)) {
    if (epochOf(record.id) !== inEpoch) continue
    if (bound === undefined || record.id < bound) ids.push(record.id)
  }
  const marks = context.marks.of(keys).filter((mark) => epochOf(mark.at) === inEpoch)
  invariant(
    bound === undefined || marks.every((mark) => mark.at < bound),
    'deps are given only above everything applied',
  )
  return { ids: ids.sort(compareTimestamps), marks }
}
