/**
 * The reorder buffer (`protocol.md` 11, ADR 0028): a PreAccept waits until an earlier one of a
 * farther coordinator could be here, so that votes are cast in the order of ids. It moves the luck
 * of votes and nothing else: a held PreAccept is a late one, and one that is lost here is a lost
 * one.
 */

import { millis, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { PreAccept } from '../message/message.ts'
import { Deadlines } from '../time/deadlines.ts'
import { PeerLatency } from '../time/peer-latency.ts'
import {
  compareTimestamps,
  epochOf,
  nanosOf,
  type NodeSerial,
  type TxnId,
} from '../time/timestamp.ts'
import { onPreAccept } from './on-pre-accept.ts'

/** Held at once, at most: the least id goes when there are more. */
const HELD_MAX = 1_024
/** And so many bytes of payload. */
const HELD_BYTES_MAX = 16 * 1_048_576
/** Votes are counted for so long. */
const WINDOW_MS = 1_000
/** Fewer first votes in a window say nothing. */
const VOTES_MIN = 20
/** In percent: above it a buffer that adapts goes on, below the other it goes off. */
const ON_ABOVE = 5
const OFF_BELOW = 1

interface Held {
  readonly from: NodeSerial
  readonly message: PreAccept
}

/** What is known of one coordinator. */
interface Coordinator {
  /** From the birth of an id there to its arrival here, by the clock here: delay and offset. */
  readonly delay: PeerLatency
  lastAt: Millis
}

/** Of one replica. */
export class ReorderBuffer {
  readonly #context: Context
  readonly #held = new Map<TxnId, Held>()
  readonly #timers = new Deadlines<TxnId>()
  readonly #coordinators = new Map<NodeSerial, Coordinator>()
  #heldBytes = 0
  #isOn: boolean
  #windowEnds: Millis
  #votes = 0
  #noVotes = 0

  constructor(context: Context) {
    this.#context = context
    this.#isOn = context.limits.reorder === 'on'
    this.#windowEnds = millis(context.now.elapsed + WINDOW_MS)
  }

  next(): Millis | undefined {
    return this.#timers.next()
  }

  /** Holds it for a while, or hears it now: then behind every held one with a lower id. */
  take(from: NodeSerial, message: PreAccept): void {
    const context = this.#context
    if (context.limits.reorder === 'off') {
      onPreAccept(context, from, message)
      return
    }
    const { id } = message
    if (this.#held.has(id)) return
    // One that is sent again says nothing of the way.
    const isFirst = context.ledger.get(id)?.vote === undefined
    if (isFirst) this.#measure(from, id)
    const waitMs = isFirst && this.#isOn ? this.#waitMs(from, id) : 0
    if (waitMs <= 0) {
      this.#releaseBelow(id)
      this.#hear(from, message)
      return
    }
    this.#held.set(id, { from, message })
    this.#heldBytes += bytesOf(message)
    this.#timers.set(id, millis(context.now.elapsed + waitMs))
    this.#keepBounds()
  }

  /** Releases what has waited long enough, in the order of ids. */
  wake(): void {
    for (;;) {
      const id = this.#timers.takeDue(this.#context.now.elapsed)
      if (id === undefined) return
      this.#releaseBelow(id)
      this.#release(id)
    }
  }

  /** For images. */
  image(): unknown {
    const ids = [...this.#held.keys()].sort(compareTimestamps)
    return {
      held: ids.map((id) => [id, this.#held.get(id)?.from, this.#timers.at(id)]),
      coordinators: [...this.#coordinators]
        .sort(([a], [b]) => a - b)
        .map(([serial, { delay, lastAt }]) => [serial, delay.image(), lastAt]),
      on: [this.#isOn, this.#windowEnds, this.#votes, this.#noVotes],
    }
  }

  #measure(from: NodeSerial, id: TxnId): void {
    const { elapsed, wall } = this.#context.now
    let coordinator = this.#coordinators.get(from)
    if (coordinator === undefined) {
      coordinator = { delay: new PeerLatency(), lastAt: elapsed }
      this.#coordinators.set(from, coordinator)
    }
    coordinator.delay.measured(millis(Math.max(0, msBetween(nanosOf(id), wall))))
    coordinator.lastAt = elapsed
  }

  /**
   * Until nanos(id) + H, H being the longest delay of those who coordinated in the last second.
   * Nothing when no other coordinated within H, so that none is to be expected; nor when the
   * coordinator would not wait so long.
   */
  #waitMs(from: NodeSerial, id: TxnId): number {
    const { now, limits } = this.#context
    let longest = 0
    let lastOther = Number.NEGATIVE_INFINITY
    for (const [serial, { delay, lastAt }] of this.#coordinators) {
      if (now.elapsed - lastAt > WINDOW_MS) continue
      longest = Math.max(longest, delay.p95)
      if (serial !== from) lastOther = Math.max(lastOther, lastAt)
    }
    const horizon = Math.min(limits.reorderWaitMaxMs, longest)
    if (now.elapsed - lastOther > horizon) return 0
    const waitMs = horizon - msBetween(nanosOf(id), now.wall)
    return waitMs > limits.patienceMaxMs ? 0 : Math.min(waitMs, limits.reorderWaitMaxMs)
  }

  #releaseBelow(id: TxnId): void {
    const before = [...this.#held.keys()].filter((held) => held < id).sort(compareTimestamps)
    for (const each of before) this.#release(each)
  }

  #release(id: TxnId): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    this.#timers.clear(id)
    this.#heldBytes -= bytesOf(held.message)
    // Its epoch may have ended meanwhile: then it is lost, and will be sent again.
    if (epochOf(id) === this.#context.epochs.open.epoch) this.#hear(held.from, held.message)
  }

  /** Judged now: by the floor and the bounds that hold now. Counts the vote if it is the first. */
  #hear(from: NodeSerial, message: PreAccept): void {
    const { ledger } = this.#context
    const before = ledger.get(message.id)?.vote
    onPreAccept(this.#context, from, message)
    const vote = ledger.get(message.id)?.vote
    if (before !== undefined || vote === undefined) return
    this.#votes += 1
    if (!vote.yes) this.#noVotes += 1
    this.#adapt()
  }

  #adapt(): void {
    const { now, limits, out } = this.#context
    if (now.elapsed < this.#windowEnds) return
    const percent = this.#votes < VOTES_MIN ? undefined : (100 * this.#noVotes) / this.#votes
    this.#windowEnds = millis(now.elapsed + WINDOW_MS)
    this.#votes = 0
    this.#noVotes = 0
    if (limits.reorder !== 'adaptive' || percent === undefined) return
    if (this.#isOn ? percent >= OFF_BELOW : percent <= ON_ABOVE) return
    this.#isOn = !this.#isOn
    out.notice({ kind: 'event', name: this.#isOn ? 'reorderOn' : 'reorderOff' })
  }

  #keepBounds(): void {
    while (this.#held.size > HELD_MAX || this.#heldBytes > HELD_BYTES_MAX) {
      const [least] = [...this.#held.keys()].sort(compareTimestamps)
      if (least === undefined) return
      this.#release(least)
    }
  }
}

/** Whole milliseconds, rounded down. */
function msBetween(from: bigint, to: bigint): number {
  return Number((to - from) / 1_000_000n)
}

function bytesOf({ txn }: PreAccept): number {
  return txn.kind === 'application' ? txn.payload.length : 0
}
