/** What travels between two nodes: a header, and all messages of one turn to one peer. */

import type { Bytes } from '../brand.ts'
import type { Message } from '../message/message.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'

/** The version of frames and messages that this code writes. */
export const PROTOCOL_VERSION = 1

/** Said once in each frame. */
export interface Frame {
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly from: NodeSerial
  readonly openEpoch: Epoch
  readonly messages: readonly Message[]
}

/** What a decoder answers. `why` is one sentence for a log. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: 'MALFORMED' | 'WRONG_VERSION'; readonly why: string }

export declare function encodeFrame(frame: Frame): Bytes
export declare function decodeFrame(bytes: Bytes, limits: { messagesMax: number; payloadMaxBytes: number }): Decoded<Frame>
