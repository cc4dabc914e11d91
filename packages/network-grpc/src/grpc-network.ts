/** Peers over gRPC: `Network` of `synevi`, with real sockets. */

import { randomBytes } from 'node:crypto'
import {
  SyneviError,
  type AskOptions,
  type Bytes,
  type Network,
  type NetworkListener,
  type NetworkSelf,
  type NodeSerial,
  type PeerAddress,
} from 'synevi'
import { formatAddress } from './address.ts'
import { askPeer } from './ask-peer.ts'
import { parseOptions, type GrpcNetworkOptions, type Settings } from './options.ts'
import { PeerLink } from './peer-link.ts'
import { PeerService } from './peer-service.ts'
import { RefusalReport } from './refusal.ts'
import { clusterOfTls, loadTls, type TlsMaterial } from './tls.ts'
import { CLUSTER_BYTES, ID_MAX_BYTES, INSTANCE_BYTES } from './wire.ts'

const REFUSAL_REPORT_MS = 60_000

interface Peer {
  readonly address: PeerAddress
  readonly link: PeerLink
  /** What the node behind our stream reads. */
  frameVersion: number
  /** Our hello was accepted, and the stream stands. */
  outbound: boolean
  /** Its hello was accepted, and the stream stands. */
  inbound: boolean
  /** What the listener was told last. */
  reported: boolean
}

/** Between `start` and `close`. */
interface Running {
  readonly self: NetworkSelf
  readonly instance: Bytes
  readonly listener: NetworkListener
  readonly service: PeerService
  readonly tls: TlsMaterial | undefined
  readonly report: RefusalReport
}

/**
 * Each node dials each peer and sends on the stream it dialed. A peer counts as linked while both
 * streams stand: ours, whose hello it accepted, and its own; the loss of either is reported at
 * once. Frames to a peer that cannot be reached are dropped, frames to a slow one wait up to
 * `queueMaxBytes`. The constructor throws `INVALID_ARGUMENT`.
 */
export class GrpcNetwork implements Network {
  readonly #settings: Settings
  readonly #peers = new Map<number, Peer>()
  #running: Running | undefined
  #started = false
  #address: string | undefined
  #wanted: readonly PeerAddress[] | undefined
  #closing: Promise<void> | undefined
  /** What the listener is to hear once the present call into us has returned. */
  #tidings: (() => void)[] = []

  constructor(options: GrpcNetworkOptions) {
    this.#settings = parseOptions(options)
  }

  /** The address bound, `host:port`; undefined until `start` has resolved. */
  get address(): string | undefined {
    return this.#address
  }

  /** What others should dial: `advertise`, or the address bound. */
  get advertised(): string | undefined {
    return this.#settings.advertise ?? this.#address
  }

