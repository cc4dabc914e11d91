/**
 * What a damaged record must have been: from other records here, or from a peer's log entry, and in
 * every case held against the chain. Nothing is taken on trust.
 */

import {
  emptyRecord,
  keysOfTxn,
  timestamp,
  type Bytes,
  type LogEntry,
  type Mutation,
  type Timestamp,
} from '@synevi/accord'
import {
  chainedEntries,
  chainedWithoutEntry,
  headsOf,
  sameBytes,
} from '../chain/chained-entries.ts'
import { ChainHasher, chainStart, type ChainHeads, type OutcomeNote } from '../chain/hash-chain.ts'
import type { Range, Store } from '../contract/store.ts'
import { decodeBatch } from '../request.ts'
import { FieldReader } from '../state/fields.ts'
import { TABLE, positionOfKey, tableStart, textOfBytes } from '../state/key-layout.ts'
import {
  formatPlace,
  logAfter,
  logKey,
  logMutation,
  parseLogEntry,
  placeBelow,
  placesFrom,
  readLogEntry,
  readPlace,
  type TxnPlace,
} from '../state/log-table.ts'
import { readApplied, readBase, readFloors } from '../state/node-facts.ts'
import { appliedRecordMutations } from '../state/record-table.ts'
import { recall } from '../state/request-memory.ts'
import { seal, unseal } from '../state/sealed.ts'
import { durableSource } from '../state/state-source.ts'
import { damagedKeyOf } from '../state/sum-walk.ts'
import { isSyneviError } from '../synevi-error.ts'

/** What can be done about one damaged record. */
export type Repair =
  /** Write this. */
  | { readonly kind: 'write'; readonly mutations: readonly Mutation[] }
  /** A peer's log entry is needed, the first above `since`. */
  | { readonly kind: 'ask'; readonly since: Timestamp }
  /** Nothing here or in a peer's log says what it was. */
  | { readonly kind: 'none'; readonly why: string }

/** A scan for the log entry of a record goes so far. */
const LOOK_AHEAD = 65_536

/**
 * How to restore the record under a key. `entries`: of peers, by executeAt, if any were asked for.
 * Never throws for what else is damaged: then it is `none`, and may be tried again.
 */
export function repairOf(
  store: Store,
  key: Bytes,
  fetched: ReadonlyMap<Timestamp, LogEntry>,
): Repair {
  try {
    switch (key[0]) {
      case TABLE.log:
        return repairLog(store, key, fetched)
      case TABLE.settled:
        return repairSettled(store, key)
      case TABLE.place:
        return repairPlace(store, key)
      case TABLE.requestPage:
        return repairPage(store, key)
      default:
        return { kind: 'none', why: 'no other record says what it was' }
    }
  } catch (error) {
    if (!isSyneviError(error, 'STORE_FAILED')) throw error
    return { kind: 'none', why: error.message }
  }
}

function repairLog(store: Store, key: Bytes, fetched: ReadonlyMap<Timestamp, LogEntry>): Repair {
  const executeAt = timestampIn(key)
  const entry = fetched.get(executeAt)
  if (entry === undefined) return { kind: 'ask', since: timestamp(executeAt - 0x1_0000n) }
  const why = doubt(withCandidates(store, fetched), entry, fetched)
  return why === undefined
    ? { kind: 'write', mutations: [logMutation(entry)] }
    : { kind: 'none', why: `a peer's log entry does not fit: ${why}` }
}

/**
 * The store as if entries that peers gave stood where its own are damaged: neighbours in the log
 * are proved together, from the last good one to the next.
 */
function withCandidates(store: Store, fetched: ReadonlyMap<Timestamp, LogEntry>): Store {
  const candidates = new Map<string, Bytes>()
  for (const entry of fetched.values()) {
    const { key, value } = logMutation(entry)
    if (value !== undefined) candidates.set(textOfBytes(key), value)
  }
  return {
    get: (key) => candidates.get(textOfBytes(key)) ?? store.get(key),
    scan: (range) => scanAround(store, range, candidates),
    write: async (batch) => store.write(batch),
    close: async () => {},
  }
}

