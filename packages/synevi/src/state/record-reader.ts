/** What the core may ask (`RecordReader`), from durable state. */

import {
  TIMESTAMP_ZERO,
  type LogEntry,
  type RecordReader,
  type Timestamp,
  type Watermark,
} from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { logAfter, placesFrom, readLogEntry, readPlace } from './log-table.ts'
import { readBase } from './node-facts.ts'
import { decidedAfter, readRecord, recordsBelow } from './record-table.ts'

/** Reads durable state; each throws `STORE_FAILED` for what is not what was written. */
export function recordReader(store: Store): RecordReader {
  return {
    record: (id) => readRecord(store, id),
    entriesAfter: (since, countMax, bytesMax) => entriesAfter(store, since, { countMax, bytesMax }),
    watermarkAt: (position) => watermarkAt(store, position),
    logStart: () => readBase(store)?.executeAt ?? TIMESTAMP_ZERO,
    oldestPosition: () => oldestPosition(store),
    decidedAfter: (since) => decidedAfter(store, since),
    recordsBelow: (below, countMax) => recordsBelow(store, below, countMax),
  }
}

function entriesAfter(
  store: Store,
  since: Timestamp,
  bounds: { readonly countMax: number; readonly bytesMax: number },
): { entries: readonly LogEntry[]; more: boolean } {
  const entries: LogEntry[] = []
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

function watermarkAt(store: Store, position: LogPosition): Watermark | undefined {
  const place = position > 0n ? readPlace(store, position) : undefined
  if (place !== undefined) return readLogEntry(store, place.executeAt)?.watermark
  const base = readBase(store)
  return base?.position === position && position > 0n ? base : undefined
}

function oldestPosition(store: Store): LogPosition {
  for (const place of placesFrom(store, 0n, 1)) return place.firstPosition
  return 0n
}
