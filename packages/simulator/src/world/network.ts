/**
 * The wires between simulated nodes: frames are delayed, lost, repeated, overtaken, damaged, and
 * late.
 */

import { FRAME_VERSION_MIN, decodeFrame, nodeSerial, type Bytes } from '@synevi/accord'
import {
  SyneviError,
  type Network,
  type NetworkListener,
  type NetworkSelf,
  type PeerAddress,
} from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import type { Trace } from '../trace.ts'
import { isFrameOfFirst } from '../core-world/first-release.ts'
import { Links, type DirectedLink } from './links.ts'
import type { SimProcess } from './process.ts'
import { rotten } from './rot.ts'
import { SimPort, type Wires } from './sim-port.ts'

/** A question without an answer is given up after so long. */
const QUESTION_PATIENCE: Micros = 1_000_000

/** How the wires behave. Probabilities are per frame; 0 switches a fault off. */
export interface WireConditions {
  /** Base delay of a link, drawn once for each: log-uniform between the two. */
  readonly delayMin: Micros
  readonly delayMax: Micros
  /** Mean of the exponential part, as a share of the base delay. */
  readonly jitter: number
  readonly drop: number
  readonly duplicate: number
  /** A delay of up to `spikeMax` on top. */
  readonly spike: number
  readonly spikeMax: Micros
  /** Whether frames of one link may overtake each other. */
  readonly reorder: boolean
  /** A bit of the frame is flipped: it must be refused. */
  readonly flip: number
  /** A part of a snapshot is altered before it is framed. Absent: 0. */
  readonly rot?: number
  /** A copy arrives seconds later, whoever lives there then. */
  readonly late: number
  /** Bits each second on each link; 0: without limit. */
  readonly bandwidth: number
  /** A broken link is noticed after so long: log-uniform. */
  readonly noticeMin: Micros
  readonly noticeMax: Micros
}

/** What happened to frames, by fault. */
export interface WireCounts {
  sent: number
  delivered: number
  dropped: number
  duplicated: number
  spiked: number
  flipped: number
  late: number
  cut: number
  overtaken: number
  /** Of a version that its receiver does not read: lost. */
  tooNew: number
}

interface Endpoint {
  readonly process: SimProcess
  readonly listener: NetworkListener
  readonly cluster: string
  readonly frameVersion: number
  readonly peers: Map<number, boolean>
}

/** All wires of one world. */
export class SimNetwork implements Wires {
  readonly links: Links = new Links()
  readonly counts: WireCounts = {
    sent: 0,
    delivered: 0,
    dropped: 0,
    duplicated: 0,
    spiked: 0,
    flipped: 0,
    late: 0,
    cut: 0,
    overtaken: 0,
    tooNew: 0,
  }
  readonly #queue: EventQueue
  readonly #random: Prng
  /** A stream for each fault, so that removing one leaves the draws of the others as they are. */
  readonly #chance: Readonly<Record<'drop' | 'duplicate' | 'late' | 'spike' | 'flip' | 'rot', Prng>>
  readonly #trace: Trace
  readonly #conditions: WireConditions
  readonly #seen: (from: number, frame: Bytes) => void
  readonly #strange: (frame: Bytes) => void
  readonly #mindsClusters: boolean
  readonly #endpoints = new Map<number, Endpoint>()
  readonly #base = new Map<number, Micros>()
  readonly #lastArrival = new Map<number, Micros>()
  readonly #busyUntil = new Map<number, Micros>()
  #faulty: (link: DirectedLink) => boolean = () => true

