/**
 * What travels between two nodes: a header, and all messages of one turn to one peer.
 *
 *     'S' 'y'  version:8  cluster:128  from:16  openEpoch:16  count:varint
 *     count × (length:32  tag:8  fields)
 *     CRC-32C of all before:32
 */

import type { Bytes } from '../brand.ts'
import { invariant } from '../invariant.ts'
import type { Message } from '../message/message.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'
import { CLUSTER_BYTES } from './bounds.ts'
import { Refusal, decoding, malformed, type Decoded } from './decoded.ts'
import { isInVersion, readMessage, writeMessage } from './message-codec.ts'
import { Reader } from './reader.ts'
import { readEpoch } from './txn-codec.ts'
import { FRAME_VERSION, FRAME_VERSION_MIN } from './version.ts'
import { Writer } from './writer.ts'

export type { DecodeCode, Decoded } from './decoded.ts'

const MAGIC: readonly number[] = [0x53, 0x79]
const MESSAGE_HEAP = 120

/** Said once in each frame. */
export interface Frame {
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly from: NodeSerial
  readonly openEpoch: Epoch
  readonly messages: readonly Message[]
}

/** A frame that came. */
export interface ReceivedFrame extends Frame {
  /** Tags of messages passed over: of kinds that only a later version knows. In order. */
  readonly unknown: readonly number[]
}

/** What a decoder of frames takes from a peer. */
export interface FrameLimits {
  /** Messages in one frame. */
  readonly messagesMax: number
  /** Of one payload. */
  readonly payloadMaxBytes: number
}

/**
 * The bytes of a frame, in a buffer of their own. A sender keeps to the receiver's limits: frames
 * beyond a few MiB should be several. Throws InvariantError for a value that no decoder would
 * take.
 *
 * `version`: the newest that both ends read. Messages and fields that it lacks are left out.
 */
export function encodeFrame(frame: Frame, version: number = FRAME_VERSION): Bytes {
  invariant(frame.cluster.length === CLUSTER_BYTES, 'a cluster is 16 bytes')
  const messages = frame.messages.filter(({ kind }) => isInVersion(kind, version))
  const writer = new Writer(512, version)
  for (const byte of MAGIC) writer.byte(byte)
  writer.byte(version)
  writer.raw(frame.cluster)
  writer.uint16(frame.from)
  writer.uint16(frame.openEpoch)
  writer.varint(messages.length)
  for (const message of messages) {
    const at = writer.length
    writer.uint32(0)
    writeMessage(writer, message)
    writer.uint32At(at, writer.length - at - 4)
  }
  writer.checksum()
  return writer.finish()
}

/**
 * The frame, or why not: `WRONG_VERSION` for another version, else `MALFORMED`. Never throws,
 * whatever the bytes, and allocates 64 MiB at most. What is returned does not share the bytes,
 * except for a payload of 64 KiB or more that makes up half of them: nobody may write to them
 * afterwards.
 *
 * Equal to what was encoded, and the other way round, but for what a later version added: messages
 * of unknown kinds are passed over and named, and unknown fields at the end of a message are
 * ignored.
 */
export function decodeFrame(bytes: Bytes, limits: FrameLimits): Decoded<ReceivedFrame> {
  return decoding(() => {
    const reader = new Reader(bytes, limits.payloadMaxBytes)
    for (const byte of MAGIC) if (reader.byte() !== byte) malformed('not a frame')
    const version = reader.byte()
    if (version < FRAME_VERSION_MIN || version > FRAME_VERSION) {
      throw new Refusal(
        'WRONG_VERSION',
        `frame version ${version}, this node reads ${FRAME_VERSION_MIN} to ${FRAME_VERSION}`,
      )
    }
    reader.checksum()
    return readFrame(reader, limits)
  })
}

function readFrame(reader: Reader, limits: FrameLimits): ReceivedFrame {
  const cluster = reader.raw(CLUSTER_BYTES)
  const from = reader.node()
  const openEpoch = readEpoch(reader)
  const count = reader.count(limits.messagesMax, 5, MESSAGE_HEAP)
  const messages: Message[] = []
  const unknown: number[] = []
  for (let i = 0; i < count; i++) {
    const length = reader.uint32()
    if (length === 0) malformed('a message without a kind')
    const message = reader.within(length, readMessage)
    if (typeof message === 'number') unknown.push(message)
    else messages.push(message)
  }
  reader.finish()
  return { cluster, from, openEpoch, messages, unknown }
}
