/**
 * Learners that have caught up become voters (`protocol.md` 10.6, ADR 0029): by any voter, the one
 * with the least serial first; two that do it at once are told apart by the epoch they expect.
 */

import { millis, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { Peers } from '../progress/peers.ts'
import { isVoter, type MemberEntry } from '../topology/configuration.ts'
import { isEpochClosing } from '../replicate/on-raise-floor.ts'
import type { NodeSerial, TxnId } from '../time/timestamp.ts'
import type { ReconfigTxn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { hasQuorum, isCaughtUp, type ReachParts } from './reachable.ts'

/** What a promotion has at hand. */
export interface PromotionParts {
  readonly context: Context
  readonly peers: Peers
  readonly position: () => bigint
  /** The store that speaks under the serial, durably known; undefined when none does. */
  readonly storeOf: (serial: NodeSerial) => Uint8Array | undefined
  /** Orders a Reconfig of this node's own. */
  readonly submit: (txn: ReconfigTxn) => TxnId
}

/** Learners that can be voters together wait so many times longer for one that cannot yet. */
const PARTNER_PATIENCE = 6

/** Looks at the learners with each heartbeat of this node. */
export class Promotion {
  readonly #parts: PromotionParts
  /** Since when a learner has been caught up without a break. */
  readonly #readySince = new Map<NodeSerial, Millis>()
  /** Ordered by this node, and without an outcome. */
  #ordered: TxnId | undefined

  constructor(parts: PromotionParts) {
    this.#parts = parts
  }

  /** With this node's own heartbeats. */
  review(): void {
    const { context, submit } = this.#parts
    const { epochs, limits, succession } = context
    if (limits.promoteAfterMs === 0 || epochs.role !== 'voter') return
    const learners = epochs.open.configuration.members.filter((member) => !isVoter(member))
    this.#follow(learners)
    if (succession.pending !== undefined || this.#ordered !== undefined) return
    if (isEpochClosing(context) || !context.features.enabled('epochs')) return
    const ready = learners.filter((learner) => this.#isReady(learner))
    if (ready.length === 0 || (ready.length < learners.length && !this.#isPatienceOver())) return
    const members = this.#promoted(ready)
    if (members === undefined || !hasQuorum(this.#reach(), members)) return
    this.#ordered = submit({ kind: 'reconfig', expectEpoch: epochs.open.epoch, members })
  }

  /** A record changed: what this node ordered was executed, or never happens. */
  changed({ id, outcome, applied }: TxnRecord): void {
    if (id === this.#ordered && (applied || outcome?.kind === 'invalidated'))
      this.#ordered = undefined
  }

  /** Another epoch is open: what was ordered in an earlier one has no effect any more. */
  opened(): void {
    this.#ordered = undefined
    this.#readySince.clear()
  }

  /** For images. */
  image(): unknown {
    return [[...this.#readySince].sort(([a], [b]) => a - b), this.#ordered]
  }

  #follow(learners: readonly MemberEntry[]): void {
    const { elapsed } = this.#parts.context.now
    const reach = this.#reach()
    for (const serial of this.#readySince.keys()) {
      if (!learners.some((learner) => learner.serial === serial)) this.#readySince.delete(serial)
    }
    for (const { serial } of learners) {
      if (!isCaughtUp(reach, serial)) this.#readySince.delete(serial)
      else if (!this.#readySince.has(serial)) this.#readySince.set(serial, elapsed)
    }
  }

  /** Long enough, and a little longer at each voter that would do it later. */
  #isReady({ serial }: MemberEntry): boolean {
    const since = this.#readySince.get(serial)
    if (since === undefined) return false
    const { context } = this.#parts
    const rank = context.epochs.open.voters.indexOf(context.self)
    const wait = context.limits.promoteAfterMs + rank * 2 * context.limits.heartbeatMs
    return context.now.elapsed - since >= wait
  }

  /** Whether those that are ready have waited long enough for the others: one step avoids n=2. */
  #isPatienceOver(): boolean {
    const { context } = this.#parts
    const wait = millis(PARTNER_PATIENCE * context.limits.promoteAfterMs)
    return [...this.#readySince.values()].some((since) => context.now.elapsed - since >= wait)
  }

  /** The learners as voters, their stores named, without those whom they replace. */
  #promoted(ready: readonly MemberEntry[]): readonly MemberEntry[] | undefined {
    const { context, storeOf } = this.#parts
    const replaced = new Set(ready.flatMap(({ replaces }) => replaces ?? []))
    const members: MemberEntry[] = []
    for (const member of context.epochs.open.configuration.members) {
      if (replaced.has(member.serial)) continue
      const storeId = member.storeId ?? storeOf(member.serial)
      const named = storeId === undefined ? member : { ...member, storeId }
      if (!ready.includes(member)) {
        members.push(named)
        continue
      }
      if (storeId === undefined) return undefined
      const { serial, id, address } = member
      members.push({ serial, id, address, storeId })
    }
    return members
  }

  #reach(): ReachParts {
    const { context, peers, position } = this.#parts
    return { context, peers, position: position() }
  }
}