/** Goes on behind a record that cannot be read, if there is another in its place. */
function* scanAround(
  store: Store,
  range: Range,
  candidates: ReadonlyMap<string, Bytes>,
): Iterable<readonly [Bytes, Bytes]> {
  let rest = range
  let left = range.limit ?? Number.POSITIVE_INFINITY
  const passed = (key: Bytes): void => {
    left--
    rest =
      range.reverse === true ? { ...rest, until: key } : { ...rest, from: Uint8Array.of(...key, 0) }
  }
  while (left > 0) {
    try {
      for (const [key, value] of store.scan(rest)) {
        passed(key)
        yield [key, candidates.get(textOfBytes(key)) ?? value]
        if (left <= 0) return
      }
      return
    } catch (error) {
      const key = damagedKeyOf(error)
      const value = key === undefined ? undefined : candidates.get(textOfBytes(key))
      if (key === undefined || value === undefined) throw error
      passed(key)
      yield [key, value]
    }
  }
}

/** Why an entry cannot be the one that belongs here; undefined when the chain proves that it is. */
function doubt(
  store: Store,
  entry: LogEntry,
  fetched: ReadonlyMap<Timestamp, LogEntry>,
): string | undefined {
  const hasher = new ChainHasher()
  const before = entryBelow(store, entry.executeAt)
  const heads = headsBelow(store, entry)
  const from = (before?.watermark ?? readBase(store))?.position ?? 0n
  let after: ChainHeads = heads
  if (entry.watermark.position === from) {
    after = chainedWithoutEntry(hasher, heads, entry)
    if (!sameHeads(after, headsOf(entry.watermark))) return 'its chain heads are others'
  } else {
    const [place] = placesFrom(store, from + 1n, 1)
    if (place === undefined) return 'its place is missing'
    const chained = chainedEntries(hasher, heads, { entry, place })
    if (!chained.ok) return chained.why
    after = chained.heads
  }
  if (before !== undefined && fetched.has(before.executeAt)) return 'the one before is doubtful'
  return anchorDoubt(store, entry, { hasher, heads: after, fetched })
}

/** What follows here must follow from it: else both entry and heads could be made up. */
function anchorDoubt(
  store: Store,
  entry: LogEntry,
  from: {
    readonly hasher: ChainHasher
    readonly heads: ChainHeads
    readonly fetched: ReadonlyMap<Timestamp, LogEntry>
  },
): string | undefined {
  let { heads } = from
  let { position } = entry.watermark
  for (const { entry: next } of logAfter(store, entry.executeAt)) {
    if (next.watermark.position === position) {
      heads = chainedWithoutEntry(from.hasher, heads, next)
      if (!sameHeads(heads, headsOf(next.watermark)))
        return 'the next log entry follows from another'
      // Of duplicates, which the chain does not hold, none is an anchor.
      if (next.txn.kind !== 'application' && !from.fetched.has(next.executeAt)) return undefined
    } else {
      const [place] = placesFrom(store, position + 1n, 1)
      if (place === undefined) return 'the next place is missing'
      const chained = chainedEntries(from.hasher, heads, { entry: next, place })
      if (!chained.ok) return 'the next log entry follows from another'
      heads = chained.heads
      position = next.watermark.position
      // An own entry is an anchor, another candidate is not.
      if (!from.fetched.has(next.executeAt)) return undefined
    }
  }
  const { watermark } = readApplied(store)
  if (watermark.position === position && sameHeads(heads, headsOf(watermark))) return undefined
  return 'what was applied last is another'
}

/** An applied record follows from its log entry; one that was invalidated does not. */
function repairSettled(store: Store, key: Bytes): Repair {
  const id = timestampIn(key)
  // What is closed is erased sooner or later, whatever it says.
  if (id < readFloors(store).closedBefore)
    return { kind: 'write', mutations: [{ key, value: undefined }] }
  let left = LOOK_AHEAD
  for (const { entry } of logAfter(store, timestamp(id - 0x1_0000n))) {
    if (entry.id === id) return { kind: 'write', mutations: settledOf(entry) }
    if (--left === 0) break
  }
  return { kind: 'none', why: 'no log entry is its own' }
}

