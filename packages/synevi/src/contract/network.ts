/** How nodes reach each other: frames of bytes, best effort. */

import type { Bytes, NodeSerial } from '@synevi/accord'

/** Who starts the network: what its hello says and its certificate must match. */
export interface NetworkSelf {
  /** Which cluster it belongs to: 16 bytes. Connections of another are refused. */
  readonly cluster: Bytes
  readonly id: string
  readonly serial: NodeSerial
}

/** A peer to keep a connection to. */
export interface PeerAddress {
  readonly id: string
  readonly serial: NodeSerial
  readonly address: string
}

/** What a network tells the node. Never called synchronously from a call into the network. */
export interface NetworkListener {
  /**
   * A frame from a peer that named this cluster and is among the peers of `connect`. The bytes are
   * the receiver's.
   */
  receive(from: NodeSerial, frame: Bytes): void
  /** A connection to the peer was established (its hello was accepted), or was lost. */
  link(peer: NodeSerial, up: boolean): void
  /**
   * A connection was refused, ours or theirs: `code` is a `SyneviErrorCode`, `why` one sentence.
   * For the log.
   */
  refused(peer: NodeSerial | undefined, code: string, why: string): void
}

/** Best effort and nothing more: the protocol does without order, and with loss. */
export interface Network {
  /** Resolves once peers can reach it. Rejects with `INVALID_ARGUMENT` when it cannot listen. */
  start(self: NetworkSelf, listener: NetworkListener): Promise<void>
  /**
   * The peers to be connected to from now on, replacing those before; links to others are closed.
   */
  connect(peers: readonly PeerAddress[]): void
  /** Best effort: may drop, repeat, delay, reorder; never throws, never blocks. */
  send(to: NodeSerial, frame: Bytes): void
  /** Harmless when repeated. No listener is called afterwards. */
  close(): Promise<void>
}
