/** Refuses what no honest peer sends (`protocol.md` 4.1). */

import type { Epoch, NodeSerial } from '../time/timestamp.ts'
import type { Message } from './message.ts'

/** Why the message cannot be honest, as a sentence; undefined when it can. */
export function fits(
  _message: Message,
  _from: NodeSerial,
  _topology: { readonly epoch: Epoch; readonly members: readonly NodeSerial[] },
): string | undefined {
  return undefined
}
