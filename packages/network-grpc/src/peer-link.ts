/**
 * The dialing half of one peer: keeps a stream to it, with a queue before it and a wait between
 * attempts.
 */

import type { SecureContext } from 'node:tls'
import type { Bytes, NetworkSelf, PeerAddress } from 'synevi'
import { parseAddress } from './address.ts'
import { backoff, type Backoff } from './backoff.ts'
import { FrameQueue } from './frame-queue.ts'
import type { Settings } from './options.ts'
import { OutgoingStream, type StreamEnd } from './outgoing-stream.ts'
import { probe, type Probe } from './probe.ts'
import { refusal, type Refusal } from './refusal.ts'
import { encodeFrames, FRAME_OVERHEAD_BYTES, type Welcome } from './wire.ts'

/**
 * Frames that wait are sent together up to this size: a gRPC message costs some 15 µs whatever is
 * in it.
 */
const MESSAGE_BYTES = 64 * 1024
/**
 * What is handed to gRPC before it has reached the socket: enough to keep it busy, little enough to
 * drop.
 */
const AHEAD_MAX_BYTES = 256 * 1024
/** An attempt older than this is abandoned when the peer proves to be alive. */
const STALE_DIAL_MS = 250
/** Connections closed before an answer to the hello, until that is reported. */
const UNANSWERED_MAX = 3
const DROP_REPORT_MS = 60_000

/** Callbacks come from timers and socket events, never from within a call. */
export interface PeerLinkOptions {
  readonly peer: PeerAddress
  readonly self: NetworkSelf
  readonly instance: Bytes
  readonly settings: Settings
  /** Read at each attempt. */
  readonly context: () => SecureContext | undefined
  readonly onUp: (welcome: Welcome) => void
  /** Only after `onUp`. */
  readonly onDown: (why: string) => void
  readonly onRefusal: (refusal: Refusal) => void
}

type State =
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'probing'; readonly probe: Probe; readonly sinceMs: number }
  | { readonly kind: 'dialing'; readonly stream: OutgoingStream; readonly sinceMs: number }
  | { readonly kind: 'open'; readonly stream: OutgoingStream; readonly frameMaxBytes: number }
  | { readonly kind: 'closed' }

/** Dials until `close`. Frames are sent in order or dropped, those of a lost stream dropped. */
export class PeerLink {
  readonly #options: PeerLinkOptions
  readonly #address: string
  readonly #backoff: Backoff
  readonly #queue: FrameQueue
  #state: State
  /** Bytes that gRPC has and the socket has not. */
  #aheadBytes = 0
  #flushing = false
  #unanswered = 0
  /** The last attempt did not even get a TCP connection, nor a refusal. */
  #inHole = false
  #dropped = 0
  #dropReportedAtMs = -Infinity

  /** The first attempt follows in the next turn of the event loop. */
  constructor(options: PeerLinkOptions) {
    const { settings, peer } = options
    this.#options = options
    this.#address = settings.dialMap.get(peer.serial) ?? peer.address
    this.#backoff = backoff({ ...settings.reconnect, seed: settings.seed + peer.serial })
    this.#queue = new FrameQueue(settings.queueMaxBytes)
    this.#state = this.#wait(0)
  }

