/**
 * Each kind of message has a tag, a writer and a reader; a kind without them does not compile.
 *
 * Tags are never reused. A later version may append fields to a message: readers of this one ignore
 * what follows the fields they know, and pass over tags they do not know. How to add either is in
 * `docs/internals/compatibility.md`.
 */

import type { Message } from '../message/message.ts'
import type { MessageKind, MessageOf } from '../message/message-kind.ts'
import {
  ACCEPT_CODECS,
  OUTCOME_CODECS,
  PRE_ACCEPT_CODECS,
  RECOVER_CODECS,
} from './consensus-codec.ts'
import {
  EPOCH_CODECS,
  HEALTH_CODECS,
  LOG_CODECS,
  READ_CODECS,
  SNAPSHOT_CODECS,
} from './upkeep-codec.ts'
import type { MessageCodecs } from './codec-of-kind.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** All kinds. */
export const MESSAGE_CODECS: MessageCodecs<MessageKind> = {
  ...PRE_ACCEPT_CODECS,
  ...ACCEPT_CODECS,
  ...RECOVER_CODECS,
  ...OUTCOME_CODECS,
  ...EPOCH_CODECS,
  ...READ_CODECS,
  ...LOG_CODECS,
  ...SNAPSHOT_CODECS,
  ...HEALTH_CODECS,
}

const READERS: readonly (((reader: Reader) => Message) | undefined)[] = readersByTag()

/** The tag and the fields. */
export function writeMessage(writer: Writer, message: Message): void {
  writeKind(writer, message.kind, message)
}

/** Whether frames of that version have such a message. */
export function isInVersion(kind: MessageKind, version: number): boolean {
  return (MESSAGE_CODECS[kind].since ?? 1) <= version
}

/** The message, or its tag when that is not known here. */
export function readMessage(reader: Reader): Message | number {
  const tag = reader.byte()
  return READERS[tag]?.(reader) ?? tag
}

function writeKind<K extends MessageKind>(writer: Writer, kind: K, message: MessageOf[K]): void {
  const codec = MESSAGE_CODECS[kind]
  writer.byte(codec.tag)
  codec.write(writer, message)
}

function readersByTag(): readonly (((reader: Reader) => Message) | undefined)[] {
  const readers: (((reader: Reader) => Message) | undefined)[] = []
  for (let tag = 0; tag <= 0xff; tag++) readers.push(undefined)
  for (const codec of Object.values(MESSAGE_CODECS)) readers[codec.tag] = codec.read
  return readers
}
