/** The listening half of a node: its port, the gRPC server behind it, a stream from each peer. */

import {
  Server,
  ServerCredentials,
  type ConnectionInjector,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js'
import type { TlsOptions } from 'node:tls'
import type { Bytes, NetworkSelf, NodeSerial, PeerAddress } from 'synevi'
import type { HostPort } from './address.ts'
import { answerQuestion } from './answer-question.ts'
import { Door } from './door.ts'
import { InboundStream, type InboundHost } from './inbound-stream.ts'
import { judgeHello, type Judged } from './judge-hello.ts'
import type { Settings } from './options.ts'
import type { CertificateNames } from './peer-identity.ts'
import { refusal, type Refusal } from './refusal.ts'
import { channelOptions, PEER_SERVICE } from './service.ts'
import { encodeWelcome, PEER_VERSION, type Hello } from './wire.ts'

/** A refused connection may flush its answer for so long. */
const FAREWELL_MS = 250
/**
 * A stream that ends while its connection stands for so long was ended by our gRPC, not by the
 * peer.
 */
const LINGER_MS = 100
/** A peer that was cut off for flooding is not let in again for so long. */
const FLOOD_PAUSE_MS = 5000

/** Where what arrives goes. */
export interface PeerServiceOptions {
  readonly self: NetworkSelf
  /** 8 bytes. */
  readonly instance: Bytes
  readonly settings: Settings
  readonly tls: TlsOptions | undefined
  /** Called from socket events only. */
  readonly onInbound: (peer: PeerAddress, up: boolean) => void
  readonly onFrame: (from: NodeSerial, frame: Bytes) => void
  readonly onRefusal: (peer: NodeSerial | undefined, refusal: Refusal, remote: string) => void
  /** Undefined: this node answers no questions. */
  readonly onQuestion: ((id: string, question: Bytes) => Promise<Bytes>) | undefined
}

/** One accepted stream a peer: a newer one takes the place of an older one. */
export class PeerService implements InboundHost {
  readonly #options: PeerServiceOptions
  readonly #server: Server
  readonly #injector: ConnectionInjector
  readonly #door: Door
  readonly #welcome: Buffer
  /** The one accepted stream of each peer. */
  readonly #live = new Map<number, InboundStream>()
  /** Until when a flooding peer stays outside, by `performance.now()`. */
  readonly #floodedUntilMs = new Map<number, number>()
  #peers: ReadonlyMap<number, PeerAddress> | undefined

  constructor(options: PeerServiceOptions) {
    const { self, instance, settings } = options
    this.#options = options
    this.#welcome = encodeWelcome({
      version: PEER_VERSION,
      cluster: self.cluster,
      id: self.id,
      serial: self.serial,
      instance,
      frameMaxBytes: settings.frameMaxBytes,
      frameVersion: self.frameVersion ?? 1,
    })
    // One stream a connection: silence on a connection is silence on its stream, and ends with it.
    this.#server = new Server({ ...channelOptions(settings), 'grpc.max_concurrent_streams': 1 })
    this.#server.addService(PEER_SERVICE, {
      Exchange: (call: ServerDuplexStream<Buffer, Buffer>) => {
        // Owns itself through the events of the call.
        void new InboundStream(call, this, settings)
      },
      Ask: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        void answerQuestion(call, reply, {
          ...{ self, isSecure: options.tls !== undefined, answer: options.onQuestion },
          refused: (refused, remote) => options.onRefusal(undefined, refused, remote),
          finished: (remote) => this.#door.expel(remote, FAREWELL_MS),
        })
      },
    })
    // The door has done TLS already: gRPC takes what it hands over as it is.
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure())
    this.#door = new Door({
      listen: settings.listen,
      tls: options.tls,
      helloTimeoutMs: settings.helloTimeoutMs,
      strangersMax: settings.strangersMax,
      onConnection: (socket) => this.#injector.injectConnection(socket),
      onRefusal: (refused, remote) => options.onRefusal(undefined, refused, remote),
    })
  }

  /** Resolves with the address bound. Rejects with `INVALID_ARGUMENT`. */
  listen(): Promise<HostPort> {
    return this.#door.listen()
  }

  /** Who may say hello from now on. Streams of others are closed, without a word to the owner. */
  admitOnly(peers: ReadonlyMap<number, PeerAddress>): void {
    this.#peers = peers
    for (const [serial, stream] of this.#live) {
      if (peers.get(serial)?.id === stream.peer?.id) continue
      this.#live.delete(serial)
      stream.close()
      this.#door.expel(stream.remote, FAREWELL_MS)
    }
    for (const serial of this.#floodedUntilMs.keys()) {
      if (!peers.has(serial)) this.#floodedUntilMs.delete(serial)
    }
  }

  /** Whether an accepted stream of that peer stands. */
  hears(peer: PeerAddress): boolean {
    return this.#live.get(peer.serial)?.peer?.id === peer.id
  }

  /** Closes all connections at once; nothing is called afterwards. */
  async close(): Promise<void> {
    for (const stream of this.#live.values()) stream.close()
    this.#live.clear()
    this.#server.forceShutdown()
    await this.#door.close()
  }

  judge(hello: Hello, certificate: CertificateNames | undefined): Judged {
    const floodedUntilMs = this.#floodedUntilMs.get(hello.serial) ?? 0
    const judged = judgeHello(hello, {
      self: this.#options.self,
      instance: this.#options.instance,
      peers: this.#peers,
      certificate: this.#options.tls === undefined ? undefined : (certificate ?? NO_CERTIFICATE),
      aliveInstance: (serial) => this.#aliveInstance(serial),
    })
    if (judged.kind === 'accepted' && performance.now() < floodedUntilMs) {
      const why = `node ${judged.peer.id} was cut off for flooding, and stays outside for a while`
      return { kind: 'refused', refusal: refusal('flood', why) }
    }
    return judged
  }

  welcome(): Buffer {
    return this.#welcome
  }

  opened(stream: InboundStream): void {
    const { peer } = stream
    if (peer === undefined) return
    const before = this.#live.get(peer.serial)
    if (before !== undefined) {
      before.close()
      this.#door.expel(before.remote, FAREWELL_MS)
      this.#options.onInbound(peer, false)
    }
    this.#live.set(peer.serial, stream)
    this.#door.admit(stream.remote)
    this.#options.onInbound(peer, true)
  }

  receive(from: NodeSerial, frame: Bytes): void {
    this.#options.onFrame(from, frame)
  }

  refused(stream: InboundStream, refused: Refusal): void {
    const serial = stream.peer?.serial
    if (serial !== undefined && refused.reason === 'flood') {
      this.#floodedUntilMs.set(serial, performance.now() + FLOOD_PAUSE_MS)
    }
    this.#options.onRefusal(serial, refused, stream.remote)
  }

  ended(stream: InboundStream): void {
    const { peer } = stream
    if (peer === undefined || this.#live.get(peer.serial) !== stream) return
    this.#live.delete(peer.serial)
    this.#options.onInbound(peer, false)
  }

  finished(stream: InboundStream, how: 'cut' | 'ended'): void {
    this.#door.expel(stream.remote, FAREWELL_MS)
    if (how === 'cut') return
    // grpc-js ends a stream by itself when a message is too long or malformed, and does not say so.
    const timer = setTimeout(() => {
      if (!this.#door.isOpen(stream.remote)) return
      const max = this.#options.settings.frameMaxBytes
      const why = `a peer stream broke off: gRPC refuses a message above ${max} bytes or malformed`
      this.#options.onRefusal(stream.peer?.serial, refusal('oversize', why), stream.remote)
      this.#door.expel(stream.remote, 0)
    }, LINGER_MS)
    timer.unref()
  }

  #aliveInstance(serial: number): Bytes | undefined {
    const stream = this.#live.get(serial)
    if (stream === undefined) return undefined
    const silentMs = performance.now() - stream.heardAtMs
    return silentMs < this.#options.settings.keepalive.timeoutMs ? stream.instance : undefined
  }
}

const NO_CERTIFICATE = { subjectaltname: '' }
