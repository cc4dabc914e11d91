/**
 * A network inside one process: frames are copied, delivered later, and may be delayed, lost or cut
 * for tests.
 */

import { millis, type Bytes, type NodeSerial } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type {
  AskOptions,
  Network,
  NetworkListener,
  NetworkSelf,
  PeerAddress,
} from '../contract/network.ts'
import { SyneviError } from '../synevi-error.ts'
import { SystemClock } from '../system-clock.ts'

/** What one end of the hub's links knows. */
interface Endpoint {
  readonly self: NetworkSelf
  readonly listener: NetworkListener
  peers: readonly PeerAddress[]
  /** The ends it is linked with. */
  readonly links: Set<Endpoint>
}

/** How a hub delivers; `delayMs` and `lose` may be changed later. */
export interface LocalHubOptions {
  /** Default the machine's. */
  readonly clock?: Clock
  /** From send to delivery, whole milliseconds. Default 0: the next turn of the event loop. */
  readonly delayMs?: number
  /** Asked for each frame; true loses it. */
  readonly lose?: (from: NodeSerial, to: NodeSerial) => boolean
}

/** Where the networks of one process meet: give one hub to each node's {@link LocalNetwork}. */
export class LocalHub {
  readonly #clock: Clock
  readonly #endpoints = new Set<Endpoint>()
  readonly #cut = new Set<string>()
  #queue: (() => void)[] = []
  delayMs: number
  lose: (from: NodeSerial, to: NodeSerial) => boolean
  /** What arrives instead of a frame; undefined: the frame. For tests of what takes frames in. */
  mangle: ((frame: Bytes) => Bytes) | undefined

  constructor(options: LocalHubOptions = {}) {
    this.#clock = options.clock ?? new SystemClock()
    this.delayMs = options.delayMs ?? 0
    this.lose = options.lose ?? (() => false)
  }

  /** Breaks the link between two nodes, both ways, until `heal`. */
  cut(a: NodeSerial, b: NodeSerial): void {
    this.#cut.add(pair(a, b))
    this.#relink()
  }

  heal(a: NodeSerial, b: NodeSerial): void {
    this.#cut.delete(pair(a, b))
    this.#relink()
  }

  /** @internal Throws `SERIAL_TAKEN` when a node of that cluster has started under the serial. */
  attach(self: NetworkSelf, listener: NetworkListener): Endpoint {
    for (const other of this.#endpoints) {
      if (sameCluster(other.self, self) && other.self.serial === self.serial) {
        const why = `serial ${self.serial} is in use by node ${other.self.id} of this cluster`
        throw new SyneviError('SERIAL_TAKEN', `cannot start node ${self.id}: ${why}`, {
          definite: true,
        })
      }
    }
    const endpoint = { self, listener, peers: [], links: new Set<Endpoint>() }
    this.#endpoints.add(endpoint)
    return endpoint
  }

  /** @internal */
  connect(endpoint: Endpoint, peers: readonly PeerAddress[]): void {
    endpoint.peers = peers
    for (const other of this.#endpoints) {
      if (other === endpoint) continue
      const mine = peers.find((peer) => peer.id === other.self.id)
      if (mine !== undefined) this.#refuseStranger(endpoint, mine, other)
    }
    this.#relink()
  }

