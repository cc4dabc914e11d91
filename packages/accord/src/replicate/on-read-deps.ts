/** Hearing ReadDeps: what a linearizable read must see (`protocol.md` 9). Changes nothing. */

import type { Context } from '../context.ts'
import type { ReadDeps } from '../message/message.ts'
import { nodeOf, type NodeSerial, type TxnId } from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import { isEpochClosing } from './on-raise-floor.ts'
import { depsFor } from './vote.ts'

/**
 * Answers with everything that is unfinished here, undecided or not, and with the marks of what is
 * applied. Heard only where votes are cast: a store that nobody remembers may have forgotten some.
 * May leave at once: what it names beyond what is durable only makes the read wait.
 */
export function onReadDeps(context: Context, from: NodeSerial, message: ReadDeps): void {
  const { round, epoch, keys } = message
  const { open } = context.epochs
  if (epoch !== open.epoch) {
    context.out.atOnce(from, { kind: 'wrongEpoch', open: open.epoch, ends: [] })
    return
  }
  if (!open.isVoter(context.self)) return
  if (isEpochClosing(context)) context.out.atOnce(from, { kind: 'epochClosing', round })
  else context.out.atOnce(from, { kind: 'readDepsOk', round, deps: depsForRead(context, keys) })
}

/**
 * What a read must see, as far as this replica knows. Without its own transactions whose first vote
 * is still on its way to the disk: no vote of theirs was given to anyone, so none is decided; and
 * after a crash nobody may have heard of an id that is then minted again.
 */
export function depsForRead(context: Context, keys: Keys): Deps {
  const { ids, marks } = depsFor(context, keys, { id: undefined, bound: undefined })
  return { ids: ids.filter((id) => !isUnborn(context, id)), marks }
}

function isUnborn(context: Context, id: TxnId): boolean {
  if (nodeOf(id) !== context.self || context.ledger.get(id)?.outcome !== undefined) return false
  return context.reader.record(id) === undefined
}
