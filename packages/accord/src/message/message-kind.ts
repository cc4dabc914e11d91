/** The kinds of messages, as types. */

import type { Message } from './message.ts'

/** What tells messages apart. */
export type MessageKind = Message['kind']

/** From the kind to the message. */
export type MessageOf = { readonly [K in MessageKind]: Extract<Message, { readonly kind: K }> }
