/**
 * A TCP proxy that breaks links on purpose (`testing.md`, section 4). Each directed link, from one
 * node to another, has a port of its own on 127.0.0.1: node `from` dials it instead of node `to`.
 */

import { connect, createServer, type Server, type Socket } from 'node:net'
import { CLEAR, ProxyPipe, type PipeFaults } from './proxy-pipe.ts'

/** `forward`: what the dialing node sends; `backward`: what it hears. */
export type Way = 'forward' | 'backward' | 'both'

/** What a link has done since it was opened: a fault that had no effect was none. */
export interface LinkCounts {
  readonly connections: number
  /** Connections turned away while cut. */
  readonly refused: number
  /** Connections broken by a cut, or by healing after bytes were lost. */
  readonly reset: number
  readonly forwardBytes: number
  readonly backwardBytes: number
  readonly swallowedBytes: number
}

/** How slow a link is. */
export interface Shape {
  readonly delayMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
}

interface Connection {
  readonly client: Socket
  /** Undefined until nothing keeps it from being dialed. */
  upstream: Socket | undefined
  pipes: readonly ProxyPipe[]
}

/** One directed link. Controls take effect at once, for what stands and for what comes. */
export class ProxyLink {
  readonly from: number
  readonly to: number
  readonly #server: Server
  readonly #random: () => number
  readonly #connections = new Set<Connection>()
  readonly #faults: { forward: PipeFaults; backward: PipeFaults } = {
    forward: CLEAR,
    backward: CLEAR,
  }
  readonly #counts = {
    connections: 0,
    refused: 0,
    reset: 0,
    forwardBytes: 0,
    backwardBytes: 0,
    swallowedBytes: 0,
  }
  #cut = false
  #flap: NodeJS.Timeout | undefined
  #target: { readonly host: string; readonly port: number } | undefined

  constructor(options: {
    readonly from: number
    readonly to: number
    readonly random: () => number
  }) {
    this.from = options.from
    this.to = options.to
    this.#random = options.random
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    this.#server.on('connection', (client) => this.#accept(client))
  }

  /** Resolves once its port is bound. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', resolve)
    })
  }

  /** What `from` dials, `host:port`. */
  get address(): string {
    const bound = this.#server.address()
    if (typeof bound !== 'object' || bound === null) throw new Error('the link does not listen')
    return `127.0.0.1:${bound.port}`
  }

  get counts(): LinkCounts {
    return { ...this.#counts }
  }

  /** Where `to` listens, `host:port`. Until it is said, connections are turned away. */
  aim(address: string): void {
    const at = address.lastIndexOf(':')
    this.#target = { host: address.slice(0, at), port: Number(address.slice(at + 1)) }
  }

  /** Connections that stand are reset, and new ones as well, until `heal`. */
  cut(): void {
    this.#cut = true
    for (const connection of this.#connections) this.#reset(connection)
  }

  /** Nothing moves that way until `heal`; nothing is lost either. */
  stall(way: Way): void {
    this.#change(way, { mode: 'stall' })
  }

  /** Bytes that way vanish until `heal`, which then resets what lost some. */
  swallow(way: Way): void {
    this.#change(way, { mode: 'swallow' })
  }

  /** Both ways alike. What is not said is not limited. */
  shape(shape: Shape): void {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond } = shape
    this.#change('both', { delayMs, jitterMs, bytesPerSecond })
  }

  /** Cut for `downMs`, whole for `upMs`, and again, until `heal`. */
  flap(times: { readonly downMs: number; readonly upMs: number }): void {
    clearTimeout(this.#flap)
    if (this.#cut) this.#cut = false
    else this.cut()
    const nextMs = this.#cut ? times.downMs : times.upMs
    this.#flap = setTimeout(() => this.flap(times), nextMs)
  }

  /** No fault any more. */
  heal(): void {
    clearTimeout(this.#flap)
    this.#cut = false
    this.#faults.forward = CLEAR
    this.#faults.backward = CLEAR
    this.#apply()
  }

  /** Harmless when repeated. */
  async close(): Promise<void> {
    clearTimeout(this.#flap)
    this.#cut = true
    for (const connection of this.#connections) this.#reset(connection)
    if (!this.#server.listening) return
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #change(way: Way, change: Partial<PipeFaults>): void {
    const { forward, backward } = this.#faults
    if (way !== 'backward') this.#faults.forward = { ...forward, ...change }
    if (way !== 'forward') this.#faults.backward = { ...backward, ...change }
    this.#apply()
  }

  #apply(): void {
    for (const connection of this.#connections) {
      const modes = [this.#faults.forward.mode, this.#faults.backward.mode]
      const isDamaged = connection.pipes.some((pipe) => pipe.isDamaged)
      if (isDamaged && !modes.includes('swallow')) this.#reset(connection)
      else if (connection.upstream === undefined) this.#dial(connection)
      else for (const pipe of connection.pipes) pipe.apply()
    }
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined)
    this.#counts.connections++
    if (this.#cut || this.#target === undefined) {
      this.#counts.refused++
      client.resetAndDestroy()
      return
    }
    const connection: Connection = { client, upstream: undefined, pipes: [] }
    this.#connections.add(connection)
    client.once('close', () => this.#closed(connection))
    this.#dial(connection)
  }

  /**
   * A handshake needs both ways: while one is blocked, the connection stands at the client and goes
   * nowhere.
   */
  #dial(connection: Connection): void {
    const { forward, backward } = this.#faults
    if (forward.mode !== 'pass' || backward.mode !== 'pass' || this.#target === undefined) return
    const { client } = connection
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    connection.upstream = upstream
    upstream.on('error', () => undefined)
    upstream.once('close', () => this.#closed(connection))
    upstream.once('connect', () => {
      if (!this.#connections.has(connection)) return
      const common = {
        random: this.#random,
        onSwallowed: (bytes: number) => {
          this.#counts.swallowedBytes += bytes
        },
      }
      connection.pipes = [
        new ProxyPipe({
          ...common,
          source: client,
          sink: upstream,
          faults: () => this.#faults.forward,
          onPassed: (bytes) => {
            this.#counts.forwardBytes += bytes
          },
        }),
        new ProxyPipe({
          ...common,
          source: upstream,
          sink: client,
          faults: () => this.#faults.backward,
          onPassed: (bytes) => {
            this.#counts.backwardBytes += bytes
          },
        }),
      ]
    })
  }

  /** One of its sockets is gone. Pipes tell the other; before there are any, it follows at once. */
  #closed(connection: Connection): void {
    if (!this.#connections.has(connection)) return
    const { client, upstream, pipes } = connection
    if (pipes.length === 0) {
      this.#forget(connection)
      client.resetAndDestroy()
      upstream?.destroy()
    } else if (client.destroyed && upstream?.destroyed === true) {
      this.#forget(connection)
    }
  }

  #reset(connection: Connection): void {
    this.#counts.reset++
    this.#forget(connection)
    connection.client.resetAndDestroy()
    connection.upstream?.resetAndDestroy()
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    for (const pipe of connection.pipes) pipe.close()
  }
}

/** All directed links between some nodes, by serial. */
export class TcpProxy {
  readonly #links: readonly ProxyLink[]

  private constructor(links: readonly ProxyLink[]) {
    this.#links = links
  }

  /** A link each way for each pair. `seed` decides the jitter. */
  static async open(options: {
    readonly serials: readonly number[]
    readonly seed: number
  }): Promise<TcpProxy> {
    const random = seeded(options.seed)
    const links = options.serials.flatMap((from) =>
      options.serials.filter((to) => to !== from).map((to) => new ProxyLink({ from, to, random })),
    )
    await Promise.all(links.map((link) => link.listen()))
    return new TcpProxy(links)
  }

  /** Throws a RangeError for a pair it was not opened for. */
  link(from: number, to: number): ProxyLink {
    const link = this.#links.find((one) => one.from === from && one.to === to)
    if (link === undefined) throw new RangeError(`no link from ${from} to ${to}`)
    return link
  }

  get links(): readonly ProxyLink[] {
    return this.#links
  }

  /** What node `from` dials instead of each other node: the `dialMap` of its network. */
  dialMapOf(from: number): ReadonlyMap<number, string> {
    return new Map(
      this.#links.filter((link) => link.from === from).map((link) => [link.to, link.address]),
    )
  }

  /** Node `serial` listens at `address`. */
  aim(serial: number, address: string): void {
    for (const link of this.#links) if (link.to === serial) link.aim(address)
  }

  /** The links in either direction between the two groups. */
  between(left: readonly number[], right: readonly number[]): readonly ProxyLink[] {
    const crosses = (from: number, to: number): boolean => left.includes(from) && right.includes(to)
    return this.#links.filter(({ from, to }) => crosses(from, to) || crosses(to, from))
  }

  healAll(): void {
    for (const link of this.#links) link.heal()
  }

  /** Harmless when repeated. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
  }
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
