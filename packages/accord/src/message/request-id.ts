/** Which messages ask a member for its vote, promise or acceptance. */

import type { TxnId } from '../time/timestamp.ts'
import type { Message } from './message.ts'

/** The id a consensus request is about; undefined for every other message. */
export function idOfRequest(message: Message): TxnId | undefined {
  switch (message.kind) {
    case 'preAccept':
    case 'accept':
    case 'acceptInvalid':
    case 'recover':
      return message.id
    default:
      return undefined
  }
}
