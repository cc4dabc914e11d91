/** This node's end of the network: frames out, frames in, links. */

import {
  FRAME_VERSION,
  FRAME_VERSION_MIN,
  type Bytes,
  type Envelope,
  type Message,
  type NodeSerial,
} from '@synevi/accord'
import type { NodeHealth } from '../observe/node-health.ts'
import type { ParsedOptions } from '../options.ts'
import { Inbox } from './inbox.ts'
import type { OpenedReplica } from './open-replica.ts'
import { Outbox } from './outbox.ts'

/** Messages of one frame that are taken in, whatever limit the peer keeps to. */
const MESSAGES_MAX = 65_536

/** Whose traffic it is, and who hears of it. */
export interface PeerTrafficParts {
  readonly options: ParsedOptions
  readonly opened: OpenedReplica
  readonly health: NodeHealth
  /** The messages of one frame, in order, from a member. */
  readonly receive: (from: NodeSerial, messages: readonly Message[]) => void
  readonly link: (peer: NodeSerial, up: boolean) => void
  /** A peer refused this node, or was refused. */
  readonly refused: (peer: NodeSerial | undefined, code: string) => void
  /** A question of a node that is no peer yet. */
  readonly asked: (id: string, question: Bytes) => Promise<Bytes>
}

/** Nothing is received before `start`, and nothing after `close`. */
export class PeerTraffic {
  readonly #parts: PeerTrafficParts
  readonly #outbox: Outbox
  readonly #inbox: Inbox

  constructor(parts: PeerTrafficParts) {
    this.#parts = parts
    const { limits, logger, network } = parts.options
    const { cluster, roster, serial } = parts.opened
    this.#outbox = new Outbox({
      ...{ cluster, logger, self: serial, openEpoch: () => roster.epoch },
      send: (to, frame) => network.send(to, frame),
      ...{ frameMaxBytes: limits.frameMaxBytes, messagesMax: limits.messagesMax },
    })
    this.#inbox = new Inbox({
      ...{ cluster, logger, receive: parts.receive },
      unsupported: (to, tag) => this.post([{ to, message: { kind: 'unsupported', tag } }]),
      // A peer may batch more than we do: only what fits into no frame is too large.
      limits: { messagesMax: MESSAGES_MAX, payloadMaxBytes: limits.frameMaxBytes },
      isMember: (peer) => roster.isPeer(peer),
    })
  }

  /** Frames of peers that were refused. */
  get refusedCount(): number {
    return this.#inbox.refusedCount
  }

  /** Rejects as the network does. */
  async start(): Promise<void> {
    const { options, opened, health } = this.#parts
    const { network, self } = options
    const { cluster, serial } = opened
    await network.start(
      { cluster, id: self.id, serial, frameVersion: FRAME_VERSION },
      {
        receive: (from, frame) => this.#inbox.accept(from, frame),
        link: (peer, up, frameVersion = FRAME_VERSION_MIN) => {
          this.#outbox.peerReads(peer, up ? frameVersion : FRAME_VERSION_MIN)
          this.#inbox.linked(peer)
          health.link(peer, up)
          this.#parts.link(peer, up)
        },
        refused: (peer, code, why) => {
          health.networkRefused(peer, code, why)
          this.#parts.refused(peer, code)
        },
        asked: (id, question) => this.#parts.asked(id, question),
      },
    )
    this.follow()
  }

  /** Links to whom the roster names now; those to others are closed. */
  follow(): void {
    this.#parts.options.network.connect(this.#parts.opened.roster.peers)
  }

  post(envelopes: readonly Envelope[]): void {
    this.#outbox.post(envelopes)
  }

  /** Never rejects: what fails is logged. */
  async close(): Promise<void> {
    const { network, logger } = this.#parts.options
    try {
      await network.close()
    } catch (error) {
      logger.error({ error: String(error) }, 'the network did not close')
    }
  }
}
