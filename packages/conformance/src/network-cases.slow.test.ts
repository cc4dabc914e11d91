/**
 * The cases themselves: a right network passes all, and each is failed by a network that is wrong
 * in its way.
 */

import type { Bytes, Network, NetworkListener, NetworkSelf, NodeSerial, PeerAddress } from 'synevi'
import { describe, expect, it } from 'vitest'
import { networkCases } from './network-cases.ts'
import type { NetworkFixture } from './network-fixture.ts'

type Fault =
  | 'none'
  | 'does not reach serial 3'
  | 'cuts frames'
  | 'reverses each turn'
  | 'shares bytes'
  | 'tells one end'
  | 'tells up twice'
  | 'does not tell of a close'
  | 'reaches a serial once'
  | 'takes anyone'
  | 'forgets what others read'
  | 'mixes clusters'
  | 'the last of a serial wins'
  | 'throws for strangers'
  | 'dies of a burst'
  | 'speaks after close'
  | 'calls back at once'

/** Which fault each case must notice, by the beginning of its name. */
const NOTICED: Readonly<Record<string, Fault>> = {
  'three nodes': 'does not reach serial 3',
  'frames arrive whole': 'cuts frames',
  'frames on one link': 'reverses each turn',
  'a received frame': 'shares bytes',
  'a lost link': 'tells one end',
  'up and down': 'tells up twice',
  'a peer that closes': 'does not tell of a close',
  'a peer that comes back': 'reaches a serial once',
  'each learns': 'forgets what others read',
  'who is not among': 'takes anyone',
  'another cluster': 'mixes clusters',
  'a second node': 'the last of a serial wins',
  'sending never': 'throws for strangers',
  'a burst': 'dies of a burst',
  closing: 'speaks after close',
}

describe('network cases', () => {
  for (const networkCase of networkCases) {
    it(`a right network passes: ${networkCase.name}`, () =>
      networkCase.run(async () => new Wire('none')))

    it(`a wrong network fails: ${networkCase.name}`, async () => {
      const begins = Object.keys(NOTICED).find((start) => networkCase.name.startsWith(start)) ?? ''
      const fault = NOTICED[begins]
      expect(fault, 'no fault is planted for this case').toBeDefined()
      if (fault === undefined) return
      await expect(networkCase.run(async () => new Wire(fault))).rejects.toThrow()
    })

    it(`a network that calls back at once fails: ${networkCase.name}`, async () => {
      await expect(networkCase.run(async () => new Wire('calls back at once'))).rejects.toThrow()
    })
  }
})

/** What connects the test networks, with one fault. */
class Wire implements NetworkFixture {
  readonly fault: Fault
  readonly frameMaxBytes = 2 ** 20
  readonly keepsOrder = true
  readonly waitMs: number
  readonly quietMs = 20
  ends: WireEnd[] = []
  readonly reachedOnce = new Set<NodeSerial>()

  constructor(fault: Fault) {
    this.fault = fault
    this.waitMs = fault === 'none' ? 5000 : 250
  }

  open(): { network: Network; address(): string } {
    return { network: new WireEnd(this), address: () => '' }
  }

  async dispose(): Promise<void> {}

  later(call: () => void): void {
    if (this.fault === 'calls back at once') call()
    else setImmediate(call)
  }

  relink(): void {
    for (const a of this.ends) {
      for (const b of this.ends) {
        if (a === b) continue
        const up = a.knows(b) && b.knows(a)
        if (up !== a.links.has(b)) a.link(b, up)
      }
    }
  }
}

class WireEnd implements Network {
  readonly links = new Set<WireEnd>()
  readonly #wire: Wire
  #self: NetworkSelf | undefined
  #listener: NetworkListener | undefined
  #peers: readonly PeerAddress[] = []
  #turn: (() => void)[] = []
  #sent = 0
  #closed = false

  constructor(wire: Wire) {
    this.#wire = wire
  }

  get serial(): NodeSerial | undefined {
    return this.#self?.serial
  }

  async start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    const { ends, fault } = this.#wire
    const twin = ends.find((end) => end.serial === self.serial)
    if (twin !== undefined && fault !== 'the last of a serial wins') throw new Error('taken')
    if (fault === 'reaches a serial once' && this.#wire.reachedOnce.has(self.serial)) return
    this.#wire.reachedOnce.add(self.serial)
    this.#self = self
    this.#listener = listener
    if (fault === 'calls back at once') listener.refused(undefined, 'NOTHING', 'from inside start')
    this.#wire.ends = [...ends.filter((end) => end !== twin), this]
  }

  knows(other: WireEnd): boolean {
    if (this.#wire.fault === 'takes anyone') return true
    const clusters =
      Buffer.compare(
        this.#self?.cluster ?? new Uint8Array(),
        other.#self?.cluster ?? new Uint8Array(),
      ) === 0
    if (!clusters && this.#wire.fault !== 'mixes clusters') return false
    return this.#peers.some((peer) => peer.serial === other.serial)
  }

  connect(peers: readonly PeerAddress[]): void {
    this.#peers = peers
    for (const other of this.#wire.ends) {
      const cluster = other.#self?.cluster ?? new Uint8Array()
      const isPeer = peers.some((peer) => peer.serial === other.serial)
      const isForeign = Buffer.compare(cluster, this.#self?.cluster ?? new Uint8Array()) !== 0
      if (isPeer && isForeign)
        this.#wire.later(() => this.#listener?.refused(other.serial, 'INVALID_ARGUMENT', 'cluster'))
    }
    this.#wire.relink()
  }

  link(other: WireEnd, up: boolean): void {
    const { fault } = this.#wire
    if (up) this.links.add(other)
    else this.links.delete(other)
    if (fault === 'tells one end' && !up && (this.serial ?? 0) > (other.serial ?? 0)) return
    if (fault === 'does not tell of a close' && !up && other.#closed) return
    const peer = other.serial
    if (peer === undefined) return
    this.#wire.later(() => {
      const { frameVersion = 1 } = other.#self ?? {}
      const told = fault === 'forgets what others read' ? undefined : frameVersion
      this.#listener?.link(peer, up, told)
      if (up && fault === 'tells up twice') this.#listener?.link(peer, up)
    })
  }

  send(to: NodeSerial, frame: Bytes): void {
    const { fault } = this.#wire
    const target = [...this.links].find((end) => end.serial === to)
    if (target === undefined && fault === 'throws for strangers') throw new Error('who?')
    const from = this.serial
    if (target === undefined || from === undefined) return
    if (fault === 'does not reach serial 3' && to === 3) return
    this.#sent++
    if (fault === 'dies of a burst' && this.#sent > 10_000) return
    const cut = fault === 'cuts frames' ? frame.slice(0, 65_535) : frame.slice()
    const sent = fault === 'shares bytes' ? frame : cut
    this.#turn.push(() => {
      if (!target.#closed || fault === 'speaks after close') target.#listener?.receive(from, sent)
    })
    if (this.#turn.length === 1) this.#wire.later(() => this.#deliver())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wire.ends = this.#wire.ends.filter((end) => end !== this)
    for (const end of this.#wire.ends) if (end.links.has(this)) end.link(this, false)
    if (this.#wire.fault !== 'speaks after close') this.#listener = undefined
  }

  #deliver(): void {
    const turn = this.#turn
    this.#turn = []
    if (this.#wire.fault === 'reverses each turn') turn.reverse()
    for (const deliver of turn) deliver()
  }
}
