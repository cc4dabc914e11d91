/**
 * What a node knows of its own condition: from the core's notices, the peers' heartbeats and its
 * own failures.
 */

import {
  isVoter,
  type MemberEntry,
  type Message,
  type NodeSerial,
  type Notice,
  type ReplicaStatus,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { LogPosition } from '../contract/executor.ts'
import type { Logger } from '../contract/observe.ts'
import type { Roster } from '../membership/roster.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import type { Member, NodePhase } from './status.ts'
import { quorumOf } from './status.ts'
import { COUNTER_OF, noCounters, type Counters } from './counters.ts'

/** For how long a refusal of our clock counts as an explanation. */
const CLOCK_REFUSAL_MS = 10_000

/** What health is judged by. */
export interface HealthParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly roster: Roster
  readonly peerSilentMs: number
  /** False when the store's reserve is touched. */
  readonly hasRoom: () => boolean
  /** The phase, or its reason, changed. */
  readonly changed: () => void
}

/** A phase and, unless it is `ready`, why. */
export interface Condition {
  readonly phase: NodePhase
  readonly reason: string | undefined
}

interface Peer {
  heardAt: number | undefined
  /** As its first heartbeat since open said. */
  firstPosition: LogPosition | undefined
  isUp: boolean
}

/** One owner for everything that decides whether calls are taken. */
export class NodeHealth {
  readonly counters: Counters = noCounters()
  readonly #parts: HealthParts
  readonly #peers = new Map<NodeSerial, Peer>()
  readonly #suspected = new Set<NodeSerial>()
  #life: 'starting' | 'running' | 'closing' | 'closed' = 'starting'
  #failure: SyneviError | undefined
  #diverged: string | undefined
  #blocked: string | undefined
  #clockRefusal: { readonly peer: NodeSerial; readonly at: number } | undefined
  #clockLoggedAt = Number.NEGATIVE_INFINITY
  readonly #offsets = new Map<NodeSerial, number>()
  #networkRefusal: string | undefined
  #networkRefusalCode: string | undefined
  #last: string = 'starting'

  constructor(parts: HealthParts) {
    this.#parts = parts
    this.#meetPeers()
  }

  /** The roster changed: who went is not waited for, who came has yet to be heard. */
  membersChanged(): void {
    this.#meetPeers()
    this.check()
  }

  /** Why this node has no place in its cluster any more; undefined while it has one. */
  get removal(): SyneviError | undefined {
    const { roster } = this.#parts
    if (roster.role !== 'removed') return undefined
    const why = `serial ${roster.self}, this node, is no member of epoch ${roster.epoch} any more`
    return new SyneviError('MEMBERSHIP_REMOVED', why, { definite: true })
  }

