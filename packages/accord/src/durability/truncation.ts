/**
 * Erasing what is closed (`protocol.md` 8.2): every record with an id below `closedBefore`, asking
 * nobody, in slices that ride along with other writes.
 */

import type { ReadyId } from '../brand.ts'
import type { Context } from '../context.ts'
import type { Watermark } from '../message/message.ts'
import type { Peers } from '../progress/peers.ts'
import type { Timestamp } from '../time/timestamp.ts'
import { LogTruncation } from './log-truncation.ts'

/** Records erased by one write. */
const SLICE_RECORDS = 256

/** One slice at a time: the next is cut from what is durable after the one before. */
export class Truncation {
  /** Of the log, which records that are left still need. */
  readonly log: LogTruncation
  readonly #context: Context
  #inFlight: ReadyId | undefined
  /** There may be records below `closedBefore`; after a restart there may always. */
  #isDue = true

  constructor(context: Context, peers: Peers) {
    this.#context = context
    this.log = new LogTruncation(context, peers)
  }

  /** `closedBefore` rose, durably: memory forgets at once, the store in slices. */
  closed(): void {
    this.#isDue = true
    this.#context.ledger.dropBelow(this.#context.floors.durable.closedBefore)
  }

  /** What the Ready `id` may erase; undefined when there is nothing, or a slice is on its way. */
  takeWrite(id: ReadyId): Timestamp | undefined {
    if (!this.#isDue || this.#inFlight !== undefined) return undefined
    const { reader, floors } = this.#context
    const below = reader.recordsBelow(floors.durable.closedBefore, SLICE_RECORDS)
    if (below === undefined) this.#isDue = false
    else {
      this.#inFlight = id
      this.#context.out.notice({ kind: 'event', name: 'erased' })
    }
    return below
  }

  /** Where the log begins after that Ready; undefined when it stays as it is. */
  takeLogWrite(id: ReadyId): Watermark | undefined {
    return this.log.takeWrite(id, !this.#isDue)
  }

  /** That Ready is durable. */
  stored(id: ReadyId): void {
    this.log.stored(id)
    if (this.#inFlight === id) this.#inFlight = undefined
  }

  /** For images. */
  image(): unknown {
    return [this.#isDue, this.#inFlight !== undefined, this.log.image()]
  }
}
