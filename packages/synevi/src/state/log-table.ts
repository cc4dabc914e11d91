/**
 * The log: applied transactions by executeAt, as the core knows them, and for each that added
 * entries its place: positions, agreed time, and what came of each request. Places are keyed by the
 * transaction's last position.
 */

import {
  decodeLogEntry,
  encodeLogEntry,
  type Bytes,
  type LogEntry,
  type Mutation,
  type Timestamp,
  type TxnId,
  type Watermark,
} from '@synevi/accord'
import { noteKind, outcomeOfNote, type OutcomeNote } from '../chain/hash-chain.ts'
import type { LogPosition } from '../contract/executor.ts'
import { FieldError, FieldReader, FieldWriter } from './fields.ts'
import {
  TABLE,
  positionKey,
  positionOfKey,
  tableEnd,
  tableStart,
  timestampKey,
} from './key-layout.ts'
import { corrupt, decoded, getSealed, reading, seal, unseal, type Source } from './sealed.ts'

/** Where the entries of one transaction stand. */
export interface TxnPlace {
  readonly txnId: TxnId
  readonly executeAt: Timestamp
  /** Of its first entry. */
  readonly firstPosition: LogPosition
  /** Agreed time of its first entry; each further entry is one nanosecond later. */
  readonly firstTime: bigint
  /** One for each request of the batch, in order; undefined for a duplicate, which has no entry. */
  readonly outcomes: readonly (OutcomeNote | undefined)[]
}

const DUPLICATE = 0x80

/** Adds an entry to the log. */
export function logMutation(entry: LogEntry): Mutation {
  const key = logKey(entry.executeAt)
  return { key, value: seal(key, encodeLogEntry(entry)) }
}

/** The key of a log entry. */
export function logKey(executeAt: Timestamp): Bytes {
  return timestampKey(TABLE.log, executeAt)
}

/** The entry at a place in the order; undefined when there is none. Throws `STORE_FAILED`. */
export function readLogEntry(store: Source, executeAt: Timestamp): LogEntry | undefined {
  const key = logKey(executeAt)
  const value = getSealed(store, key)
  return value === undefined ? undefined : parseLogEntry(key, value)
}

/** Entries with executeAt above `since` (undefined: all), in order, with the bytes each takes. */
export function* logAfter(
  store: Source,
  since: Timestamp | undefined,
): Iterable<{ readonly entry: LogEntry; readonly sizeBytes: number }> {
  // No timestamp uses the low 16 bits: the next key is one further.
  const from = since === undefined ? tableStart(TABLE.log) : behind(logKey(since))
  for (const [key, sealed] of store.scan({ from, until: tableEnd(TABLE.log) })) {
    yield { entry: parseLogEntry(key, unseal(key, sealed)), sizeBytes: sealed.byteLength }
  }
}

/** The last entry; undefined when the log is empty. */
export function lastLogEntry(store: Source): LogEntry | undefined {
  return latestLogEntries(store, 1)[0]
}

/** The last entries, at most so many, the last first. */
export function latestLogEntries(store: Source, limit: number): readonly LogEntry[] {
  const range = { from: tableStart(TABLE.log), until: tableEnd(TABLE.log), reverse: true, limit }
  const entries: LogEntry[] = []
  for (const [key, sealed] of store.scan(range)) {
    entries.push(parseLogEntry(key, unseal(key, sealed)))
  }
  return entries
}

/** The key of a place. */
export function placeKey(lastPosition: LogPosition): Bytes {
  return positionKey(TABLE.place, lastPosition)
}

/** The last position of a place. */
export function lastPositionOf(place: TxnPlace): LogPosition {
  let entries = 0
  for (const outcome of place.outcomes) if (outcome !== undefined) entries++
  return place.firstPosition + BigInt(entries) - 1n
}

/** The value of a place: ids and positions, then for each request a kind and a note. */
export function formatPlace(place: TxnPlace): Bytes {
  const writer = new FieldWriter(52 + 24 * place.outcomes.length)
  writer.timestamp(place.txnId).timestamp(place.executeAt)
  writer.uint64(place.firstPosition).uint64(place.firstTime).uint32(place.outcomes.length)
  for (const outcome of place.outcomes) {
    if (outcome === undefined) writer.byte(DUPLICATE)
    else writer.byte(noteKind(outcome)).shortBytes(outcome.note)
  }
  return writer.finish()
}

/** The place whose last position this is. Throws `STORE_FAILED`. */
export function readPlace(store: Source, lastPosition: LogPosition): TxnPlace | undefined {
  const key = placeKey(lastPosition)
  const value = getSealed(store, key)
  return value === undefined ? undefined : parsePlace(key, value)
}

/** The place that holds a position and those above it, in order, at most `countMax`. */
export function* placesFrom(
  store: Source,
  position: LogPosition,
  countMax: number,
): Iterable<TxnPlace> {
  const range = { from: placeKey(position), until: tableEnd(TABLE.place), limit: countMax }
  for (const [key, sealed] of store.scan(range)) yield parsePlace(key, unseal(key, sealed))
}

/** The place before the one that holds a position. */
export function placeBelow(store: Source, position: LogPosition): TxnPlace | undefined {
  const range = {
    from: tableStart(TABLE.place),
    until: placeKey(position),
    reverse: true,
    limit: 1,
  }
  for (const [key, sealed] of store.scan(range)) return parsePlace(key, unseal(key, sealed))
  return undefined
}

/** Reads the unsealed value of a log entry. Throws `STORE_FAILED`. */
export function parseLogEntry(key: Bytes, value: Bytes): LogEntry {
  const entry = decoded(key, decodeLogEntry(value))
  if (Buffer.compare(logKey(entry.executeAt), key) !== 0) throw corrupt(key, 'it belongs elsewhere')
  return entry
}

/** Reads the unsealed value of a place. Throws `STORE_FAILED`. */
export function parsePlace(key: Bytes, value: Bytes): TxnPlace {
  const place = reading(key, () => {
    const reader = new FieldReader(value)
    const txnId = reader.timestamp()
    const executeAt = reader.timestamp()
    const firstPosition = reader.uint64()
    const firstTime = reader.uint64()
    const count = reader.uint32()
    if (count > value.length) throw new FieldError('there are more requests than bytes')
    const outcomes: (OutcomeNote | undefined)[] = []
    for (let i = 0; i < count; i++) {
      const kind = reader.byte()
      outcomes.push(kind === DUPLICATE ? undefined : outcomeOfNote(kind, reader.shortBytes()))
    }
    reader.finish()
    return { txnId, executeAt, firstPosition, firstTime, outcomes }
  })
  if (lastPositionOf(place) !== positionOfKey(key))
    throw corrupt(key, 'it ends at another position')
  return place
}

/** The next key behind one: the least longer one. */
export function behind(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** Erases entries and places up to here, which becomes where the history begins. */
export function shortenedLog(store: Source, base: Watermark): readonly Mutation[] {
  const mutations: Mutation[] = []
  const ranges = [
    { from: tableStart(TABLE.log), until: behind(logKey(base.executeAt)) },
    { from: tableStart(TABLE.place), until: placeKey(base.position + 1n) },
  ]
  for (const range of ranges) {
    for (const [key] of store.scan(range)) mutations.push({ key, value: undefined })
  }
  return mutations
}
