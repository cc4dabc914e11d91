/** All messages of one turn to one peer travel in one frame, in order, within its limits. */

import {
  encodeFrame,
  FRAME_VERSION,
  FRAME_VERSION_MIN,
  type Bytes,
  type Envelope,
  type Epoch,
  type Frame,
  type Message,
  type NodeSerial,
} from '@synevi/accord'
import type { Logger } from '../contract/observe.ts'

/** What frames say of their sender, their limits, and where they go. */
export interface OutboxParts {
  readonly cluster: Bytes
  readonly self: NodeSerial
  readonly openEpoch: () => Epoch
  readonly send: (to: NodeSerial, frame: Bytes) => void
  readonly frameMaxBytes: number
  readonly messagesMax: number
  readonly logger: Logger
  /** Default the codec's. */
  readonly encode?: (frame: Frame, version: number) => Bytes
}

/** Posts envelopes: best effort, as the network is. */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #encode: (frame: Frame, version: number) => Bytes
  readonly #versions = new Map<NodeSerial, number>()
  #dropped = 0

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#encode = parts.encode ?? encodeFrame
  }

  /** Messages that fit into no frame. */
  get droppedCount(): number {
    return this.#dropped
  }

  /**
   * The newest version of frames that a peer reads; it gets that or ours, the older of the two.
   * Until it is known, the oldest.
   */
  peerReads(peer: NodeSerial, version: number): void {
    this.#versions.set(peer, Math.max(FRAME_VERSION_MIN, Math.min(version, FRAME_VERSION)))
  }

  post(envelopes: readonly Envelope[]): void {
    const byPeer = new Map<NodeSerial, Message[]>()
    for (const { to, message } of envelopes) {
      const messages = byPeer.get(to)
      if (messages === undefined) byPeer.set(to, [message])
      else messages.push(message)
    }
    for (const [to, messages] of byPeer) this.#postTo(to, messages)
  }

  #postTo(to: NodeSerial, messages: readonly Message[]): void {
    const { cluster, self, openEpoch, send, frameMaxBytes, messagesMax } = this.#parts
    const version = this.#versions.get(to) ?? FRAME_VERSION_MIN
    // Halves of what is too much, in order, without recursion.
    const pieces: (readonly Message[])[] = [messages]
    for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
      if (piece.length <= messagesMax) {
        const parts = { cluster, from: self, openEpoch: openEpoch(), messages: piece }
        const frame = this.#encode(parts, version)
        if (frame.length <= frameMaxBytes) {
          send(to, frame)
          continue
        }
        if (piece.length === 1) {
          this.#drop(to, piece, frame.length)
          continue
        }
      }
      const half = piece.length >> 1
      pieces.push(piece.slice(half), piece.slice(0, half))
    }
  }

  #drop(to: NodeSerial, piece: readonly Message[], bytes: number): void {
    this.#dropped++
    const { logger, frameMaxBytes } = this.#parts
    logger.error(
      { to, kind: piece[0]?.kind, bytes, frameMaxBytes },
      'a message fits into no frame: not sent',
    )
  }
}
