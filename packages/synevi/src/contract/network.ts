/** How nodes reach each other: frames of bytes, best effort. */

import type { Bytes, NodeSerial } from '@synevi/accord'

/** Who starts the network: what its hello says and its certificate must match. */
export interface NetworkSelf {
  /** Which cluster it belongs to: 16 bytes. Connections of another are refused. */
  readonly cluster: Bytes
  readonly id: string
  readonly serial: NodeSerial
  /**
   * The newest version of frames that the node reads: said in the hello, told to the peer's node.
   * Absent: 1.
   */
  readonly frameVersion?: number
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
  /**
   * A connection to the peer was established (its hello was accepted), or was lost. `frameVersion`:
   * what the peer's node gave as `NetworkSelf.frameVersion`; 1 when its hello did not say, or the
   * network does not.
   */
  link(peer: NodeSerial, up: boolean, frameVersion?: number): void
  /**
   * A connection was refused, ours or theirs: `code` is a `SyneviErrorCode`, `why` one sentence.
   * For the log.
   */
  refused(peer: NodeSerial | undefined, code: string, why: string): void
  /**
   * A question of a node that is no peer yet (`Network.ask`), and its id: proved, where the network
   * proves identities. What it rejects with is told to the asker; a listener without it is never
   * asked, and the asker is told `NOT_READY`.
   */
  asked?(id: string, question: Bytes): Promise<Bytes>
}

/** Who asks, and until when. */
export interface AskOptions {
  /** The asker. */
  readonly id: string
  readonly signal: AbortSignal
}

/** Best effort and nothing more: the protocol does without order, and with loss. */
export interface Network {
  /** Once started: what others are to dial. Where it is known, a node need not be told its own. */
  readonly advertised?: string | undefined
  /** Resolves once peers can reach it. Rejects with `INVALID_ARGUMENT` when it cannot listen. */
  start(self: NetworkSelf, listener: NetworkListener): Promise<void>
  /**
   * The peers to be connected to from now on, replacing those before; links to others are closed.
   */
  connect(peers: readonly PeerAddress[]): void
  /** Best effort: may drop, repeat, delay, reorder; never throws, never blocks. */
  send(to: NodeSerial, frame: Bytes): void
  /**
   * Asks whoever listens at `address`, once: how a node that is no member yet joins. Needs no
   * `start`. Questions are at most 4 KiB. Resolves with the answer. Rejects with the `SyneviError`
   * that the other side gave, `NOT_READY` when nobody answers there, `INVALID_ARGUMENT` when the
   * two are not allowed to talk, `CANCELLED` once the signal is aborted. Absent: nobody can join
   * through this network.
   */
  ask?(address: string, question: Bytes, options: AskOptions): Promise<Bytes>
  /** Harmless when repeated. No listener is called afterwards. */
  close(): Promise<void>
}
