/**
 * Frames from peers become inputs of the replica; what cannot be decoded is counted, logged and
 * changes nothing.
 */

import {
  decodeFrame,
  type Bytes,
  type Decoded,
  type ReceivedFrame,
  type Message,
  type NodeSerial,
} from '@synevi/accord'
import type { Logger } from '../contract/observe.ts'

/** What frames are judged by, and where their messages go. */
export interface InboxParts {
  readonly cluster: Bytes
  readonly limits: { readonly messagesMax: number; readonly payloadMaxBytes: number }
  readonly logger: Logger
  readonly isMember: (serial: NodeSerial) => boolean
  /** The messages of one frame, in order. */
  readonly receive: (from: NodeSerial, messages: readonly Message[]) => void
  /** A message of a kind that only a later version knows: once a link for each tag. */
  readonly unsupported: (from: NodeSerial, tag: number) => void
  /** Default the codec's. */
  readonly decode?: (
    bytes: Bytes,
    limits: { messagesMax: number; payloadMaxBytes: number },
  ) => Decoded<ReceivedFrame>
}

/** Refused frames of one peer are logged one by one up to this, then at each power of two. */
const LOGGED_MAX = 8

/** The door for what peers send. */
export class Inbox {
  readonly #parts: InboxParts
  readonly #decode: NonNullable<InboxParts['decode']>
  readonly #refusedFrom = new Map<NodeSerial, number>()
  /** Tags that were answered already. */
  readonly #passedOver = new Map<NodeSerial, Set<number>>()
  #refused = 0

  constructor(parts: InboxParts) {
    this.#parts = parts
    this.#decode = parts.decode ?? decodeFrame
  }

  get refusedCount(): number {
    return this.#refused
  }

  accept(from: NodeSerial, bytes: Bytes): void {
    const { cluster, limits, isMember, receive } = this.#parts
    if (!isMember(from)) {
      this.#refuse(from, 'not a member')
      return
    }
    const decoded = this.#decode(bytes, limits)
    if (!decoded.ok) {
      this.#refuse(from, `${decoded.code}: ${decoded.why}`)
    } else if (Buffer.compare(decoded.value.cluster, cluster) !== 0) {
      this.#refuse(from, 'of another cluster')
    } else if (decoded.value.from !== from) {
      this.#refuse(from, `says it is from node ${decoded.value.from}`)
    } else {
      receive(from, decoded.value.messages)
      for (const tag of decoded.value.unknown) this.#passOver(from, tag)
    }
  }

  /** The link is new: its peer may be another build. */
  linked(peer: NodeSerial): void {
    this.#passedOver.delete(peer)
  }

  #passOver(from: NodeSerial, tag: number): void {
    const tags = this.#passedOver.get(from) ?? new Set()
    if (tags.has(tag)) return
    this.#passedOver.set(from, tags.add(tag))
    this.#parts.logger.warn({ from, tag }, 'passed over messages that only a later version knows')
    this.#parts.unsupported(from, tag)
  }

  #refuse(from: NodeSerial, why: string): void {
    this.#refused++
    const count = (this.#refusedFrom.get(from) ?? 0) + 1
    this.#refusedFrom.set(from, count)
    // A peer that floods us with garbage must not fill the log.
    if (count > LOGGED_MAX && (count & (count - 1)) !== 0) return
    this.#parts.logger.warn({ from, why, count }, 'refused a frame')
  }
}