function settledOf(entry: LogEntry): readonly Mutation[] {
  const { id, executeAt, txn, deps } = entry
  const outcome = { kind: 'decided', executeAt, deps } as const
  const record = { ...emptyRecord(id), txn, keys: keysOfTxn(txn), outcome, applied: true }
  return appliedRecordMutations(record).filter(({ value }) => value !== undefined)
}

/** Positions and time follow from the chain, outcomes from the request memory. */
function repairPlace(store: Store, key: Bytes): Repair {
  const last = positionOfKey(key)
  const before = placeBelow(store, last)
  const firstPosition =
    before === undefined ? (readBase(store)?.position ?? 0n) + 1n : lastOf(store, before) + 1n
  const entry = entryEndingAt(store, before, last)
  if (entry === undefined) return { kind: 'none', why: 'its log entry is missing' }
  const requests = entry.txn.kind === 'application' ? decodeBatch(entry.txn.payload) : undefined
  const hasher = new ChainHasher()
  const outcomes: (OutcomeNote | undefined)[] = []
  let firstTime: bigint | undefined
  for (const { id } of requests ?? []) {
    const first = recall(durableSource(store), id)
    if (first === undefined || first.position < firstPosition || first.position > last) {
      outcomes.push(undefined)
      continue
    }
    const { kind, ok, value, position, time } = first
    if (value === undefined) return { kind: 'none', why: 'an outcome was too large to keep' }
    if (position === firstPosition) firstTime = time
    outcomes.push(hasher.note({ kind, ok, value }))
  }
  if (firstTime === undefined) return { kind: 'none', why: 'its outcomes are forgotten' }
  const { id: txnId, executeAt } = entry
  const place: TxnPlace = { txnId, executeAt, firstPosition, firstTime, outcomes }
  const heads = headsBelow(store, entry)
  const chained = chainedEntries(hasher, heads, { entry, place })
  if (!chained.ok) return { kind: 'none', why: chained.why }
  return { kind: 'write', mutations: [{ key, value: seal(key, formatPlace(place)) }] }
}

/** The ids that a transaction added are those of its requests that have an entry. */
function repairPage(store: Store, key: Bytes): Repair {
  const place = readPlace(store, positionOfKey(key))
  const entry = place === undefined ? undefined : readLogEntry(store, place.executeAt)
  if (place === undefined || entry === undefined)
    return { kind: 'none', why: 'its place or log entry is missing' }
  const chained = chainedEntries(new ChainHasher(), headsBelow(store, entry), { entry, place })
  if (!chained.ok) return { kind: 'none', why: chained.why }
  const ids = Buffer.concat(chained.entries.map(({ id }) => id))
  return { kind: 'write', mutations: [{ key, value: seal(key, new Uint8Array(ids)) }] }
}

function entryBelow(store: Store, executeAt: Timestamp): LogEntry | undefined {
  const range = { from: tableStart(TABLE.log), until: logKey(executeAt), reverse: true, limit: 1 }
  for (const [key, sealed] of store.scan(range)) return parseLogEntry(key, unseal(key, sealed))
  return undefined
}

function headsBelow(store: Store, entry: LogEntry): ChainHeads {
  const before = entryBelow(store, entry.executeAt)
  const watermark = before?.watermark ?? readBase(store)
  return watermark === undefined ? chainStart() : headsOf(watermark)
}

function entryEndingAt(
  store: Store,
  before: TxnPlace | undefined,
  position: bigint,
): LogEntry | undefined {
  for (const { entry } of logAfter(store, before?.executeAt)) {
    if (entry.watermark.position === position) return entry
    if (entry.watermark.position > position) return undefined
  }
  return undefined
}

function lastOf(store: Store, place: TxnPlace): bigint {
  return readLogEntry(store, place.executeAt)?.watermark.position ?? place.firstPosition
}

function timestampIn(key: Bytes): Timestamp {
  return new FieldReader(key.subarray(1)).timestamp()
}

function sameHeads(a: ChainHeads, b: ChainHeads): boolean {
  return sameBytes(a.txnHash, b.txnHash) && sameBytes(a.execHash, b.execHash)
}
