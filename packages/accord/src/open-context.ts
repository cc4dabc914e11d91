/** What all parts of a replica share, made of what its store held. */

import { Chance } from './chance.ts'
import type { Context } from './context.ts'
import type { Instant } from './input.ts'
import { parseReplicaOptions, type ReplicaOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import type { DurableState, RecordReader } from './ready.ts'
import { Succession } from './succession.ts'
import { HybridClock } from './time/hybrid-clock.ts'
import { epoch, epochOf, type Epoch, type NodeSerial } from './time/timestamp.ts'
import { AgreedFeatures } from './topology/agreed-features.ts'
import { Epochs } from './topology/epochs.ts'
import { AppliedMarks } from './txn/applied-marks.ts'
import { Floors } from './txn/floors.ts'
import { Ledger } from './txn/ledger.ts'
import type { TxnRecord } from './txn/txn-record.ts'

/** `live`: the records of transactions that are not finished. Throws a RangeError for options. */
export function openContext(
  parts: {
    readonly self: NodeSerial
    readonly options: ReplicaOptions
    readonly durable: DurableState
    readonly reader: RecordReader
    readonly at: Instant
  },
  live: readonly TxnRecord[],
): Context {
  const { self, durable, reader } = parts
  const limits = parseReplicaOptions(parts.options)
  const epochs = new Epochs(self, durable.configurations)
  return {
    self,
    limits,
    epochs,
    features: new AgreedFeatures(durable.features, limits.offers, () => epochs.open.peers),
    clock: new HybridClock(self, durable.hlcReserve),
    ledger: new Ledger({
      stored: (id) => reader.record(id),
      cachedMax: limits.recordsCachedMax,
      live,
    }),
    marks: new AppliedMarks(durable.marks),
    floors: new Floors(durable.floors),
    succession: new Succession(durable, executingIn(durable)),
    reader,
    chance: new Chance(limits.seed),
    out: new Outbox(),
    now: parts.at,
    stopped: false,
  }
}

/** Closing an epoch moves `closedBefore` to the next one: below it everything is executed. */
function executingIn({ floors }: DurableState): Epoch {
  return epoch(Math.max(1, epochOf(floors.closedBefore)))
}
