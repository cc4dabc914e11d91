/** What the core may ask (`RecordReader`), from durable state. */

import {
  TIMESTAMP_ZERO,
  type Bytes,
  type LogEntry,
  type RecordReader,
  type Timestamp,
  type Watermark,
} from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { logAfter, placesFrom, readLogEntry, readPlace } from './log-table.ts'
import { readBase } from './node-facts.ts'
import { positionOfKey, tableOf } from './key-layout.ts'
import { decidedAfter, readRecord, recordsBelow } from './record-table.ts'
import { damagedKeyOf, type Damage } from './sum-walk.ts'
import { isSyneviError } from '../synevi-error.ts'

/**
 * Reads durable state. `record` throws `STORE_FAILED` for what is not what was written. The others
 * answer with what is good, and tell `damaged` of what is not: who asks will ask again, and
 * others.
 */
export function recordReader(store: Store, damaged: (damage: Damage) => void): RecordReader {
  const orElse = <T>(read: () => T, otherwise: (key: Bytes) => T): T => {
    try {
      return read()
    } catch (error) {
      const key = damagedKeyOf(error)
      if (key === undefined) throw error
      damaged({ table: tableOf(key), key, why: error instanceof Error ? error.message : '' })
      return otherwise(key)
    }
  }
  // Every heartbeat of every peer is held against it, and with it stands a payload of any size.
  let last: { readonly position: LogPosition; readonly watermark: Watermark } | undefined
  const watermarkOnce = (position: LogPosition): Watermark | undefined => {
    if (last?.position === position) return last.watermark
    const watermark = watermarkAt(store, position)
    if (watermark !== undefined) last = { position, watermark }
    return watermark
  }
  return {
    record: (id) => readRecord(store, id),
    entriesAfter: (since, countMax, bytesMax) => {
      const entries: LogEntry[] = []
      return orElse(
        () => entriesAfter(store, since, { countMax, bytesMax, entries }),
        () => ({ entries, more: true }),
      )
    },
    // As if it were not in the log any more.
    watermarkAt: (position) =>
      orElse(
        () => watermarkOnce(position),
        () => undefined,
      ),
    watermarkOf: (executeAt) =>
      orElse(
        () => readLogEntry(store, executeAt)?.watermark,
        () => undefined,
      ),
    // Its last position, where the first is not known.
    oldestPosition: () => orElse(() => oldestPosition(store), positionOfKey),
    logSlice: (bounds, countMax) => logSlice(store, bounds, countMax),
    logStart: () => readBase(store)?.executeAt ?? TIMESTAMP_ZERO,
    decidedAfter: (since) => decidedAfter(store, since),
    recordsBelow: (below, countMax) => recordsBelow(store, below, countMax),
  }
}

function entriesAfter(
  store: Store,
  since: Timestamp,
  bounds: { readonly countMax: number; readonly bytesMax: number; readonly entries: LogEntry[] },
): { entries: readonly LogEntry[]; more: boolean } {
  const { entries } = bounds
  let bytes = 0
  for (const { entry, sizeBytes } of logAfter(store, since)) {
    bytes += sizeBytes
    // One entry always: a large one must not hold up who lacks it.
    if (entries.length >= bounds.countMax || (entries.length > 0 && bytes > bounds.bytesMax)) {
      return { entries, more: true }
    }
    entries.push(entry)
  }
  return { entries, more: false }
}

/** Entries that cannot be read end a slice: they are repaired, or the node stops, elsewhere. */
function logSlice(
  store: Store,
  bounds: { readonly through: bigint; readonly below: Timestamp },
  countMax: number,
): Watermark | undefined {
  let last: Watermark | undefined
  let count = 0
  try {
    for (const { entry } of logAfter(store, undefined)) {
      const { watermark, executeAt } = entry
      if (watermark.position > bounds.through || executeAt >= bounds.below) break
      last = watermark
      if (++count === countMax) break
    }
  } catch (error) {
    if (!isSyneviError(error, 'STORE_FAILED')) throw error
  }
  return last
}

function watermarkAt(store: Store, position: LogPosition): Watermark | undefined {
  const place = position > 0n ? readPlace(store, position) : undefined
  // Not where the log begins: that may be behind what has no entry, whose link is in its hashes.
  return place === undefined ? undefined : readLogEntry(store, place.executeAt)?.watermark
}

function oldestPosition(store: Store): LogPosition {
  for (const place of placesFrom(store, 0n, 1)) return place.firstPosition
  return 0n
}
