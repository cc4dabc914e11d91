/** All that moves a replica from one epoch to the next (`protocol.md` 10), as one. */

import type { Millis } from '../brand.ts'
import type { FloorOk } from '../message/message.ts'
import type { CatchUpLog } from '../progress/catch-up.ts'
import type { NodeSerial } from '../time/timestamp.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { Changeover, type ChangeoverParts } from './changeover.ts'
import { EpochClosing, type EpochClosingParts } from './epoch-closing.ts'
import { Promotion, type PromotionParts } from './promotion.ts'
import { Stragglers } from './stragglers.ts'

/** What membership has at hand. */
export interface MembershipParts
  extends ChangeoverParts, Omit<EpochClosingParts, 'ended'>, PromotionParts {
  readonly catchUp: CatchUpLog
}

/** One for each replica. */
export class Membership {
  readonly closing: EpochClosing
  readonly changeover: Changeover
  readonly stragglers: Stragglers
  readonly promotion: Promotion

  constructor(parts: MembershipParts) {
    this.changeover = new Changeover({
      ...parts,
      opened: () => {
        this.promotion.opened()
        parts.opened()
      },
    })
    this.stragglers = new Stragglers({ ...parts, changeover: this.changeover })
    this.closing = new EpochClosing({
      ...parts,
      ended: (end) => this.stragglers.announce(end),
    })
    this.promotion = new Promotion(parts)
  }

  /** When {@link wake} has something to do. */
  get next(): Millis | undefined {
    return this.closing.next
  }

  wake(): void {
    this.closing.wake()
  }

  onFloorOk(from: NodeSerial, message: FloorOk): void {
    this.closing.onFloorOk(from, message)
  }

  /** A record changed. */
  changed(record: TxnRecord): void {
    this.closing.changed(record)
    this.promotion.changed(record)
  }

  /** Ends and finishes what can be. After every step. */
  review(): void {
    this.closing.review()
    this.changeover.review()
  }

  /** For images. */
  image(): unknown {
    return [
      this.closing.image(),
      this.changeover.mayStop,
      this.stragglers.image(),
      this.promotion.image(),
    ]
  }
}
