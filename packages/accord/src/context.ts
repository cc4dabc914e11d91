/** What every handler and round of one replica shares. */

import type { Chance } from './chance.ts'
import type { Instant } from './input.ts'
import type { Limits } from './options.ts'
import type { Outbox } from './outbox.ts'
import type { RecordReader } from './ready.ts'
import type { HybridClock } from './time/hybrid-clock.ts'
import type { NodeSerial } from './time/timestamp.ts'
import type { AgreedFeatures } from './topology/agreed-features.ts'
import type { Succession } from './succession.ts'
import type { Epochs } from './topology/epochs.ts'
import type { AppliedMarks } from './txn/applied-marks.ts'
import type { Floors } from './txn/floors.ts'
import type { Ledger } from './txn/ledger.ts'

/** What handlers and rounds read and change; owned by the replica. */
export interface Context {
  readonly self: NodeSerial
  readonly limits: Limits
  readonly epochs: Epochs
  /** Which features of later releases may be used. */
  readonly features: AgreedFeatures
  readonly clock: HybridClock
  readonly ledger: Ledger
  readonly marks: AppliedMarks
  readonly floors: Floors
  readonly succession: Succession
  readonly reader: RecordReader
  readonly chance: Chance
  /** What the steps since the last drain want said and done. */
  out: Outbox
  /** When the present step happens. */
  now: Instant
  /** Set once: the replica takes no further input. */
  stopped: boolean
}
