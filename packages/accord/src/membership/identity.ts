/**
 * Whether a store may still vote under its serial (`protocol.md` 3.5): a store that was wiped, lost
 * or rolled back has forgotten promises. Each remembers whose store it has seen and how far that
 * had written.
 */

import type { Context } from '../context.ts'
import { stop } from '../stop.ts'
import type { Amnesia, Heartbeat } from '../message/message.ts'
import type { Peers } from '../progress/peers.ts'
import type { DurableState, PeerIdentity } from '../ready.ts'
import { sameBytes } from '../replicate/on-stable.ts'
import type { NodeSerial } from '../time/timestamp.ts'

const CURE = 'its forgotten votes are not safe: bring this member back under a new serial'

/** What is known of the stores of this cluster, this one among them. */
export class Identity {
  readonly #context: Context
  readonly #peers: Peers
  readonly #storeId: Uint8Array
  readonly #known = new Map<NodeSerial, PeerIdentity>()
  /** What of it is durable: only that is told. */
  readonly #remembered = new Map<NodeSerial, PeerIdentity>()
  /**
   * Changed since the last drain; rides with the next write, or is one when a store was first seen.
   */
  readonly #changed = new Set<NodeSerial>()
  #urgent = false
  #admitted: boolean
  #admittedNow = false
  readonly #admittedBy = new Set<NodeSerial>()
  /** Of this store: the number of durable writes. */
  durableSeq: bigint

  constructor(context: Context, peers: Peers, durable: DurableState) {
    this.#context = context
    this.#peers = peers
    this.#storeId = durable.storeId
    this.#admitted = durable.admitted
    this.durableSeq = durable.durableSeq
    for (const peer of durable.peers) this.#known.set(peer.serial, peer)
    this.peersStored(durable.peers)
    this.opened()
  }

  get storeId(): Uint8Array {
    return this.#storeId
  }

  /** Whether this node votes and coordinates: enough others remember its store. */
  get isAdmitted(): boolean {
    return this.#admitted
  }

  /**
   * An epoch is open. If it names the store of this node, that is admitted, or it is another and
   * must not speak.
   */
  opened(): void {
    const named = this.#namedStore(this.#context.self)
    if (named !== undefined && !sameBytes(named, this.#storeId)) {
      const why = 'the configuration names another store under this serial: this one is new'
      stop(this.#context, { code: 'AMNESIA', why: `${why}; ${CURE}` })
      return
    }
    this.#reviewAdmission()
  }

  /** The storeId under which a member is known for good; undefined when none is. */
  storeOf(serial: NodeSerial): Uint8Array | undefined {
    if (serial === this.#context.self) return this.#admitted ? this.#storeId : undefined
    return this.#namedStore(serial) ?? this.#remembered.get(serial)?.storeId
  }

  /** The storeId under which a peer is durably known here; empty when none is. */
  rememberedStoreId(serial: NodeSerial): Uint8Array {
    return this.#remembered.get(serial)?.storeId ?? new Uint8Array(0)
  }

  /** The write that holds them is durable. Those remembered for the first time, by serial. */
  peersStored(peers: readonly PeerIdentity[]): readonly NodeSerial[] {
    const fresh = peers.filter(({ serial }) => !this.#remembered.has(serial))
    for (const peer of peers) this.#remembered.set(peer.serial, peer)
    return fresh.map(({ serial }) => serial)
  }

  /**
   * False when the sender's store is not the one known under its serial, or lies behind it: it is
   * told so.
   */
  onHeartbeat(from: NodeSerial, message: Heartbeat): boolean {
    const known = this.#expected(from)
    const { storeId, durableSeq } = message
    const peer = this.#peers.get(from)
    if (
      known !== undefined &&
      (!sameBytes(known.storeId, storeId) || durableSeq < known.durableSeq)
    ) {
      // A heartbeat that overtook a later one is no amnesia: within one life only the store's name
      // tells.
      if (
        sameBytes(known.storeId, storeId) &&
        peer.heartbeat !== undefined &&
        peer.linkUp !== false
      )
        return true
      peer.distrusted = true
      this.#context.out.atOnce(from, {
        kind: 'amnesia',
        storeId: known.storeId,
        durableSeq: known.durableSeq,
      })
      this.#context.out.notice({
        kind: 'rejected',
        from,
        what: 'AMNESIA: its store is not the one known under its serial',
      })
      return false
    }
    peer.distrusted = false
    const isNew = known === undefined || known !== this.#known.get(from)
    if (isNew || known.durableSeq < durableSeq) {
      this.#known.set(from, { serial: from, storeId, durableSeq })
      this.#changed.add(from)
      if (isNew) this.#urgent = true
    }
    if (!this.#admitted && sameBytes(message.knownStoreId, this.#storeId)) {
      this.#admittedBy.add(from)
      this.#reviewAdmission()
    }
    return true
  }

  /**
   * A peer remembers another store, or a later state of this one. One that is mistaken about nobody
   * stops us.
   */
  onAmnesia(from: NodeSerial, message: Amnesia): void {
    const other = !sameBytes(message.storeId, this.#storeId)
    if (!other && message.durableSeq <= this.durableSeq) return
    const what = other
      ? 'another store under this serial: this one is new or was replaced'
      : `write ${message.durableSeq} of this store, which was rolled back to ${this.durableSeq}`
    stop(this.#context, { code: 'AMNESIA', why: `node ${from} remembers ${what}; ${CURE}` })
  }

  /**
   * What to write: peers that changed, when something else is written anyway or a store was first
   * seen.
   */
  takeWrites(ridesAlong: boolean): { peers: readonly PeerIdentity[]; admitted: boolean } {
    const admitted = this.#admittedNow
    this.#admittedNow = false
    if (!ridesAlong && !this.#urgent && !admitted) return { peers: [], admitted: false }
    const peers = [...this.#changed]
      .sort((a, b) => a - b)
      .flatMap((serial) => this.#known.get(serial) ?? [])
    this.#changed.clear()
    this.#urgent = false
    return { peers, admitted }
  }

  /** What was heard of its store; a name in the configuration is stronger. */
  #expected(serial: NodeSerial): PeerIdentity | undefined {
    const seen = this.#known.get(serial)
    const named = this.#namedStore(serial)
    if (named === undefined || (seen !== undefined && sameBytes(named, seen.storeId))) return seen
    return { serial, storeId: named, durableSeq: 0n }
  }

  #namedStore(serial: NodeSerial): Uint8Array | undefined {
    return this.#context.epochs.open.member(serial)?.storeId
  }

  /**
   * By the configuration that names it (ADR 0030). In the first epoch also by f+1 others, who
   * remember it durably: any two sets of so many share a member, so a store that voted and another
   * under its serial are never both admitted (ADR 0019).
   */
  #reviewAdmission(): void {
    const { epochs, self } = this.#context
    const { support, n } = epochs.open.sizes
    if (this.#admitted || epochs.role !== 'voter') return
    if (this.#namedStore(self) === undefined) {
      if (n > 1 && epochs.open.epoch > 1) return
      if (this.#admittedBy.size < Math.min(support, n - 1)) return
    }
    this.#admitted = true
    this.#admittedNow = true
    this.#context.out.notice({ kind: 'admitted' })
  }
}
