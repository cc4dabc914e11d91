/** How the codec of one kind of message looks. */

import type { Message } from '../message/message.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export type MessageKind = Message['kind']

/** From the kind to the message. */
export type MessageOf = { readonly [K in MessageKind]: Extract<Message, { readonly kind: K }> }

/** `read` reads what `write` wrote. Tags are 1 … 255. */
export interface MessageCodec<T> {
  readonly tag: number
  readonly write: (writer: Writer, message: T) => void
  readonly read: (reader: Reader) => T
}

/** One codec for each of these kinds. */
export type MessageCodecs<Kinds extends MessageKind> = {
  readonly [K in Kinds]: MessageCodec<MessageOf[K]>
}
