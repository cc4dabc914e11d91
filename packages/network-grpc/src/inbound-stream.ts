/** One stream that somebody opened to us: its hello, then frames, until either side ends it. */

import { Metadata, status, type ServerDuplexStream } from '@grpc/grpc-js'
import type { Bytes, NodeSerial, PeerAddress } from 'synevi'
import type { Judged } from './judge-hello.ts'
import type { CertificateNames } from './peer-identity.ts'
import { ReceiveMeter, type ReceiveLimits } from './receive-meter.ts'
import { refusal, type Refusal } from './refusal.ts'
import { CODE_TRAILER } from './service.ts'
import { parseToPeer, type Hello, type ToPeer } from './wire.ts'

/**
 * Who owns the stream. Nothing is called after `ended`, and `ended` once, for an accepted stream
 * only.
 */
export interface InboundHost {
  judge(hello: Hello, certificate: CertificateNames | undefined): Judged
  /** The answer to an accepted hello. */
  welcome(): Buffer
  opened(stream: InboundStream): void
  receive(from: NodeSerial, frame: Bytes): void
  /** Refused at the hello, or cut off later: `stream.peer` is undefined at the hello. */
  refused(stream: InboundStream, refusal: Refusal): void
  ended(stream: InboundStream): void
  /**
   * The stream is over, accepted or not, cut by us or ended from outside: its connection has no use
   * left.
   */
  finished(stream: InboundStream, how: 'cut' | 'ended'): void
}

/** What one stream may carry. */
export interface InboundLimits {
  readonly frameMaxBytes: number
  readonly receive: ReceiveLimits
}

type State = 'hello' | 'open' | 'closed'

/** Lives by the events of its call, and tells its host what they mean. */
export class InboundStream {
  /** The remote end of its connection, `host:port`. */
  readonly remote: string
  readonly #call: ServerDuplexStream<Buffer, Buffer>
  readonly #host: InboundHost
  readonly #limits: InboundLimits
  readonly #meter: ReceiveMeter
  #state: State = 'hello'
  #peer: PeerAddress | undefined
  #instance: Bytes | undefined
  #heardAtMs = performance.now()
  #resume: NodeJS.Timeout | undefined

  constructor(call: ServerDuplexStream<Buffer, Buffer>, host: InboundHost, limits: InboundLimits) {
    this.remote = call.getPeer()
    this.#call = call
    this.#host = host
    this.#limits = limits
    this.#meter = new ReceiveMeter(limits.receive, performance.now())
    call.on('data', (message: Buffer) => this.#hear(message))
    call.once('end', () => this.#finish())
    call.once('cancelled', () => this.#finish())
    call.once('close', () => this.#finish())
    call.on('error', () => undefined)
  }

  /** Undefined until its hello was accepted. */
  get peer(): PeerAddress | undefined {
    return this.#peer
  }

  /** Which process of that peer it is. */
  get instance(): Bytes | undefined {
    return this.#instance
  }

  /** When the last message arrived, by `performance.now()`. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** Ends it without a word to the owner. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#resume)
    this.#call.end()
  }

  #hear(message: Buffer): void {
    if (this.#state === 'closed') return
    this.#heardAtMs = performance.now()
    const parsed = parseToPeer(message)
    if (!parsed.ok) return this.#cut(refusal('garbage', `a peer stream sent ${parsed.why}`))
    if (this.#state === 'hello') this.#greet(parsed.value)
    else this.#take(parsed.value, message.length)
  }

  #greet(first: ToPeer): void {
    if (first.kind !== 'hello') {
      return this.#cut(refusal('garbage', 'a peer stream sent frames before its hello'))
    }
    const certificate = this.#call.getAuthContext().sslPeerCertificate
    const judged = this.#host.judge(first.hello, certificate)
    if (judged.kind === 'refused') return this.#cut(judged.refusal)
    this.#state = 'open'
    this.#peer = judged.peer
    this.#instance = Buffer.from(first.hello.instance)
    this.#call.write(this.#host.welcome())
    this.#host.opened(this)
  }

  #take(message: ToPeer, bytes: number): void {
    const peer = this.#peer
    if (peer === undefined) return
    if (message.kind !== 'frames') {
      return this.#cut(refusal('garbage', 'a peer stream said hello twice'))
    }
    for (const frame of message.frames) {
      if (frame.length > this.#limits.frameMaxBytes) {
        const why = `a frame of ${frame.length} bytes: at most ${this.#limits.frameMaxBytes}`
        return this.#cut(refusal('oversize', why))
      }
      this.#host.receive(peer.serial, frame)
      if (this.#isClosed()) return
    }
    this.#meterOut({ frames: message.frames.length, bytes })
  }

  #meterOut(received: { readonly frames: number; readonly bytes: number }): void {
    const metered = this.#meter.count(received, performance.now())
    switch (metered.kind) {
      case 'go':
        return
      case 'wait':
        // Not reading is what slows it down: HTTP/2 lets it send one window more, then it waits.
        this.#call.pause()
        clearTimeout(this.#resume)
        this.#resume = setTimeout(() => this.#call.resume(), metered.waitMs)
        return
      case 'cut':
        this.#cut(refusal('flood', 'it sent more than it may for too long'))
        return
    }
  }

  #cut(refused: Refusal): void {
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    clearTimeout(this.#resume)
    this.#host.refused(this, refused)
    if (wasOpen) this.#host.ended(this)
    const metadata = new Metadata()
    metadata.set(CODE_TRAILER, refused.code)
    const answer = { code: status.FAILED_PRECONDITION, details: refused.why, metadata }
    this.#call.emit('error', answer)
    this.#host.finished(this, 'cut')
  }

  #finish(): void {
    const before = this.#state
    if (before === 'closed') return
    this.close()
    if (before === 'open') this.#host.ended(this)
    this.#host.finished(this, 'ended')
  }

  /** For the compiler, which takes a state seen once as seen for ever. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }
}
