/**
 * Shortening the log (`protocol.md` 8.2), if the embedder wants that at all: what every member has
 * durably, beyond what is to be retained, goes in slices. Never what is not closed: two nodes can
 * always complete each other from their last Barrier on.
 */

import type { ReadyId } from '../brand.ts'
import type { Context } from '../context.ts'
import type { Watermark } from '../message/message.ts'
import type { Peers } from '../progress/peers.ts'
import { TIMESTAMP_ZERO, type Timestamp } from '../time/timestamp.ts'
import { universalDurable } from './watermarks.ts'

/** Transactions erased by one write. */
const SLICE_TXNS = 256

/** One slice at a time, cut from what is durable after the one before. */
export class LogTruncation {
  readonly #context: Context
  readonly #peers: Peers
  /** Positions up to here may go, if they stand below. */
  #through = 0n
  #below: Timestamp = TIMESTAMP_ZERO
  #inFlight: ReadyId | undefined
  #isDue = false

  constructor(context: Context, peers: Peers) {
    this.#context = context
    this.#peers = peers
  }

  /** What may go now is looked at; with every heartbeat. `own`: applied here, durably. */
  review(own: bigint): void {
    const { retainEntries } = this.#context.limits
    if (retainEntries === undefined) return
    const least = universalDurable(this.#context, this.#peers, own)
    if (least === undefined) return
    const retained = own - BigInt(retainEntries)
    const through = least < retained ? least : retained
    const { closedBefore } = this.#context.floors.durable
    if (through <= this.#through && closedBefore === this.#below) return
    if (through > this.#through) this.#through = through
    this.#below = closedBefore
    this.#isDue = true
  }

  /**
   * Where the log begins after the Ready `id`; undefined when it stays as it is. `areRecordsGone`:
   * of all that is closed; those that are left find their transaction in the log.
   */
  takeWrite(id: ReadyId, areRecordsGone: boolean): Watermark | undefined {
    if (!this.#isDue || this.#inFlight !== undefined || !areRecordsGone) return undefined
    const { reader, out } = this.#context
    const base = reader.logSlice({ through: this.#through, below: this.#below }, SLICE_TXNS)
    if (base === undefined) this.#isDue = false
    else {
      this.#inFlight = id
      out.notice({ kind: 'event', name: 'logShortened' })
    }
    return base
  }

  /** That Ready is durable. */
  stored(id: ReadyId): void {
    if (this.#inFlight === id) this.#inFlight = undefined
  }

  /** For images. */
  image(): unknown {
    return [this.#through, this.#below, this.#isDue, this.#inFlight !== undefined]
  }
}
