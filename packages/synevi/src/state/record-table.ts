/**
 * Records: what this replica knows of each transaction (`protocol.md` 3.1). The part that changes
 * is apart from the transaction, which is written once and large; once applied, the transaction is
 * in the log and nowhere else. Live records have a table of their own, so that opening reads them
 * and not a history.
 */

import {
  decodeRecord,
  decodeTxn,
  encodeRecord,
  encodeTxn,
  compareTimestamps,
  type Bytes,
  type DecidedEntry,
  type Mutation,
  type Timestamp,
  type Txn,
  type TxnId,
  type TxnRecord,
} from '@synevi/accord'
import { TABLE, tableEnd, tableStart, timestampKey, timestampOfKey } from './key-layout.ts'
import { readLogEntry } from './log-table.ts'
import { readBase } from './node-facts.ts'
import { corrupt, decoded, getSealed, seal, unseal, type Source } from './sealed.ts'

/** Where the transaction of a record is: the first byte of its value. */
const WITHOUT_TXN = 0
const TXN_APART = 1
const TXN_IN_LOG = 2

/** Keyed by TxnId. */
const RECORD_TABLES = [TABLE.live, TABLE.settled, TABLE.txn] as const

/** The mutations of a changed record that was not applied by this write. */
export function recordMutations(record: TxnRecord, txnIsNew: boolean): readonly Mutation[] {
  const where = record.txn === undefined ? WITHOUT_TXN : TXN_APART
  const mutations = metaMutations(record, where)
  if (txnIsNew && record.txn !== undefined) {
    const key = timestampKey(TABLE.txn, record.id)
    mutations.push({ key, value: seal(key, encodeTxn(record.txn)) })
  }
  return mutations
}

/** The mutations of a record that is applied, and whose transaction is not in this store. */
export function coveredRecordMutations(record: TxnRecord): readonly Mutation[] {
  const mutations = metaMutations(record, WITHOUT_TXN)
  mutations.push({ key: timestampKey(TABLE.txn, record.id), value: undefined })
  return mutations
}

/** The mutations that forget a record. */
export function droppedRecordMutations(id: TxnId): readonly Mutation[] {
  return [TABLE.live, TABLE.settled, TABLE.txn].map((table) => ({
    key: timestampKey(table, id),
    value: undefined,
  }))
}

/** The mutations of a record that is applied by this write, which also adds its log entry. */
export function appliedRecordMutations(record: TxnRecord): readonly Mutation[] {
  const mutations = metaMutations(record, TXN_IN_LOG)
  mutations.push({ key: timestampKey(TABLE.txn, record.id), value: undefined })
  return mutations
}

/** As last stored; undefined when nothing is. Throws `STORE_FAILED`. */
export function readRecord(store: Source, id: TxnId): TxnRecord | undefined {
  for (const table of [TABLE.settled, TABLE.live] as const) {
    const key = timestampKey(table, id)
    const value = getSealed(store, key)
    if (value !== undefined) return parseRecord(store, key, value)
  }
  return undefined
}

/** Every record that is neither applied nor invalidated, by id. Throws `STORE_FAILED`. */
export function liveRecords(store: Source): readonly TxnRecord[] {
  const records: TxnRecord[] = []
  for (const [key, sealed] of store.scan({
    from: tableStart(TABLE.live),
    until: tableEnd(TABLE.live),
  })) {
    records.push(parseRecord(store, key, unseal(key, sealed)))
  }
  return records
}

/** Every decided record with executeAt above `since`, by id; transactions are not read. */
export function decidedAfter(store: Source, since: Timestamp): readonly DecidedEntry[] {
  const found: DecidedEntry[] = []
  for (const table of [TABLE.live, TABLE.settled] as const) {
    for (const [key, sealed] of store.scan({ from: tableStart(table), until: tableEnd(table) })) {
      const { id, keys, outcome } = decoded(key, decodeRecord(unseal(key, sealed).subarray(1)))
      if (outcome?.kind !== 'decided' || outcome.executeAt <= since || keys === undefined) continue
      found.push({ id, executeAt: outcome.executeAt, keys })
    }
  }
  return found.sort((a, b) => compareTimestamps(a.id, b.id))
}

/**
 * A bound at or below `below` with records below it, `countMax` in each table at most; undefined
 * when there are none.
 */
export function recordsBelow(
  store: Source,
  below: Timestamp,
  countMax: number,
): Timestamp | undefined {
  let bound: Timestamp | undefined
  for (const table of RECORD_TABLES) {
    const range = { from: tableStart(table), until: timestampKey(table, below) }
    let count = 0
    for (const [key] of store.scan({ ...range, limit: countMax + 1 })) {
      count++
      bound ??= below
      if (count > countMax) bound = minTimestamp(bound, timestampOfKey(key))
    }
  }
  return bound
}

/** Erases what `recordsBelow` found: records, and the transactions kept apart from them. */
export function truncatedMutations(store: Source, below: Timestamp): readonly Mutation[] {
  const mutations: Mutation[] = []
  for (const table of RECORD_TABLES) {
    const range = { from: tableStart(table), until: timestampKey(table, below) }
    for (const [key] of store.scan(range)) mutations.push({ key, value: undefined })
  }
  return mutations
}

function minTimestamp(a: Timestamp, b: Timestamp): Timestamp {
  return a < b ? a : b
}

function metaMutations(record: TxnRecord, where: number): Mutation[] {
  const encoded = encodeRecord(record)
  const value = new Uint8Array(1 + encoded.length)
  value[0] = where
  value.set(encoded, 1)
  const live = timestampKey(TABLE.live, record.id)
  if (!isSettled(record)) return [{ key: live, value: seal(live, value) }]
  const settled = timestampKey(TABLE.settled, record.id)
  return [
    { key: live, value: undefined },
    { key: settled, value: seal(settled, value) },
  ]
}

function isSettled(record: TxnRecord): boolean {
  return record.applied || record.outcome?.kind === 'invalidated'
}

function parseRecord(store: Source, key: Bytes, value: Bytes): TxnRecord {
  const record = decoded(key, decodeRecord(value.subarray(1)))
  switch (value[0]) {
    case WITHOUT_TXN:
      return record
    case TXN_APART:
      return { ...record, txn: txnApart(store, record) }
    case TXN_IN_LOG:
      return { ...record, txn: txnInLog(store, key, record) }
    default:
      throw corrupt(key, `it names place ${value[0] ?? 'nothing'} for its transaction`)
  }
}

function txnApart(store: Source, record: TxnRecord): Txn {
  const key = timestampKey(TABLE.txn, record.id)
  const value = getSealed(store, key)
  if (value === undefined) throw corrupt(key, 'it is missing')
  return decoded(key, decodeTxn(value))
}

/** Undefined: from before the log begins here. */
function txnInLog(store: Source, key: Bytes, record: TxnRecord): Txn | undefined {
  if (record.outcome?.kind !== 'decided') throw corrupt(key, 'it is applied without a decision')
  const { executeAt } = record.outcome
  const entry = readLogEntry(store, executeAt)
  if (entry?.id === record.id) return entry.txn
  const base = readBase(store)
  if (base !== undefined && executeAt <= base.executeAt) return undefined
  throw corrupt(key, 'its log entry is missing')
}
