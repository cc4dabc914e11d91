/**
 * One attempt to reach a peer: connection, hello, then frames, until either side ends it. Never
 * used twice.
 */

import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { Client, Metadata, status, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js'
import type { Bytes, NetworkSelf, PeerAddress } from 'synevi'
import type { Settings } from './options.ts'
import { PeerCredentials } from './peer-credentials.ts'
import { refusal, refusalByPeer, type Refusal } from './refusal.ts'
import { asIs, channelOptions, CODE_TRAILER, EXCHANGE_PATH } from './service.ts'
import { handshakeFlaw } from './tls.ts'
import { encodeHello, parseFromPeer, PEER_VERSION, type Welcome } from './wire.ts'

/** How an attempt, or an open stream, came to its end. */
export interface StreamEnd {
  readonly why: string
  /** What somebody has to do about it; undefined where the connection just broke. */
  readonly refusal: Refusal | undefined
  /** How far it had come. `nowhere`: not even a TCP connection. */
  readonly reached: 'nowhere' | 'socket' | 'open'
  /** We gave up, nobody said anything. */
  readonly timedOut: boolean
}

/** Whom to reach, where, as whom. */
export interface OutgoingStreamOptions {
  /** `host:port`. */
  readonly address: string
  readonly peer: PeerAddress
  readonly self: NetworkSelf
  readonly instance: Bytes
  readonly settings: Settings
  readonly context: SecureContext | undefined
  readonly onOpen: (welcome: Welcome) => void
  /** Once, and not after `close`. */
  readonly onEnd: (end: StreamEnd) => void
}

/** Ends once: by `onEnd`, or silently by `close`. */
export class OutgoingStream {
  readonly #options: OutgoingStreamOptions
  readonly #client: Client
  readonly #call: ClientDuplexStream<Buffer, Buffer>
  readonly #timer: NodeJS.Timeout
  #socket: Socket | undefined
  #handshakeError: unknown
  #open = false
  #ended = false

  /**
   * Dials at once. Events come later, never from within. Throws what grpc-js throws for a target it
   * cannot read.
   */
  constructor(options: OutgoingStreamOptions) {
    const { self, peer, settings } = options
    this.#options = options
    const credentials = new PeerCredentials({
      context: options.context,
      peer: { cluster: self.cluster, id: peer.id },
      onSocket: (socket) => this.#adopt(socket),
      onHandshakeError: (error) => {
        this.#handshakeError = error
      },
    })
    this.#client = new Client(`dns:${options.address}`, credentials, channelOptions(settings))
    this.#call = this.#client.makeBidiStreamRequest(EXCHANGE_PATH, asIs, asIs, new Metadata())
    this.#call.on('data', (message: Buffer) => this.#hear(message))
    this.#call.on('error', () => undefined)
    this.#call.on('status', (ended: StatusObject) => {
      this.#end({ refusal: this.#refusalOf(ended), why: whyOf(ended), timedOut: false })
    })
    this.#timer = setTimeout(() => {
      const why = `no answer to our hello within ${settings.dialTimeoutMs} ms`
      this.#end({ refusal: undefined, why, timedOut: true })
    }, settings.dialTimeoutMs)
    this.#call.write(
      encodeHello({
        version: PEER_VERSION,
        cluster: self.cluster,
        id: self.id,
        serial: self.serial,
        instance: options.instance,
        targetId: peer.id,
        targetSerial: peer.serial,
        frameVersion: self.frameVersion ?? 1,
      }),
    )
  }

  /** `onFlushed` is called when the bytes went to the socket: never, if the stream ends before. */
  write(message: Buffer, onFlushed: () => void): void {
    if (!this.#ended) this.#call.write(message, onFlushed)
  }

  /** Ends it at once, without a word to the owner. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#call.cancel()
    this.#client.close()
    // gRPC would wait for the other side to agree, and that may be gone.
    this.#socket?.destroy()
  }

  #adopt(socket: Socket): void {
    this.#socket = socket
    socket.on('error', () => undefined)
    if (this.#ended) socket.destroy()
  }

  #hear(message: Buffer): void {
    if (this.#ended || this.#open) return
    const parsed = parseFromPeer(message)
    if (!parsed.ok) {
      const refused = refusal('garbage', `the peer at ${this.#options.address} sent ${parsed.why}`)
      return this.#end({ refusal: refused, why: refused.why, timedOut: false })
    }
    const flaw = this.#flawOf(parsed.value)
    if (flaw !== undefined) {
      return this.#end({ refusal: refusal('wrongTarget', flaw), why: flaw, timedOut: false })
    }
    this.#open = true
    clearTimeout(this.#timer)
    this.#options.onOpen(parsed.value)
  }

  #flawOf(welcome: Welcome): string | undefined {
    const { peer, self, address } = this.#options
    if (
      welcome.version === PEER_VERSION &&
      welcome.serial === peer.serial &&
      welcome.id === peer.id &&
      Buffer.compare(welcome.cluster, self.cluster) === 0
    ) {
      return undefined
    }
    return `${address} does not answer as node ${peer.id}, serial ${peer.serial}, of this cluster`
  }

  #end(end: Omit<StreamEnd, 'reached'>): void {
    if (this.#ended) return
    const reached = this.#open ? 'open' : this.#socket === undefined ? 'nowhere' : 'socket'
    this.close()
    this.#options.onEnd({ ...end, reached })
  }

  #refusalOf(ended: StatusObject): Refusal | undefined {
    const { address, peer } = this.#options
    const code = ended.metadata.get(CODE_TRAILER)[0]
    if (typeof code === 'string') return refusalByPeer(code, ended.details)
    const flaw = handshakeFlaw(this.#handshakeError)
    if (flaw !== undefined) {
      return refusal(
        'certificate',
        `node ${peer.id} at ${address} failed the TLS handshake: ${flaw}`,
      )
    }
    switch (ended.code) {
      case status.RESOURCE_EXHAUSTED:
        return refusalByPeer('PAYLOAD_TOO_LARGE', ended.details)
      case status.UNIMPLEMENTED:
        return refusal('wrongTarget', `${address} is not the peer port of a Synevi node`)
      default:
        return undefined
    }
  }
}

function whyOf(ended: StatusObject): string {
  return `${status[ended.code] ?? ended.code}: ${ended.details}`
}
