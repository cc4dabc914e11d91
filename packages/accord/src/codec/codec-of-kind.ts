/** How the codec of one kind of message looks. */

import type { MessageKind, MessageOf } from '../message/message-kind.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** `read` reads what `write` wrote. Tags are 1 … 255. */
export interface MessageCodec<T> {
  readonly tag: number
  /** The first version of frames that has it: peers that read less never get it. Default 1. */
  readonly since?: number
  readonly write: (writer: Writer, message: T) => void
  readonly read: (reader: Reader) => T
}

/** One codec for each of these kinds. */
export type MessageCodecs<Kinds extends MessageKind> = {
  readonly [K in Kinds]: MessageCodec<MessageOf[K]>
}
