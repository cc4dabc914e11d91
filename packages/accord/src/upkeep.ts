/**
 * What goes on between members though nobody submits anything: heartbeats, suspicion, comparison,
 * catch-up.
 */

import { millis, type Millis } from './brand.ts'
import type { Context } from './context.ts'
import type { Coordination } from './coordinate/coordination.ts'
import type { Lead } from './coordinate/round.ts'
import type { Divergence } from './execute/divergence.ts'
import type { Identity } from './membership/identity.ts'
import type { Membership } from './membership/membership.ts'
import type { Heartbeat } from './message/message.ts'
import { hearHeartbeat, heartbeatFor, type HeartbeatFacts } from './progress/heartbeat.ts'
import type { NodeSerial } from './time/timestamp.ts'
import { featuresIn } from './topology/features.ts'

/** How far this node is, beside what its heartbeats state. */
export interface Reach {
  /** Of the last execution, durable or not. */
  readonly position: bigint
  /** Decided and waiting. */
  readonly unapplied: number
}

/** What upkeep has at hand. */
export interface UpkeepParts {
  readonly context: Context
  readonly lead: Lead
  readonly coordination: Coordination
  readonly identity: Identity
  readonly divergence: Divergence
  readonly membership: Membership
  /** Durable facts. */
  readonly facts: () => HeartbeatFacts
  readonly reach: () => Reach
}

/** Sends heartbeats, hears them, and acts on what they and the links say. */
export class Upkeep {
  readonly #parts: UpkeepParts
  #heartbeatAt: Millis

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#heartbeatAt = parts.context.now.elapsed
  }

  /** When the next heartbeats are due. */
  get next(): Millis {
    return this.#heartbeatAt
  }

  /** A heartbeat, from a member; what its store's identity does not allow is not taken over. */
  hear(from: NodeSerial, message: Heartbeat): void {
    const { context, lead, identity, divergence, facts, reach } = this.#parts
    const { stragglers, changeover } = this.#parts.membership
    if (!identity.onHeartbeat(from, message)) return
    hearHeartbeat(context, lead.peers, { from, message })
    context.features.hear(from, message.features)
    divergence.compare(from, message.applied, facts().applied.position)
    lead.catchUp.review(reach())
    stragglers.onHeartbeat(from, message)
    changeover.reviewDuty()
    // Not among those who get heartbeats of themselves, and waiting for them (10.3 E).
    if (!context.epochs.open.isMember(from)) context.out.atOnce(from, this.#heartbeat(from))
  }

  /**
   * From a node that is no member of an epoch that still matters here: one that was removed while
   * it was away. It learns so, and then what it waits for before it may stop (10.3 E).
   */
  hearStranger(from: NodeSerial, message: Heartbeat): void {
    const { context } = this.#parts
    const { stragglers } = this.#parts.membership
    context.out.notice({ kind: 'rejected', from, what: 'not a peer' })
    if (message.openEpoch < context.epochs.open.epoch) stragglers.onHeartbeat(from, message)
    else context.out.atOnce(from, this.#heartbeat(from))
  }

  /** Stores are remembered here from now on: they learn it at once, not with the next heartbeat. */
  greet(peers: readonly NodeSerial[]): void {
    for (const peer of peers) this.#parts.context.out.atOnce(peer, this.#heartbeat(peer))
  }

  /** Peers learn at once what changed of features. */
  tellFeatures(): void {
    const { features, epochs, out } = this.#parts.context
    const { isNew, enabled } = features.takeNews()
    if (isNew) this.greet(epochs.open.peers)
    if (enabled !== 0) out.notice({ kind: 'enabled', features: featuresIn(enabled) })
  }

  /** A connection opened or closed. */
  link(peer: NodeSerial, up: boolean): void {
    const { context, lead, coordination } = this.#parts
    if (!lead.peers.has(peer)) return
    if (up) context.out.atOnce(peer, this.#heartbeat(peer))
    if (!lead.peers.link(context, peer, up)) return
    if (!up) lead.progress.suspected(peer)
    coordination.suspicionChanged()
  }

  /** Sends heartbeats when they are due, and looks at those of others. */
  wake(): void {
    const { context, lead, coordination, divergence, reach } = this.#parts
    const { stragglers, promotion } = this.#parts.membership
    const lateMs = context.now.elapsed - this.#heartbeatAt
    if (lateMs < 0) return
    // A node that stalled itself heard nobody, and what they said is still on its way.
    if (lateMs > context.limits.heartbeatMs) lead.peers.excuse(context, lateMs)
    this.#heartbeatAt = millis(context.now.elapsed + context.limits.heartbeatMs)
    const silent = lead.peers.takeSilent(context)
    for (const peer of silent) lead.progress.suspected(peer.serial)
    if (silent.length > 0) coordination.suspicionChanged()
    const { executing } = context.succession
    for (const peer of context.epochs.othersSince(executing))
      context.out.atOnce(peer, this.#heartbeat(peer))
    stragglers.remind()
    promotion.review()
    divergence.repeat()
    lead.catchUp.review(reach())
  }

  #heartbeat(to: NodeSerial): Heartbeat {
    const { context, lead, identity, facts } = this.#parts
    const receiver = { serial: to, knownStoreId: identity.rememberedStoreId(to) }
    return heartbeatFor({ context, peers: lead.peers }, receiver, facts())
  }
}
