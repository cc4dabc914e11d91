/**
 * The hybrid clock: one counter that mints every timestamp of a node (`protocol.md` 1.3).
 *
 * No (hlc, node) is ever used twice: `last` only rises, and a durable reserve above it is where a
 * restart begins.
 */

import type { Nanos } from '../brand.ts'
import { invariant } from '../invariant.ts'
import {
  hlc,
  hlcOf,
  hlcOfNanos,
  nanosOfHlc,
  timestampOf,
  type Epoch,
  type Hlc,
  type NodeSerial,
  type Timestamp,
} from './timestamp.ts'

/**
 * 50 ms of hybrid clock: below clockDriftMax/4, or the ids of a restarted node would look like the
 * future's.
 */
const RESERVE_LEAD = 50_000_000n << 16n

/** Mints every timestamp of one node. */
export class HybridClock {
  readonly #self: NodeSerial
  #last: Hlc
  #reserve: Hlc

  /** After a restart the clock begins at the durable reserve. */
  constructor(self: NodeSerial, reserve: Hlc) {
    this.#self = self
    this.#last = reserve
    this.#reserve = reserve
  }

  /** At or above every timestamp counted in a vote. */
  get last(): Hlc {
    return this.#last
  }

  /** The greatest nanos seen or minted. */
  get lastNanos(): Nanos {
    return nanosOfHlc(this.#last)
  }

  /**
   * For witnessed ids and executeAts of accepted, decided and caught-up state; never for refused
   * messages.
   */
  observe(t: Timestamp): void {
    const seen = hlcOf(t)
    if (seen > this.#last) this.#last = seen
  }

  /** A TxnId above everything observed. */
  mintId(epoch: Epoch, wall: Nanos): Timestamp {
    const next = hlc(this.#last + 1n)
    const physical = hlcOfNanos(wall)
    this.#last = next > physical ? next : physical
    return timestampOf({ epoch, hlc: this.#last, node: this.#self })
  }

  /** A timestamp of `epoch` above `floor` and everything observed. */
  mintAbove(epoch: Epoch, floor: Timestamp): Timestamp {
    this.observe(floor)
    this.#last = hlc(this.#last + 1n)
    return timestampOf({ epoch, hlc: this.#last, node: this.#self })
  }

  /** The new reserve to store beside a write, or undefined when the stored one still suffices. */
  extendReserve(): Hlc | undefined {
    if (this.#last <= this.#reserve) return undefined
    this.#reserve = hlc(this.#last + RESERVE_LEAD)
    invariant(this.#reserve > this.#last, 'the clock reserve lies above the clock')
    return this.#reserve
  }
}