  /**
   * Resolves once peers can reach it. Rejects with `INVALID_ARGUMENT` when it cannot listen, was
   * started before, or the certificate is not for `self`; with `CLOSED` after `close`.
   */
  async start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    if (this.#closing !== undefined) throw failed('CLOSED', 'cannot start: the network is closed')
    if (this.#started) throw failed('INVALID_ARGUMENT', 'cannot start: started before')
    checkSelf(self)
    const settings = this.#settings
    const tls = settings.tls === undefined ? undefined : loadTls(settings.tls, self)
    this.#started = true
    const report = new RefusalReport({
      logger: settings.logger,
      everyMs: REFUSAL_REPORT_MS,
      tell: (peer, refused) => {
        this.#later(() => listener.refused(peer, refused.code, refused.why))
      },
    })
    const instance = randomBytes(INSTANCE_BYTES)
    const service = new PeerService({
      self,
      instance,
      settings,
      tls: tls?.server,
      onInbound: (peer, up) => this.#inbound(peer, up),
      onFrame: (from, frame) => {
        if (this.#closing === undefined) listener.receive(from, frame)
      },
      onRefusal: (peer, refused, remote) => report.report(peer, refused, remote),
      onQuestion: listener.asked?.bind(listener),
    })
    const bound = await service.listen()
    if (this.#closing !== undefined) {
      await service.close()
      throw failed('CLOSED', 'cannot start: the network was closed meanwhile')
    }
    this.#address = formatAddress(bound)
    this.#running = { self, instance, listener, service, tls, report }
    if (this.#wanted !== undefined) this.#reconcile(this.#running, this.#wanted)
  }

  /**
   * May come before `start`, which then dials. The node itself may be among the peers, and is left
   * out.
   */
  connect(peers: readonly PeerAddress[]): void {
    this.#wanted = [...peers]
    if (this.#running !== undefined) this.#reconcile(this.#running, this.#wanted)
  }

  /** One connection for one question, as `Network.ask`. With TLS both sides prove who they are. */
  async ask(address: string, question: Bytes, options: AskOptions): Promise<Bytes> {
    const settings = this.#settings
    const { tls: files } = settings
    if (this.#closing !== undefined) throw failed('CLOSED', 'cannot ask: the network is closed')
    const cluster = this.#running?.self.cluster ?? (files && clusterOfTls(files))
    const material =
      this.#running?.tls ?? (files && cluster && loadTls(files, { cluster, ...options }))
    const tls = material && cluster ? { context: material.client, cluster } : undefined
    return askPeer({ ...options, address, question, settings, tls })
  }

  send(to: NodeSerial, frame: Bytes): void {
    this.#peers.get(to)?.link.send(frame)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    this.#tidings = []
    for (const peer of this.#peers.values()) peer.link.close()
    this.#peers.clear()
    await running?.service.close()
  }

  #reconcile(running: Running, wanted: readonly PeerAddress[]): void {
    const { self } = running
    const bySerial = new Map<number, PeerAddress>()
    for (const peer of wanted) {
      if (peer.serial !== self.serial || peer.id !== self.id) bySerial.set(peer.serial, peer)
    }
    for (const [serial, peer] of this.#peers) {
      if (isSame(peer.address, bySerial.get(serial))) continue
      peer.link.close()
      this.#peers.delete(serial)
      peer.outbound = false
      this.#settle(running, peer)
    }
    running.service.admitOnly(bySerial)
    for (const [serial, address] of bySerial) {
      if (!this.#peers.has(serial)) this.#peers.set(serial, this.#join(running, address))
    }
  }

  #join(running: Running, address: PeerAddress): Peer {
    const { self, instance, tls, report, service } = running
    const link = new PeerLink({
      peer: address,
      self,
      instance,
      settings: this.#settings,
      context: () => tls?.client,
      onUp: ({ frameVersion }) => {
        peer.outbound = true
        peer.frameVersion = frameVersion
        this.#settle(running, peer)
      },
      onDown: (why) => {
        peer.outbound = false
        this.#settle(running, peer, why)
      },
      onRefusal: (refused) => report.report(address.serial, refused),
    })
    const inbound = service.hears(address)
    const peer: Peer = {
      ...{ address, link, inbound },
      ...{ outbound: false, reported: false, frameVersion: 1 },
    }
    return peer
  }

  #inbound(from: PeerAddress, up: boolean): void {
    const peer = this.#peers.get(from.serial)
    if (this.#running === undefined || peer === undefined) return
    peer.inbound = up
    if (up) peer.link.nudge()
    this.#settle(this.#running, peer, 'its stream to us ended')
  }

  #settle(running: Running, peer: Peer, why = 'no longer among the peers'): void {
    const up = peer.outbound && peer.inbound
    if (up === peer.reported) return
    peer.reported = up
    const { frameVersion } = peer
    const { serial, id } = peer.address
    if (up) this.#settings.logger.info({ peer: serial, id, frameVersion }, 'peer linked')
    else this.#settings.logger.info({ peer: serial, id, why }, 'peer lost')
    this.#later(() => running.listener.link(serial, up, frameVersion))
  }

  /** In order, after the present call, and not once closed. */
  #later(tell: () => void): void {
    this.#tidings.push(tell)
    if (this.#tidings.length > 1) return
    queueMicrotask(() => {
      const tidings = this.#tidings
      this.#tidings = []
      for (const tiding of tidings) if (this.#closing === undefined) tiding()
    })
  }
}

function isSame(left: PeerAddress, right: PeerAddress | undefined): boolean {
  return left.id === right?.id && left.address === right.address
}

function checkSelf(self: NetworkSelf): void {
  const idBytes = Buffer.byteLength(self.id)
  if (idBytes === 0 || idBytes > ID_MAX_BYTES) {
    throw failed('INVALID_ARGUMENT', `cannot start: an id has 1 to ${ID_MAX_BYTES} bytes`)
  }
  if (self.cluster.length !== CLUSTER_BYTES) {
    throw failed('INVALID_ARGUMENT', `cannot start: a cluster has ${CLUSTER_BYTES} bytes`)
  }
}

function failed(code: 'CLOSED' | 'INVALID_ARGUMENT', message: string): SyneviError {
  return new SyneviError(code, message, { definite: true })
}