  constructor(parts: {
    queue: EventQueue
    random: Prng
    trace: Trace
    conditions: WireConditions
    /** Sees every frame that is sent, as it was sent. */
    seen?: (from: number, frame: Bytes) => void
    /** Sees every frame that reached the release before, with something in it that it lacks. */
    strange?: (frame: Bytes) => void
    /** Whether nodes of two clusters are kept apart. Default true. */
    mindsClusters?: boolean
  }) {
    this.#queue = parts.queue
    const { random } = parts
    this.#random = random
    this.#chance = {
      drop: random.fork('drop'),
      duplicate: random.fork('duplicate'),
      late: random.fork('late'),
      spike: random.fork('spike'),
      ...{ flip: random.fork('flip'), rot: random.fork('rot') },
    }
    this.#trace = parts.trace
    this.#conditions = parts.conditions
    this.#seen = parts.seen ?? (() => {})
    this.#strange = parts.strange ?? (() => {})
    this.#mindsClusters = parts.mindsClusters ?? true
  }

  /** The network of one process: `isBefore`, of the release before. */
  port(process: SimProcess, isBefore = false): Network {
    const heard = isBefore ? (frame: Bytes): boolean => this.#heardBefore(frame) : undefined
    return new SimPort(this, process, heard)
  }

  /** It refuses frames of a later version, and must never get a message that it does not know. */
  #heardBefore(frame: Bytes): boolean {
    const decoded = decodeFrame(frame, { messagesMax: 100_000, payloadMaxBytes: 1 << 26 })
    if (!decoded.ok) return true
    if (frame[2] !== FRAME_VERSION_MIN) {
      this.counts.tooNew++
      return false
    }
    if (!isFrameOfFirst(decoded.value, frame)) this.#strange(frame)
    return true
  }

  /** From now on frames are harmed only where the test says so. */
  limitFaults(faulty: (link: DirectedLink) => boolean): void {
    this.#faulty = faulty
    // A healed link is a new connection: nothing waits behind what the old one still holds up.
    for (const key of [...this.#lastArrival.keys()]) {
      if (!faulty({ from: key >>> 16, to: key & 0xffff })) this.#lastArrival.delete(key)
    }
  }

  /**
   * A cut was made or lifted: ends of broken links notice after a while, healed ones connect again.
   */
  linksChanged(): void {
    for (const [a, end] of this.#endpoints) {
      for (const [b, up] of end.peers) {
        if (this.#connected(a, b) !== up) this.#noticeLater(a, b)
      }
    }
  }

  /** Reports a link as lost, and soon as back, while frames pass as before. */
  misreport(link: DirectedLink, forMicros: Micros): void {
    if (this.#endpoints.get(link.from)?.peers.get(link.to) !== true) return
    this.#report(link.from, link.to, false)
    this.#queue.after(forMicros, () => this.#noticeLater(link.from, link.to))
  }

  /** A process ended. `reset`: its peers hear of it at once, as when its host still runs. */
  processEnded(process: SimProcess, reset: boolean): void {
    const end = this.#endpoints.get(process.node)
    if (end?.process !== process) return
    this.#endpoints.delete(process.node)
    for (const a of end.peers.keys()) {
      if (this.#endpoints.get(a)?.peers.get(process.node) !== true) continue
      const passes = this.links.passes({ from: process.node, to: a })
      const delay = this.#baseDelay({ from: process.node, to: a })
      if (reset && passes) this.#queue.after(delay, () => this.#settle(a, process.node))
      else this.#noticeLater(a, process.node)
    }
  }

  /** For the port only. */
  register(process: SimProcess, self: NetworkSelf, listener: NetworkListener): void {
    const cluster = Buffer.from(self.cluster).toString('hex')
    const { frameVersion = 1 } = self
    this.#endpoints.set(process.node, {
      ...{ process, listener, cluster, frameVersion },
      peers: new Map(),
    })
  }

  /** For the port only. */
  setPeers(process: SimProcess, peers: readonly PeerAddress[]): void {
    const end = this.#endpoints.get(process.node)
    if (end?.process !== process) return
    const wanted = new Set(peers.map((peer) => Number(peer.serial)))
    for (const peer of [...end.peers.keys()]) if (!wanted.has(peer)) end.peers.delete(peer)
    for (const peer of wanted) {
      if (peer === process.node || end.peers.has(peer)) continue
      end.peers.set(peer, false)
      // A new connection: either side reports a loss of the old one before it, had it not noticed.
      this.#settle(peer, process.node, true)
      const delay = this.#baseDelay({ from: process.node, to: peer }) * 2
      this.#queue.after(delay, () => this.#settle(process.node, peer))
      this.#queue.after(delay, () => this.#settle(peer, process.node))
    }
  }

  /** For the port only. */
  send(process: SimProcess, to: number, frame: Bytes): void {
    const link = { from: process.node, to }
    const now = this.#queue.now
    this.counts.sent++
    this.#trace.note(now, process.node, 'send', to, frame)
    this.#seen(process.node, frame)
    const faulty = this.#faulty(link)
    const chance = this.#chance
    const at = this.#conditions
    if (faulty && at.drop > 0 && chance.drop.chance(at.drop)) {
      this.counts.dropped++
      return
    }
    if (faulty && at.duplicate > 0 && chance.duplicate.chance(at.duplicate)) {
      this.counts.duplicated++
      this.#carry({
        link,
        frame,
        extra: chance.duplicate.exponential(4 * this.#baseDelay(link)),
        overtakes: true,
      })
    }
    if (faulty && at.late > 0 && chance.late.chance(at.late)) {
      this.counts.late++
      this.#deliverLater(link, frame, now + chance.late.between(500_000, 20_000_000), undefined)
    }
    let extra = 0
    if (faulty && at.spike > 0 && chance.spike.chance(at.spike)) {
      this.counts.spiked++
      extra = chance.spike.logBetween(10_000, at.spikeMax)
    }
    const flips = faulty && at.flip > 0 && chance.flip.chance(at.flip)
    if (flips) this.counts.flipped++
    const rots = faulty && at.rot !== undefined && chance.rot.chance(at.rot)
    const sound = rots ? rotten(frame, chance.rot) : frame
    const carried = flips ? flipped(sound, chance.flip) : sound
    this.#carry({ link, frame: carried, extra, overtakes: at.reorder && faulty })
  }

  /**
   * For the port only. Questions and answers are lost, delayed and cut as frames are; what is lost
   * is given up after a second.
   */
  ask(process: SimProcess, address: string, question: Bytes, id: string): Promise<Bytes> {
    const to = Number(address.replace(/^sim:/, ''))
    const [there, back] = [
      { from: process.node, to },
      { from: to, to: process.node },
    ]
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => process.enter(finish)
      const late = (): void =>
        reject(
          new SyneviError('NOT_READY', `no answer from ${address}`, {
            definite: true,
            retryable: true,
          }),
        )
      this.#queue.after(QUESTION_PATIENCE, () => settle(late))
      if (this.#isLost(there)) return
      const travel = (link: DirectedLink): Micros => Math.ceil(this.#baseDelay(link) * 2)
      this.#queue.after(travel(there), () => {
        const end = this.#endpoints.get(to)
        if (end?.listener.asked === undefined || !this.links.passes(there)) return
        const answerWith = (finish: () => void): void => {
          if (end.process.alive && !this.#isLost(back))
            this.#queue.after(travel(back), () => settle(finish))
        }
        end.process.enter(() => {
          end.listener.asked?.(id, question.slice()).then(
            (answer) => answerWith(() => resolve(answer.slice())),
            (error: Error) => answerWith(() => reject(error)),
          )
        })
      })
    })
  }

  #isLost(link: DirectedLink): boolean {
    if (!this.links.passes(link)) return true
    return this.#faulty(link) && this.#chance.drop.chance(this.#conditions.drop)
  }

  #carry(parts: { link: DirectedLink; frame: Bytes; extra: Micros; overtakes: boolean }): void {
    const { link, frame } = parts
    const key = (link.from << 16) | link.to
    const base = this.#baseDelay(link)
    let leaves = this.#queue.now
    if (this.#conditions.bandwidth > 0) {
      leaves = Math.max(leaves, this.#busyUntil.get(key) ?? 0)
      leaves += (frame.length * 8_000_000) / this.#conditions.bandwidth
      this.#busyUntil.set(key, leaves)
    }
    const jitter = this.#random.exponential(base * this.#conditions.jitter)
    let arrives = Math.ceil(leaves + base + jitter + parts.extra)
    const last = this.#lastArrival.get(key) ?? 0
    if (!parts.overtakes) arrives = Math.max(arrives, last)
    else if (arrives < last) this.counts.overtaken++
    this.#lastArrival.set(key, Math.max(last, arrives))
    this.#deliverLater(link, frame, arrives, this.#endpoints.get(link.to)?.process)
  }

  /** `life`: only to that process; undefined: to whoever lives there then. */
  #deliverLater(link: DirectedLink, frame: Bytes, at: Micros, life: SimProcess | undefined): void {
    const atOnce = life !== undefined
    if (!this.links.passes(link)) {
      this.counts.cut++
      return
    }
    this.#queue.at(at, () => {
      const end = this.#endpoints.get(link.to)
      if (end === undefined || (atOnce && end.process !== life)) return
      if (!this.links.passes(link)) {
        this.counts.cut++
        return
      }
      if (!end.peers.has(link.from)) return
      end.process.enter(() => {
        this.counts.delivered++
        end.listener.receive(nodeSerial(link.from), frame)
      })
    })
  }

  #baseDelay(link: DirectedLink): Micros {
    const key = (Math.min(link.from, link.to) << 16) | Math.max(link.from, link.to)
    const known = this.#base.get(key)
    if (known !== undefined) return known
    const { delayMin, delayMax } = this.#conditions
    const drawn = this.#random.fork(`link ${key}`).logBetween(delayMin, delayMax)
    this.#base.set(key, drawn)
    return drawn
  }

  /** Whether both ends are there, want each other, and reach each other both ways. */
  #connected(a: number, b: number): boolean {
    const one = this.#endpoints.get(a)
    const other = this.#endpoints.get(b)
    if (one === undefined || other === undefined) return false
    if (this.#mindsClusters && one.cluster !== other.cluster) return false
    if (!one.peers.has(b) || !other.peers.has(a)) return false
    return this.links.passes({ from: a, to: b }) && this.links.passes({ from: b, to: a })
  }

  #noticeLater(observer: number, peer: number): void {
    const { noticeMin, noticeMax } = this.#conditions
    const delay = this.#random.logBetween(noticeMin, noticeMax)
    this.#queue.after(delay, () => this.#settle(observer, peer))
  }

  /** Brings what the observer believes of its link in line with what is so. */
  #settle(observer: number, peer: number, renewed = false): void {
    const believed = this.#endpoints.get(observer)?.peers.get(peer)
    if (believed === undefined) return
    if (believed && renewed) this.#report(observer, peer, false)
    else if (!renewed && this.#connected(observer, peer) !== believed) {
      this.#report(observer, peer, !believed)
    }
  }

  #report(observer: number, peer: number, up: boolean): void {
    const end = this.#endpoints.get(observer)
    if (end === undefined || !end.process.alive) return
    end.peers.set(peer, up)
    this.#trace.note(this.#queue.now, observer, up ? 'up' : 'down', peer)
    const version = this.#endpoints.get(peer)?.frameVersion ?? 1
    this.#queue.after(0, () =>
      end.process.enter(() => end.listener.link(nodeSerial(peer), up, version)),
    )
  }
}

function flipped(frame: Bytes, random: Prng): Bytes {
  const copy = Uint8Array.from(frame)
  const place = random.below(Math.max(1, copy.length))
  copy[place] = (copy[place] ?? 0) ^ (1 << random.below(8))
  return copy
}
