/** Hearing ReadDeps: what a linearizable read must see (`protocol.md` 9). Changes nothing. */

import type { Context } from '../context.ts'
import type { ReadDeps } from '../message/message.ts'
import type { NodeSerial } from '../time/timestamp.ts'
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
  const deps = depsFor(context, keys, { id: undefined, bound: undefined })
  context.out.atOnce(from, { kind: 'readDepsOk', round, deps })
}