  /** Never throws: what cannot be sent now, or ever, is dropped. */
  send(frame: Bytes): void {
    const state = this.#state
    if (state.kind !== 'open') return
    if (frame.length === 0 || frame.length > state.frameMaxBytes) {
      this.#reportDrop(
        1,
        `a frame of ${frame.length} bytes: 1 to ${state.frameMaxBytes} can be sent`,
      )
      return
    }
    const dropped = this.#queue.push(frame)
    if (dropped > 0) this.#reportDrop(dropped, 'the oldest frames to a slow peer were dropped')
    if (this.#flushing) return
    this.#flushing = true
    // Frames of one turn share a message.
    queueMicrotask(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  /** The peer gave a sign of life: no use in waiting. */
  nudge(): void {
    const state = this.#state
    this.#backoff.reset()
    switch (state.kind) {
      case 'open':
      case 'closed':
        return
      case 'waiting':
        clearTimeout(state.timer)
        break
      case 'probing':
        state.probe.close()
        break
      case 'dialing':
        if (performance.now() - state.sinceMs < STALE_DIAL_MS) return
        state.stream.close()
        break
    }
    this.#inHole = false
    this.#state = this.#wait(0)
  }

  /** Silent from here on. */
  close(): void {
    const state = this.#state
    this.#state = { kind: 'closed' }
    this.#queue.clear()
    if (state.kind === 'waiting') clearTimeout(state.timer)
    if (state.kind === 'probing') state.probe.close()
    if (state.kind === 'dialing' || state.kind === 'open') state.stream.close()
  }

  #wait(ms: number): State {
    return { kind: 'waiting', timer: setTimeout(() => this.#dial(), ms) }
  }

  #dial(): void {
    const { settings } = this.#options
    const sinceMs = performance.now()
    if (parseAddress(this.#address) === undefined) {
      this.#options.onRefusal(refusal('address', `not host:port: ${JSON.stringify(this.#address)}`))
      this.#state = this.#wait(settings.reconnect.maxMs)
      return
    }
    if (!this.#inHole) {
      this.#state = { kind: 'dialing', stream: this.#open(), sinceMs }
      return
    }
    const onAnswer = (reachable: boolean): void => {
      this.#inHole = !reachable
      this.#state = this.#wait(reachable ? 0 : this.#backoff.next())
    }
    const started = probe({ address: this.#address, timeoutMs: settings.dialTimeoutMs, onAnswer })
    this.#state = { kind: 'probing', probe: started, sinceMs }
  }

  #open(): OutgoingStream {
    const { peer, self, instance, settings, context } = this.#options
    const stream: OutgoingStream = new OutgoingStream({
      address: this.#address,
      peer,
      self,
      instance,
      settings,
      context: context(),
      onOpen: (welcome) => this.#opened(stream, welcome),
      onEnd: (end) => this.#ended(end),
    })
    return stream
  }

  #opened(stream: OutgoingStream, welcome: Welcome): void {
    const frameMaxBytes = Math.min(this.#options.settings.frameMaxBytes, welcome.frameMaxBytes)
    this.#state = { kind: 'open', stream, frameMaxBytes }
    this.#aheadBytes = 0
    this.#unanswered = 0
    this.#backoff.reset()
    this.#options.onUp(welcome)
  }

  #ended(end: StreamEnd): void {
    const { settings, peer, onRefusal, onDown } = this.#options
    const waitMs = this.#backoff.next()
    settings.logger.debug({ peer: peer.serial, waitMs, why: end.why }, 'connection to peer ended')
    this.#queue.clear()
    this.#inHole = end.reached === 'nowhere' && end.refusal === undefined && end.timedOut
    this.#state = this.#wait(waitMs)
    if (end.refusal !== undefined) onRefusal(end.refusal)
    else if (end.reached === 'socket' && !end.timedOut) this.#countUnanswered()
    if (end.reached === 'open') onDown(end.why)
  }

  #countUnanswered(): void {
    this.#unanswered++
    if (this.#unanswered !== UNANSWERED_MAX) return
    const why = `${this.#address} closes our connections before it answers the hello: see its log`
    this.#options.onRefusal(refusal('silent', why))
  }

  #flush(): void {
    const state = this.#state
    if (state.kind !== 'open') return
    const maxBytes = Math.min(MESSAGE_BYTES, state.frameMaxBytes)
    while (this.#queue.length > 0 && this.#aheadBytes < AHEAD_MAX_BYTES) {
      const message = encodeFrames(this.#queue.take(maxBytes, FRAME_OVERHEAD_BYTES))
      this.#aheadBytes += message.length
      state.stream.write(message, () => {
        if (this.#state !== state) return
        this.#aheadBytes -= message.length
        this.#flush()
      })
    }
  }

  #reportDrop(count: number, why: string): void {
    this.#dropped += count
    const nowMs = performance.now()
    if (nowMs - this.#dropReportedAtMs < DROP_REPORT_MS) return
    this.#dropReportedAtMs = nowMs
    const { settings, peer } = this.#options
    settings.logger.warn({ peer: peer.serial, dropped: this.#dropped }, why)
  }
}
