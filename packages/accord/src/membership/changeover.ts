/**
 * From one epoch to the next (`protocol.md` 10.3 D and E, 10.4): a node that holds the end of an
 * epoch opens the next one, finishes the old one by executing its tail, and, when the new one is
 * without it, serves until the others have what it has.
 */

import type { Context } from '../context.ts'
import type { EpochEnd } from '../message/message.ts'
import type { Peers } from '../progress/peers.ts'
import type { ProgressLog } from '../progress/progress-log.ts'
import { sameEnd } from './same-end.ts'
import { stop } from '../stop.ts'
import { epoch, type Epoch } from '../time/timestamp.ts'
import type { DecidedEntry } from '../message/message.ts'
import { floorAfter } from './epoch-closing.ts'
import { configurationAfter } from './reconfig.ts'

/** What a changeover has at hand. */
export interface ChangeoverParts {
  readonly context: Context
  readonly peers: Peers
  readonly progress: ProgressLog
  /** The next epoch is open here. */
  readonly opened: () => void
  /** Everything of this epoch is executed here: its ids are closed. */
  readonly finished: (of: Epoch) => void
}

/** Ends are taken over in their order; each opens or finishes at most one epoch. */
export class Changeover {
  readonly #parts: ChangeoverParts
  #mayStop = false

  constructor(parts: ChangeoverParts) {
    this.#parts = parts
    this.#follow()
  }

  /** Whether nobody needs this node any more: it was removed, and its duty is done. */
  get mayStop(): boolean {
    return this.#mayStop
  }

  /**
   * The end of an epoch: that of the open one opens the next, an earlier one is kept where it is
   * still to be executed. False for a later one, which is of no use yet.
   */
  take(end: EpochEnd): boolean {
    const { context } = this.#parts
    const { epochs, succession } = context
    const known = succession.end(end.epoch)
    if (known !== undefined) {
      if (!sameEnd(known, end))
        stop(context, { code: 'NODE_FAILED', why: `epoch ${end.epoch} has two ends` })
      return true
    }
    if (end.epoch > epochs.open.epoch) return false
    if (end.epoch === epochs.open.epoch) this.#open(end)
    else if (end.epoch >= succession.executing) succession.add(end, undefined)
    return true
  }

  /** Every end there is, as far as each follows the one before. */
  takeAll(ends: readonly EpochEnd[]): void {
    for (const end of ends) if (!this.#parts.context.stopped) this.take(end)
  }

  /** Finishes what can be finished. After every step. */
  review(): void {
    const { context, finished } = this.#parts
    const { succession } = context
    for (;;) {
      const end = succession.end(succession.executing)
      if (end === undefined || context.stopped) return
      const rest = end.tail.filter((entry) => !this.#isApplied(entry))
      for (const { id } of rest) this.#expedite(id)
      if (rest.length > 0) return
      const of = succession.executing
      context.floors.closeEpoch(floorAfter(end.reconfig.id))
      succession.finish()
      context.out.notice({ kind: 'epochFinished', epoch: of })
      finished(of)
      this.#follow()
    }
  }

  /**
   * A removed node may stop once q voters of the open epoch have durably finished the last epoch
   * that it was a member of: one alone may be lost again (`protocol.md` 10.3 E).
   */
  reviewDuty(): void {
    const { context, peers } = this.#parts
    const { epochs } = context
    if (epochs.role !== 'removed' || this.#mayStop) return
    const last = epochs.lastOf(context.self)
    // It was none yet: it waits to become one.
    if (last === 0) return
    const { voters, sizes } = epochs.open
    const safe = voters.filter((voter) => {
      const heartbeat = peers.has(voter) ? peers.get(voter).heartbeat : undefined
      return heartbeat !== undefined && heartbeat.finishedEpoch >= last
    })
    if (safe.length < sizes.q) return
    this.#mayStop = true
    context.out.notice({ kind: 'removed', epoch: epochs.open.epoch, mayStop: true })
  }

  #open(end: EpochEnd): void {
    const { context, opened } = this.#parts
    const { epochs, succession, clock, floors } = context
    for (const { executeAt } of end.tail) clock.observe(executeAt)
    const configuration = configurationAfter(epochs.open.configuration, end.members)
    floors.raise(floorAfter(end.reconfig.id))
    succession.add(end, configuration)
    epochs.add(configuration)
    this.#follow()
    context.out.notice({ kind: 'configuration', configuration })
    if (epochs.role === 'removed')
      context.out.notice({ kind: 'removed', epoch: configuration.epoch, mayStop: false })
    opened()
  }

  /** Who is listened to: the members of the open epoch, and of those that still matter here. */
  #follow(): void {
    const { context, peers } = this.#parts
    const { epochs, succession } = context
    const from = Math.max(1, succession.executing - 1)
    epochs.forgetBelow(epoch(Math.max(1, Math.min(from, epochs.open.epoch - 16))))
    peers.follow(epochs.othersSince(from), context.now.elapsed)
  }

  #isApplied({ id, executeAt, keys }: DecidedEntry): boolean {
    const { ledger, marks } = this.#parts.context
    return ledger.get(id)?.applied === true || marks.covers(keys, executeAt)
  }

  #expedite(id: DecidedEntry['id']): void {
    const { context, progress } = this.#parts
    const record = context.ledger.get(id)
    if (record?.outcome === undefined) progress.blocks(id, record !== undefined)
  }
}