  condition(): Condition {
    if (this.#life === 'closed') return { phase: 'closed', reason: 'it was closed' }
    if (this.#failure !== undefined) return { phase: 'failed', reason: this.#failure.message }
    if (this.#life === 'closing') return { phase: 'closing', reason: 'it is being closed' }
    const { removal } = this
    if (removal !== undefined) return { phase: 'readOnly', reason: removal.message }
    if (this.#diverged !== undefined) return { phase: 'readOnly', reason: this.#diverged }
    if (this.#life === 'starting') {
      const phase = this.#parts.roster.role === 'learner' ? 'joining' : 'starting'
      return { phase, reason: this.whyNotReady() }
    }
    if (this.#blocked !== undefined) return { phase: 'blocked', reason: this.#blocked }
    const { reachable, needed } = this.quorum()
    if (reachable < needed)
      return { phase: 'noQuorum', reason: `${reachable} of the ${needed} members needed answer` }
    if (!this.#parts.hasRoom())
      return { phase: 'readOnly', reason: 'the reserve of the disk is touched' }
    return { phase: 'ready', reason: undefined }
  }

  /** Says so when the condition is another than before. */
  check(): void {
    const { phase, reason } = this.condition()
    const now = phase === 'starting' || phase === 'joining' ? phase : `${phase} ${reason}`
    if (now === this.#last) return
    this.#last = now
    this.#parts.changed()
  }

  get failure(): SyneviError | undefined {
    return this.#failure
  }

  quorum(): {
    readonly voters: number
    readonly needed: number
    readonly fast: number
    readonly reachable: number
  } {
    const { voters } = this.#parts.roster
    const reachable = voters.filter(({ serial }) => !this.#suspected.has(serial)).length
    return { ...quorumOf(voters.length), reachable }
  }

  /** Why a submission is not taken in, or undefined. Definite: nothing was begun. */
  refusalToSubmit(): SyneviError | undefined {
    const refusal = this.refusalToRead() ?? this.removal
    if (refusal !== undefined) return refusal
    const { phase, reason } = this.condition()
    switch (phase) {
      case 'noQuorum':
        return refuse('NO_QUORUM', `${reason}; local reads go on`)
      case 'readOnly':
        return refuse('STORE_FULL', `${reason}; reads go on`)
      case 'blocked':
        return refuse('NOT_READY', reason ?? 'blocked')
      case 'starting':
      case 'joining':
        return refuse('NOT_READY', reason ?? phase)
      default:
        return undefined
    }
  }

  /** Why the state here may not be read, or undefined. */
  refusalToRead(): SyneviError | undefined {
    const { phase, reason } = this.condition()
    if (phase === 'closed' || phase === 'closing') return refuse('CLOSED', reason ?? phase)
    if (this.#failure !== undefined) {
      const { code, message } = this.#failure
      const fields = { definite: true, retryable: true, cause: this.#failure }
      return new SyneviError(code, message, fields)
    }
    return this.#diverged === undefined ? undefined : refuse('DIVERGED', this.#diverged)
  }

  fail(error: SyneviError): void {
    this.#failure ??= error
    this.check()
  }

  ready(): void {
    if (this.#life === 'starting') this.#life = 'running'
    this.check()
  }

  closing(): void {
    this.#life = 'closing'
    this.check()
  }

  closed(): void {
    this.#life = 'closed'
    this.check()
  }

  blocked(why: string): void {
    this.#blocked = why
    this.#parts.logger.error(
      { why },
      'blocked: nothing more is applied until a restart with that executor',
    )
    this.check()
  }

  link(peer: NodeSerial, up: boolean): void {
    const known = this.#peers.get(peer)
    if (known !== undefined) known.isUp = up
    this.#parts.logger.info({ peer }, up ? 'connected' : 'disconnected')
  }

  networkRefused(peer: NodeSerial | undefined, code: string, why: string): void {
    this.#networkRefusal = `${code}: ${why}`
    this.#networkRefusalCode = code
    this.#parts.logger.warn({ peer, code, why }, 'a connection was refused')
  }

  heard(peer: NodeSerial, messages: readonly Message[]): void {
    const known = this.#peers.get(peer)
    if (known === undefined) return
    known.heardAt = this.#parts.clock.now().elapsed
    if (known.firstPosition !== undefined) return
    for (const message of messages) {
      if (message.kind === 'heartbeat') known.firstPosition ??= message.applied.position
    }
  }

  /** Where a quorum's members stood when first heard; undefined until enough were. */
  targetPosition(): LogPosition | undefined {
    const { roster } = this.#parts
    const heard = roster.voters.flatMap(
      ({ serial }) => this.#peers.get(serial)?.firstPosition ?? [],
    )
    const own = roster.role === 'voter' ? 1 : 0
    if (heard.length + own < this.quorum().needed) return undefined
    return heard.reduce((most, position) => (position > most ? position : most), 0n)
  }

  whyNotReady(): string {
    const missing = [...this.#peers]
      .filter(([, peer]) => peer.firstPosition === undefined)
      .map(([serial]) => serial)
    const unheard =
      missing.length === 0 ? 'all peers answer' : `no heartbeat yet of ${missing.join(', ')}`
    const refused =
      this.#networkRefusal === undefined ? '' : `; last refused connection: ${this.#networkRefusal}`
    return `not yet ready: ${unheard}${refused}`
  }

  /** What a deadline of open means: another is in this place, or too few members answer. */
  whyNotOpened(error: unknown): unknown {
    if (!isSyneviError(error, 'TIMEOUT') || this.targetPosition() !== undefined) return error
    const code = this.#networkRefusalCode === 'SERIAL_TAKEN' ? 'SERIAL_TAKEN' : 'NO_QUORUM'
    const retryable = code === 'NO_QUORUM'
    return new SyneviError(code, error.message, { definite: true, retryable, cause: error })
  }

  get isDiverged(): boolean {
    return this.#diverged !== undefined
  }

  /** The state here may not be read until it is repaired. */
  distrust(why: string): void {
    this.#diverged ??= why
    this.check()
  }

  repaired(): boolean {
    const was = this.isDiverged
    this.#diverged = this.#blocked = undefined
    return was
  }

  notice(notice: Notice): void {
    switch (notice.kind) {
      case 'decided':
        this.counters[COUNTER_OF[notice.path]]++
        return
      case 'invalidated':
        this.counters.invalidated++
        return
      case 'suspected': {
        const { peer, suspected } = notice
        this.#suspected[suspected ? 'add' : 'delete'](peer)
        this.#parts.logger.info({ peer, suspected }, 'suspicion changed')
        return this.check()
      }
      case 'stale': {
        const { peer, stale } = notice
        const said = stale ? 'is not kept for a member that is stale' : 'is kept for a member again'
        this.#parts.logger.warn({ peer }, `the log ${said}`)
        return
      }
      // The replica that follows suspects nobody, until it says so.
      case 'restartedInPlace':
        this.#suspected.clear()
        return this.check()
      case 'diverged':
        this.#parts.logger.error({ position: notice.position }, 'diverged')
        this.distrust(`results here differ from the majority's at position ${notice.position}`)
        return
      case 'refusedByPeer':
        if (notice.reason === 'tooFarAhead') this.#clockRefused(notice.peer)
        return
      case 'clockOffset':
        this.#offsets.set(notice.peer, notice.offsetMs)
        return
      case 'rejected':
        this.counters.rejectedMessages++
        this.#parts.logger.warn({ from: notice.from, what: notice.what }, 'refused a message')
        return
      default:
        return
    }
  }

  /** What may keep transactions from succeeding, for error messages. */
  suspicion(): string | undefined {
    const refusal = this.#clockRefusal
    if (refusal === undefined || this.#parts.clock.now().elapsed - refusal.at > CLOCK_REFUSAL_MS)
      return undefined
    const words = this.#clockWords(refusal.peer)
    return `node ${refusal.peer} refuses what this node submits as too far in the future: ${words}`
  }

  member(entry: MemberEntry, status: ReplicaStatus | undefined, positions: Positions): Member {
    const peer = this.#peers.get(entry.serial)
    const measured = status?.peers.find((one) => one.serial === entry.serial)
    const applied = peer === undefined ? positions.own : measured?.position
    return {
      ...{
        id: entry.id,
        serial: entry.serial,
        address: entry.address,
        role: isVoter(entry) ? 'voter' : 'learner',
        state: this.#parts.roster.stateOf(entry),
        sinceEpoch: this.#parts.roster.sinceEpoch(entry.serial),
      },
      reachable: peer === undefined || this.#isReachable(peer),
      ...(measured === undefined
        ? {}
        : { rttMs: measured.rttMs, clockOffsetMs: measured.clockOffsetMs }),
      ...(measured?.stale === true ? { stale: true } : {}),
      ...(applied === undefined ? {} : { applied, lagTransactions: positions.farthest - applied }),
    }
  }

  isSuspected(peer: NodeSerial): boolean {
    return this.#suspected.has(peer)
  }

  /** A peer that stays keeps what is known of it. */
  #meetPeers(): void {
    const { roster } = this.#parts
    for (const serial of this.#peers.keys()) {
      if (roster.isPeer(serial)) continue
      this.#peers.delete(serial)
      this.#suspected.delete(serial)
      this.#offsets.delete(serial)
    }
    for (const { serial } of roster.peers) {
      if (!this.#peers.has(serial))
        this.#peers.set(serial, { heardAt: undefined, firstPosition: undefined, isUp: false })
    }
  }

  #isReachable(peer: Peer): boolean {
    if (peer.heardAt === undefined) return false
    return this.#parts.clock.now().elapsed - peer.heardAt < this.#parts.peerSilentMs
  }

  #clockRefused(peer: NodeSerial): void {
    const now = this.#parts.clock.now().elapsed
    this.#clockRefusal = { peer, at: now }
    if (now - this.#clockLoggedAt < CLOCK_REFUSAL_MS) return
    this.#clockLoggedAt = now
    const offsetMs = this.#offsets.get(peer)
    this.#parts.logger.error(
      { peer, offsetMs },
      'peers refuse our transactions as too far in the future: set the clock',
    )
  }

  #clockWords(peer: NodeSerial): string {
    const offsetMs = this.#offsets.get(peer)
    return offsetMs === undefined
      ? 'compare the clocks'
      : `the clocks differ by ${Math.abs(Math.round(offsetMs))} ms`
  }
}

/** What `lagTransactions` is measured against. */
export interface Positions {
  readonly own: LogPosition
  readonly farthest: LogPosition
}

function refuse(
  code: 'CLOSED' | 'DIVERGED' | 'NO_QUORUM' | 'STORE_FULL' | 'NOT_READY',
  why: string,
): SyneviError {
  return new SyneviError(code, `this node does not take it: ${why}`, {
    definite: true,
    retryable: true,
  })
}
