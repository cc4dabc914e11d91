/**
 * What surrounds the node of a node process: ears for timelines, a network that says its address, a
 * bad clock.
 */

import {
  nanos,
  SystemClock,
  type AskOptions,
  type Bytes,
  type Clock,
  type Logger,
  type Millis,
  type Nanos,
  type Network,
  type NetworkListener,
  type NetworkSelf,
  type NodeOptions,
  type NodeSerial,
  type PeerAddress,
} from 'synevi'
import { MonotonicClock } from './monotonic.ts'
import type { MemberEvent } from './orders.ts'

type Notice = Parameters<NonNullable<NodeOptions['onNotice']>>[0]

const FLUSH_MS = 20

/** Collects what happens inside, and passes it on in batches. */
export class Told {
  readonly #pass: (events: readonly MemberEvent[]) => void
  readonly #tellsAll: boolean
  readonly #clock = new MonotonicClock()
  #events: MemberEvent[] = []

  constructor(pass: (events: readonly MemberEvent[]) => void, tellsAll: boolean) {
    this.#pass = pass
    this.#tellsAll = tellsAll
  }

  tell(what: string): void {
    if (this.#events.length === 0) setTimeout(() => this.flush(), FLUSH_MS)
    this.#events.push({ at: this.#clock.now, what })
  }

  /** What was not passed on yet. */
  flush(): void {
    const events = this.#events
    this.#events = []
    if (events.length > 0) this.#pass(events)
  }

  /** What the core noticed; the commonplace only when everything is told. */
  notice(notice: Notice): void {
    if (!this.#tellsAll && isCommon(notice)) return
    this.tell(textOf(notice))
  }

  get logger(): Logger {
    const line =
      (level: string) =>
      (fields: object, message = ''): void =>
        this.tell(`${level}: ${message} ${textOf(fields)}`)
    return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') }
  }
}

function isCommon(notice: Notice): boolean {
  switch (notice.kind) {
    case 'submitted':
    case 'applied':
    case 'event':
    case 'clockOffset':
      return true
    case 'decided':
      return notice.path !== 'recovered'
    default:
      return false
  }
}

function textOf(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${plain(name, value)}`)
    .join(' ')
}

function plain(name: string, value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return name === 'position' ? `${value}` : value.toString(16).slice(4, 28)
    case 'string':
    case 'number':
    case 'boolean':
      return `${value}`
    default:
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex').slice(0, 8) : '…'
  }
}

/** Any network, which says when peers can reach it. */
export class ReportingNetwork implements Network {
  readonly #inner: Network
  readonly #listening: () => void

  constructor(inner: Network, listening: () => void) {
    this.#inner = inner
    this.#listening = listening
  }

  async start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    await this.#inner.start(self, listener)
    this.#listening()
  }

  connect(peers: readonly PeerAddress[]): void {
    this.#inner.connect(peers)
  }

  send(to: NodeSerial, frame: Bytes): void {
    this.#inner.send(to, frame)
  }

  ask(address: string, question: Bytes, options: AskOptions): Promise<Bytes> {
    const pending = this.#inner.ask?.(address, question, options)
    return pending ?? Promise.reject(new TypeError('the inner network has no ask'))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** The machine's clock, wrong by so much on the wall. */
export class ShiftedClock implements Clock {
  readonly #inner = new SystemClock()
  readonly #aheadMs: number

  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs
  }

  now(): { readonly wall: Nanos; readonly elapsed: Millis } {
    const { wall, elapsed } = this.#inner.now()
    return { wall: nanos(wall + BigInt(this.#aheadMs) * 1_000_000n), elapsed }
  }

  alarm(at: Millis, ring: () => void): Disposable {
    return this.#inner.alarm(at, ring)
  }

  soon(run: () => void): void {
    this.#inner.soon(run)
  }
}
