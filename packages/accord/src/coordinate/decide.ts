/**
 * The end of a round: a decision, made durable here before anything reveals it (`protocol.md` 2.2
 * d, 4.4).
 */

import type { Context } from '../context.ts'
import type { Path } from '../ready.ts'
import { closeCovered } from '../replicate/on-stable.ts'
import type { NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import { invariant } from '../invariant.ts'

/**
 * Decides: the outcome is written, and Stable leaves after it, with the payload for those not known
 * to hold it.
 */
export function decide(
  context: Context,
  decision: {
    id: TxnId
    keys: Keys
    executeAt: Timestamp
    deps: Deps
    path: Path
    holders: ReadonlySet<NodeSerial>
  },
): void {
  const { id, keys, executeAt, deps, path, holders } = decision
  const record = context.ledger.getOrEmpty(id)
  invariant(record.outcome === undefined, 'a round decides only what has no outcome')
  if (context.marks.covers(keys, executeAt)) {
    closeCovered(context, { ...record, keys }, executeAt)
    return
  }
  context.clock.observe(executeAt)
  context.ledger.put({ ...record, keys, outcome: { kind: 'decided', executeAt, deps } })
  context.out.notice({ kind: 'decided', id, path, executeAt })
  const { txn } = record
  const digest = txn?.kind === 'application' ? txn.digest : new Uint8Array(0)
  for (const peer of context.epochs.of(id).others) {
    const carried = holders.has(peer) ? undefined : txn
    context.out.afterStore(peer, {
      kind: 'stable',
      id,
      keys,
      executeAt,
      deps,
      digest,
      txn: carried,
    })
  }
}

/** Decides that it never happens. */
export function decideInvalid(context: Context, id: TxnId): void {
  const record = context.ledger.getOrEmpty(id)
  invariant(record.outcome === undefined, 'a round decides only what has no outcome')
  context.ledger.put({ ...record, outcome: { kind: 'invalidated' } })
  context.out.notice({ kind: 'invalidated', id })
  for (const peer of context.epochs.of(id).others)
    context.out.afterStore(peer, { kind: 'invalidated', id })
}
