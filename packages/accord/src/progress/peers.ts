/**
 * The other members as seen from here: heartbeats, suspicion, distance (`protocol.md` 7.2, 7.5).
 */

import { millis, type Millis } from '../brand.ts'
import { invariant } from '../invariant.ts'
import type { Context } from '../context.ts'
import type { Heartbeat } from '../message/message.ts'
import { PeerLatency } from '../time/peer-latency.ts'
import { compareSerials } from '../time/serial-order.ts'
import type { NodeSerial } from '../time/timestamp.ts'

/** One other member. */
export interface Peer {
  readonly serial: NodeSerial
  readonly latency: PeerLatency
  heardAt: Millis
  /** Undefined until the network spoke of it. */
  linkUp: boolean | undefined
  suspected: boolean
  heartbeat: Heartbeat | undefined
  heartbeatAt: Millis
  /** Its clock was found too far from ours. */
  offsetAlarm: boolean
  /** It claims an identity that its store does not continue: nothing it says counts. */
  distrusted: boolean
  /** It held the log back for too long, or by too much: what it lacks may be gone (8.5). */
  stale: boolean
}

/** Every other member that is known; suspicion is a hint that only timing rests on. */
export class Peers {
  readonly #peers = new Map<NodeSerial, Peer>()
  #rttSlow: Millis = millis(10)
  #rttMedian: Millis = millis(10)

  constructor(serials: readonly NodeSerial[], now: Millis) {
    this.follow(serials, now)
  }

  /** From now on these are the peers: what is known of those that stay is kept. */
  follow(serials: readonly NodeSerial[], now: Millis): void {
    const before = new Map(this.#peers)
    this.#peers.clear()
    for (const serial of [...serials].sort(compareSerials)) {
      this.#peers.set(serial, before.get(serial) ?? newPeer(serial, now))
    }
    this.#refresh()
  }

  has(serial: NodeSerial): boolean {
    return this.#peers.has(serial)
  }

  get(serial: NodeSerial): Peer {
    const peer = this.#peers.get(serial)
    invariant(peer !== undefined, 'only members are peers')
    return peer
  }

  /** In the order of serials. */
  all(): Iterable<Peer> {
    return this.#peers.values()
  }

  /**
   * The greatest slow round trip to a peer that is not suspected: `RTTp99` of `protocol.md` 7,
   * robust against outliers.
   */
  get rttSlow(): Millis {
    return this.#rttSlow
  }

  /** The median of the peers' median round trips. */
  get rttMedian(): Millis {
    return this.#rttMedian
  }

  /** The slow round trip to the `rank`-th fastest of these, counted from 1; 0 for rank 0. */
  rttOfFastest(among: readonly NodeSerial[], rank: number): Millis {
    const sorted = among
      .flatMap((serial) => this.#peers.get(serial)?.latency.slow ?? [])
      .sort((a, b) => a - b)
    return sorted[rank - 1] ?? millis(0)
  }

  /** Anything came from it. True when it was suspected until now. */
  heard(context: Context, serial: NodeSerial): boolean {
    const peer = this.get(serial)
    peer.heardAt = context.now.elapsed
    if (!peer.suspected || peer.linkUp === false) return false
    this.#suspect(context, peer, false)
    return true
  }

  /** True when suspicion changed. A closed link is suspicion at once; an open one ends it. */
  link(context: Context, serial: NodeSerial, up: boolean): boolean {
    const peer = this.get(serial)
    peer.linkUp = up
    if (up) {
      peer.heardAt = context.now.elapsed
      // Another life of the peer may speak now: its first heartbeat is held against what is known
      // of its store.
      peer.heartbeat = undefined
    }
    if (peer.suspected === !up) return false
    this.#suspect(context, peer, !up)
    return true
  }

  /** Silence of the last `ms` was this node's own: it does not count. */
  excuse(context: Context, ms: number): void {
    for (const peer of this.#peers.values()) {
      peer.heardAt = millis(Math.min(context.now.elapsed, peer.heardAt + ms))
    }
  }

  /** The peers that became suspected by silence since the last call. */
  takeSilent(context: Context): readonly Peer[] {
    const limit = context.limits.heartbeatMs * context.limits.heartbeatsMissedMax
    const silent = [...this.#peers.values()].filter(
      (peer) => !peer.suspected && context.now.elapsed - peer.heardAt > limit,
    )
    for (const peer of silent) this.#suspect(context, peer, true)
    return silent
  }

  isSuspected(serial: NodeSerial): boolean {
    return this.#peers.get(serial)?.suspected ?? false
  }

  /** A round trip was measured; `wall` when the peer told its clock. */
  measured(
    context: Context,
    parts: { from: NodeSerial; rtt: Millis; wall: bigint | undefined },
  ): void {
    const { latency } = this.get(parts.from)
    latency.measured(parts.rtt)
    if (parts.wall !== undefined) {
      latency.observedWall({ theirs: parts.wall, ours: context.now.wall, rtt: parts.rtt })
    }
    this.#refresh()
  }

  #suspect(context: Context, peer: Peer, suspected: boolean): void {
    peer.suspected = suspected
    context.out.notice({ kind: 'suspected', peer: peer.serial, suspected })
    this.#refresh()
  }

  #refresh(): void {
    const trusted = [...this.#peers.values()].filter((peer) => !peer.suspected)
    const slow = trusted.map((peer) => peer.latency.slow)
    const medians = trusted.map((peer) => peer.latency.median).sort((a, b) => a - b)
    this.#rttSlow = slow.reduce((max, rtt) => (rtt > max ? rtt : max), millis(1))
    this.#rttMedian = medians[Math.floor(medians.length / 2)] ?? millis(1)
  }
}

function newPeer(serial: NodeSerial, now: Millis): Peer {
  return {
    serial,
    latency: new PeerLatency(),
    heardAt: now,
    linkUp: undefined,
    suspected: false,
    heartbeat: undefined,
    heartbeatAt: now,
    offsetAlarm: false,
    distrusted: false,
    stale: false,
  }
}