  /** @internal */
  detach(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint)
    this.#relink()
  }

  /** @internal The address of a node on a hub is its id. */
  async ask(address: string, question: Bytes, { id, signal }: AskOptions): Promise<Bytes> {
    await this.#crossing(signal)
    const found = [...this.#endpoints].find(({ self }) => self.id === address)
    if (found === undefined) throw unanswered(address, 'nobody of that id has started')
    const answered = found.listener.asked?.(id, question.slice())
    if (answered === undefined) throw unanswered(address, 'it answers no questions')
    const answer = await Promise.race([answered, untilAborted(signal)])
    await this.#crossing(signal)
    return answer.slice()
  }

  /** @internal */
  send(endpoint: Endpoint, to: NodeSerial, frame: Bytes): void {
    const from = endpoint.self.serial
    for (const other of endpoint.links) {
      if (other.self.serial !== to || this.lose(from, to)) continue
      const copy = this.mangle?.(frame) ?? frame.slice()
      this.#later(() => {
        // What was sent before a sender closed arrives, as on a connection closed in order.
        const isCut = this.#cut.has(pair(from, to))
        if (this.#endpoints.has(other) && !isCut) other.listener.receive(from, copy)
      })
    }
  }

  #refuseStranger(endpoint: Endpoint, mine: PeerAddress, other: Endpoint): void {
    const clusters = sameCluster(endpoint.self, other.self)
    if (clusters && mine.serial === other.self.serial) return
    const code = clusters ? 'SERIAL_TAKEN' : 'INVALID_ARGUMENT'
    const why = clusters
      ? `node ${mine.id} has serial ${other.self.serial}, not ${mine.serial}`
      : `nodes ${endpoint.self.id} and ${mine.id} belong to different clusters`
    this.#later(() => {
      if (!this.#endpoints.has(endpoint)) return
      endpoint.listener.refused(mine.serial, code, why)
      if (this.#endpoints.has(other)) other.listener.refused(endpoint.self.serial, code, why)
    })
  }

  /** Brings the links to what starts, closes, peer lists and cuts say. */
  #relink(): void {
    const all = [...this.#endpoints]
    for (const a of all) {
      for (const b of [...a.links]) if (!this.#mayLink(a, b)) this.#link(a, b, false)
      for (const b of all)
        if (a !== b && !a.links.has(b) && this.#mayLink(a, b)) this.#link(a, b, true)
    }
  }

  #mayLink(a: Endpoint, b: Endpoint): boolean {
    if (!this.#endpoints.has(a) || !this.#endpoints.has(b)) return false
    return knows(a, b) && knows(b, a) && !this.#cut.has(pair(a.self.serial, b.self.serial))
  }

  #link(a: Endpoint, b: Endpoint, up: boolean): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (up) one.links.add(other)
      else one.links.delete(other)
      this.#later(() => {
        if (!this.#endpoints.has(one)) return
        one.listener.link(other.self.serial, up, other.self.frameVersion ?? 1)
      })
    }
  }

  /** One way. Rejects with `CANCELLED`. */
  #crossing(signal: AbortSignal): Promise<void> {
    const crossed = new Promise<void>((resolve) => this.#later(resolve))
    return Promise.race([crossed, untilAborted(signal)])
  }

  /** In the order of the calls, as long as the delay stays the same. */
  #later(run: () => void): void {
    if (this.delayMs > 0) {
      this.#clock.alarm(millis(this.#clock.now().elapsed + this.delayMs), run)
      return
    }
    this.#queue.push(run)
    if (this.#queue.length > 1) return
    this.#clock.soon(() => {
      const queue = this.#queue
      this.#queue = []
      for (const deliver of queue) deliver()
    })
  }
}

/** One node's door to a hub. Without a hub it is alone, which a cluster of one is. */
export class LocalNetwork implements Network {
  readonly #hub: LocalHub
  #endpoint: Endpoint | undefined

  constructor(hub: LocalHub = new LocalHub()) {
    this.#hub = hub
  }

  /** Its id, once started. */
  get advertised(): string | undefined {
    return this.#endpoint?.self.id
  }

  /**
   * Rejects with `SERIAL_TAKEN` when the serial is in use on the hub, `INVALID_ARGUMENT` when
   * started already.
   */
  async start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    if (this.#endpoint !== undefined) {
      throw new SyneviError(
        'INVALID_ARGUMENT',
        'a LocalNetwork serves one node: make one for each',
        { definite: true },
      )
    }
    this.#endpoint = this.#hub.attach(self, listener)
  }

  connect(peers: readonly PeerAddress[]): void {
    if (this.#endpoint !== undefined) this.#hub.connect(this.#endpoint, peers)
  }

  send(to: NodeSerial, frame: Bytes): void {
    if (this.#endpoint !== undefined) this.#hub.send(this.#endpoint, to, frame)
  }

  /** `address`: the id of a node on the hub. */
  ask(address: string, question: Bytes, options: AskOptions): Promise<Bytes> {
    return this.#hub.ask(address, question, options)
  }

  async close(): Promise<void> {
    if (this.#endpoint !== undefined) this.#hub.detach(this.#endpoint)
    this.#endpoint = undefined
  }
}

/** Rejects with `CANCELLED`, never resolves. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = (): void =>
      reject(new SyneviError('CANCELLED', 'the question was taken back', { definite: true }))
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
  })
}

function unanswered(address: string, why: string): SyneviError {
  return new SyneviError('NOT_READY', `no answer from ${address}: ${why}`, {
    definite: true,
    retryable: true,
  })
}

function knows(a: Endpoint, b: Endpoint): boolean {
  return (
    sameCluster(a.self, b.self) &&
    a.peers.some((peer) => peer.serial === b.self.serial && peer.id === b.self.id)
  )
}

function sameCluster(a: NetworkSelf, b: NetworkSelf): boolean {
  return Buffer.compare(a.cluster, b.cluster) === 0
}

function pair(a: NodeSerial, b: NodeSerial): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
