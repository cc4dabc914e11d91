/**
 * What a store keeps, as bytes: records, transactions, log entries, marks and the small facts
 * beside them.
 *
 * Each begins with a byte for the version of its format. The layer that stores them adds a
 * checksum. All decoders answer `WRONG_VERSION` for another version and else `MALFORMED`, never
 * throw, allocate 64 MiB at most beside a payload, and take exactly what the encoder gives: nothing
 * may follow. The encoders throw InvariantError for a value that no decoder would take.
 */

import type { Bytes } from '../brand.ts'
import { unreachable } from '../invariant.ts'
import type { LogEntry, Watermark } from '../message/message.ts'
import type { EpochFacts, Marks } from '../ready.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import type { Txn } from '../txn/txn.ts'
import type { Outcome, TxnRecord } from '../txn/txn-record.ts'
import { Refusal, decoding, malformed, type Decoded } from './decoded.ts'
import { Reader } from './reader.ts'
import {
  readAccepted,
  readDeps,
  readEpoch,
  readList,
  readKeys,
  readLogEntry,
  readMarks,
  readMembers,
  readOptional,
  readTxn,
  readVote,
  readWatermark,
  writeAccepted,
  writeDeps,
  writeKeys,
  writeList,
  writeLogEntry,
  writeMarks,
  writeMembers,
  writeOptional,
  writeTxn,
  writeVote,
  writeWatermark,
} from './txn-codec.ts'
import { readEpochEnd, writeEpochEnd } from './upkeep-codec.ts'
import { Writer } from './writer.ts'

/** The version of stored values that this code writes. */
export const STORED_VERSION = 1

/** The record without its transaction, which is stored apart, once. */
export function encodeRecord(record: TxnRecord): Bytes {
  return stored(record, writeRecord)
}

/** The record; its `txn` is undefined. */
export function decodeRecord(bytes: Bytes): Decoded<TxnRecord> {
  return parsed(bytes, readRecord)
}

/** A transaction, with its payload. */
export function encodeTxn(txn: Txn): Bytes {
  return stored(txn, writeTxn)
}

/**
 * The transaction. A payload of 64 KiB or more shares the bytes: nobody may write to them
 * afterwards.
 */
export function decodeTxn(bytes: Bytes): Decoded<Txn> {
  return parsed(bytes, readTxn)
}

/** The entry, its transaction included. */
export function encodeLogEntry(entry: LogEntry): Bytes {
  return stored(entry, writeLogEntry)
}

/** The entry. A payload of 64 KiB or more shares the bytes: nobody may write to them afterwards. */
export function decodeLogEntry(bytes: Bytes): Decoded<LogEntry> {
  return parsed(bytes, readLogEntry)
}

/** Marks, in the order given. */
export function encodeMarks(marks: Marks): Bytes {
  return stored(marks, writeMarks)
}

/** Refuses what {@link encodeMarks} cannot have made. */
export function decodeMarks(bytes: Bytes): Decoded<Marks> {
  return parsed(bytes, readMarks)
}

/** How far a node has applied. */
export function encodeWatermark(watermark: Watermark): Bytes {
  return stored(watermark, writeWatermark)
}

/** Refuses what {@link encodeWatermark} cannot have made. */
export function decodeWatermark(bytes: Bytes): Decoded<Watermark> {
  return parsed(bytes, readWatermark)
}

/** The members of a configuration, 64 at most. */
export function encodeMembers(members: readonly MemberEntry[]): Bytes {
  return stored(members, writeMembers)
}

/** Refuses what {@link encodeMembers} cannot have made. */
export function decodeMembers(bytes: Bytes): Decoded<readonly MemberEntry[]> {
  return parsed(bytes, readMembers)
}

/** What a store holds of epochs. */
export function encodeEpochFacts(facts: EpochFacts): Bytes {
  return stored(facts, (writer, { configurations, pending, ends }) => {
    writeList(writer, configurations, EPOCHS_MAX, (to, { epoch, members, highestSerial }) => {
      to.uint16(epoch)
      to.uint16(highestSerial)
      writeMembers(to, members)
    })
    writeOptional(writer, pending, (to, { id, executeAt, members }) => {
      to.timestamp(id)
      to.timestamp(executeAt)
      writeMembers(to, members)
    })
    writeList(writer, ends, EPOCHS_MAX, writeEpochEnd)
  })
}

/** Refuses what {@link encodeEpochFacts} cannot have made, and a store without a configuration. */
export function decodeEpochFacts(bytes: Bytes): Decoded<EpochFacts> {
  return parsed(bytes, (reader) => {
    const bounds = { max: EPOCHS_MAX, itemMin: 5, heap: 64 }
    const configurations = readList(reader, bounds, (from) => {
      const epoch = readEpoch(from)
      const highestSerial = from.node()
      return { epoch, highestSerial, members: readMembers(from) }
    })
    if (configurations.length === 0) malformed('no epoch is open')
    const pending = readOptional(reader, (from) => {
      const id = from.timestamp()
      const executeAt = from.timestamp()
      return { id, executeAt, members: readMembers(from) }
    })
    return { configurations, pending, ends: readList(reader, bounds, readEpochEnd) }
  })
}

/** Epochs that a store says something of, at most: all there can be. */
const EPOCHS_MAX = 65_535

function stored<T>(value: T, write: (writer: Writer, value: T) => void): Bytes {
  const writer = new Writer(256)
  writer.byte(STORED_VERSION)
  write(writer, value)
  return writer.finish()
}

function parsed<T>(bytes: Bytes, read: (reader: Reader) => T): Decoded<T> {
  return decoding(() => {
    const reader = new Reader(bytes, Number.MAX_SAFE_INTEGER)
    const version = reader.byte()
    if (version !== STORED_VERSION) {
      throw new Refusal(
        'WRONG_VERSION',
        `written in format ${version}, this version reads ${STORED_VERSION}`,
      )
    }
    const value = read(reader)
    reader.finish()
    return value
  })
}

function writeRecord(writer: Writer, record: TxnRecord): void {
  writer.timestamp(record.id)
  writeOptional(writer, record.keys, writeKeys)
  writeOptional(writer, record.vote, writeVote)
  writer.ballot(record.promised)
  writeOptional(writer, record.accepted, writeAccepted)
  writeOptional(writer, record.outcome, writeOutcome)
  writer.flag(record.applied)
}

function readRecord(reader: Reader): TxnRecord {
  return {
    id: reader.timestamp(),
    txn: undefined,
    keys: readOptional(reader, readKeys),
    vote: readOptional(reader, readVote),
    promised: reader.ballot(),
    accepted: readOptional(reader, readAccepted),
    outcome: readOptional(reader, readOutcome),
    applied: reader.flag(),
  }
}

const DECIDED = 1
const INVALIDATED = 2

function writeOutcome(writer: Writer, outcome: Outcome): void {
  switch (outcome.kind) {
    case 'decided':
      writer.byte(DECIDED)
      writer.timestamp(outcome.executeAt)
      writeOptional(writer, outcome.deps, writeDeps)
      return
    case 'invalidated':
      writer.byte(INVALIDATED)
      return
    default:
      return unreachable(outcome)
  }
}

function readOutcome(reader: Reader): Outcome {
  const kind = reader.byte()
  switch (kind) {
    case DECIDED: {
      const executeAt = reader.timestamp()
      return { kind: 'decided', executeAt, deps: readOptional(reader, readDeps) }
    }
    case INVALIDATED:
      return { kind: 'invalidated' }
    default:
      return malformed(`an outcome of kind ${kind}`)
  }
}
