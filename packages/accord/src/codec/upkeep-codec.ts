/**
 * The messages beside deciding: floors, epochs, reads, catch-up, heartbeats, hashes (`protocol.md`
 * 4.1).
 */

import { millis } from '../brand.ts'
import {
  CHUNK_ENTRIES_MAX,
  EPOCH_ENDS_MAX,
  FLOOR_IDS_MAX,
  HASH_BYTES_MAX,
} from '../message/bounds.ts'
import type {
  EpochEnd,
  Heartbeat,
  NodePhase,
  SnapshotGone,
  SnapshotPart,
} from '../message/message.ts'
import { NO_CLAIMS, type FeatureClaims } from '../topology/features.ts'
import type { MessageCodecs } from './codec-of-kind.ts'
import type { Reader } from './reader.ts'
import {
  LOG_ENTRY_BYTES_MIN,
  LOG_ENTRY_HEAP,
  readDecidedEntry,
  readDeps,
  readEpoch,
  readIds,
  readKeys,
  readList,
  readLogEntry,
  readMembers,
  readOptional,
  readTimestamp,
  readWatermark,
  writeDecidedEntry,
  writeDeps,
  writeIds,
  writeKeys,
  writeList,
  writeLogEntry,
  writeMembers,
  writeOptional,
  writeTimestamp,
  writeWatermark,
} from './txn-codec.ts'
import { readWord, wordsOf, writeWord, type Words } from './words.ts'
import type { Writer } from './writer.ts'

const PHASES: Words<NodePhase> = wordsOf({
  serving: 1,
  diverged: 2,
  blocked: 3,
  learner: 4,
  starting: 5,
})

/** Of lists of decided entries: 33 bytes each at least, and an object. */
const DECIDED_BOUNDS = { max: FLOOR_IDS_MAX, itemMin: 33, heap: 56 }
const EPOCH_END_BOUNDS = { max: EPOCH_ENDS_MAX, itemMin: 36, heap: 120 }

/** Floors and the ends of epochs. */
export const EPOCH_CODECS: MessageCodecs<
  'wrongEpoch' | 'raiseFloor' | 'floorOk' | 'epochEnd' | 'epochClosing'
> = {
  wrongEpoch: {
    tag: 14,
    write(writer, message) {
      writer.uint16(message.open)
      const ends = message.ends === 'snapshot' ? undefined : message.ends
      writeOptional(writer, ends, (to, list) => writeList(to, list, EPOCH_ENDS_MAX, writeEpochEnd))
    },
    read(reader) {
      const open = readEpoch(reader)
      const ends = readOptional(reader, (from) => readList(from, EPOCH_END_BOUNDS, readEpochEnd))
      return { kind: 'wrongEpoch', open, ends: ends ?? 'snapshot' }
    },
  },
  raiseFloor: {
    tag: 18,
    since: 2,
    write(writer, message) {
      writer.varint(message.round)
      writer.timestamp(message.floor)
      writeOptional(writer, message.since, writeTimestamp)
    },
    read: (reader) => ({
      kind: 'raiseFloor',
      round: reader.varint(),
      floor: reader.timestamp(),
      since: readOptional(reader, readTimestamp),
    }),
  },
  floorOk: {
    tag: 19,
    since: 2,
    write(writer, message) {
      writer.varint(message.round)
      writeIds(writer, message.undecided, FLOOR_IDS_MAX)
      writeList(writer, message.decided, FLOOR_IDS_MAX, writeDecidedEntry)
    },
    read: (reader) => ({
      kind: 'floorOk',
      round: reader.varint(),
      undecided: readIds(reader, FLOOR_IDS_MAX),
      decided: readList(reader, DECIDED_BOUNDS, readDecidedEntry),
    }),
  },
  epochEnd: { tag: 20, since: 2, write: writeEpochEnd, read: readEpochEnd },
  epochClosing: {
    tag: 23,
    since: 2,
    write(writer, message) {
      writer.varint(message.round)
    },
    read: (reader) => ({ kind: 'epochClosing', round: reader.varint() }),
  },
}

/** Linearizable reads. */
export const READ_CODECS: MessageCodecs<'readDeps' | 'readDepsOk'> = {
  readDeps: {
    tag: 21,
    since: 2,
    write(writer, message) {
      writer.varint(message.round)
      writer.uint16(message.epoch)
      writeKeys(writer, message.keys)
    },
    read: (reader) => ({
      kind: 'readDeps',
      round: reader.varint(),
      epoch: readEpoch(reader),
      keys: readKeys(reader),
    }),
  },
  readDepsOk: {
    tag: 22,
    since: 2,
    write(writer, message) {
      writer.varint(message.round)
      writeDeps(writer, message.deps)
    },
    read: (reader) => ({ kind: 'readDepsOk', round: reader.varint(), deps: readDeps(reader) }),
  },
}

const GONE_WHYS: Words<SnapshotGone['why']> = wordsOf({ unknown: 1, unable: 2 })
const PART_ENDS: Words<SnapshotPart['ends']> = wordsOf({ pair: 1, more: 2, last: 3 })

/** Snapshots. */
export const SNAPSHOT_CODECS: MessageCodecs<'snapshotFetch' | 'snapshotPart' | 'snapshotGone'> = {
  snapshotFetch: {
    tag: 32,
    since: 2,
    write(writer, message) {
      writer.shortBytes(message.cut, HASH_BYTES_MAX)
      writer.varint(message.part)
    },
    read: (reader) => ({
      kind: 'snapshotFetch',
      cut: reader.shortBytes(HASH_BYTES_MAX),
      part: reader.varint(),
    }),
  },
  snapshotPart: {
    tag: 33,
    since: 2,
    write(writer, message) {
      writer.shortBytes(message.cut, HASH_BYTES_MAX)
      writer.varint(message.part)
      writeWord(writer, PART_ENDS, message.ends)
      writer.shortBytes(message.digest, HASH_BYTES_MAX)
      writer.bytes(message.bytes)
    },
    read: (reader) => ({
      kind: 'snapshotPart',
      cut: reader.shortBytes(HASH_BYTES_MAX),
      part: reader.varint(),
      ends: readWord(reader, PART_ENDS),
      digest: reader.shortBytes(HASH_BYTES_MAX),
      bytes: reader.payload(),
    }),
  },
  snapshotGone: {
    tag: 34,
    since: 2,
    write(writer, message) {
      writer.shortBytes(message.cut, HASH_BYTES_MAX)
      writeWord(writer, GONE_WHYS, message.why)
    },
    read: (reader) => ({
      kind: 'snapshotGone',
      cut: reader.shortBytes(HASH_BYTES_MAX),
      why: readWord(reader, GONE_WHYS),
    }),
  },
}

/** Catching up, from the log or a snapshot. */
export const LOG_CODECS: MessageCodecs<'catchUp' | 'logChunk' | 'snapshotOffer'> = {
  catchUp: {
    tag: 24,
    write(writer, message) {
      writer.timestamp(message.since)
    },
    read: (reader) => ({ kind: 'catchUp', since: reader.timestamp() }),
  },
  logChunk: {
    tag: 25,
    write(writer, message) {
      writer.timestamp(message.since)
      writeList(writer, message.entries, CHUNK_ENTRIES_MAX, writeLogEntry)
      writer.flag(message.more)
    },
    read(reader) {
      const bounds = { max: CHUNK_ENTRIES_MAX, itemMin: LOG_ENTRY_BYTES_MIN, heap: LOG_ENTRY_HEAP }
      const since = reader.timestamp()
      const entries = readList(reader, bounds, readLogEntry)
      return { kind: 'logChunk', since, entries, more: reader.flag() }
    },
  },
  snapshotOffer: {
    tag: 26,
    since: 2,
    write(writer, message) {
      writer.uint64(message.position)
      writer.uint64(message.bytes)
      writer.shortBytes(message.digest, HASH_BYTES_MAX)
    },
    read: (reader) => ({
      kind: 'snapshotOffer',
      position: reader.uint64(),
      bytes: reader.uint64(),
      digest: reader.shortBytes(HASH_BYTES_MAX),
    }),
  },
}

/** Who is there, with what state. */
export const HEALTH_CODECS: MessageCodecs<
  'heartbeat' | 'amnesia' | 'hashAt' | 'hashAtOk' | 'unsupported'
> = {
  heartbeat: { tag: 27, write: writeHeartbeat, read: readHeartbeat },
  amnesia: {
    tag: 28,
    write(writer, message) {
      writer.shortBytes(message.storeId, HASH_BYTES_MAX)
      writer.uint64(message.durableSeq)
    },
    read: (reader) => ({
      kind: 'amnesia',
      storeId: reader.shortBytes(HASH_BYTES_MAX),
      durableSeq: reader.uint64(),
    }),
  },
  hashAt: {
    tag: 29,
    write(writer, message) {
      writer.uint64(message.position)
    },
    read: (reader) => ({ kind: 'hashAt', position: reader.uint64() }),
  },
  hashAtOk: {
    tag: 30,
    write(writer, message) {
      writer.uint64(message.position)
      writeOptional(writer, message.txnHash, writeHash)
      writeOptional(writer, message.execHash, writeHash)
    },
    read: (reader) => ({
      kind: 'hashAtOk',
      position: reader.uint64(),
      txnHash: readOptional(reader, readHash),
      execHash: readOptional(reader, readHash),
    }),
  },
  unsupported: {
    tag: 31,
    since: 2,
    write(writer, message) {
      writer.byte(message.tag)
    },
    read: (reader) => ({ kind: 'unsupported', tag: reader.byte() }),
  },
}

/** As the message. */
export function writeEpochEnd(writer: Writer, message: EpochEnd): void {
  writer.uint16(message.epoch)
  writer.timestamp(message.reconfig.id)
  writer.timestamp(message.reconfig.executeAt)
  writeList(writer, message.tail, FLOOR_IDS_MAX, writeDecidedEntry)
  writeMembers(writer, message.members)
}

/** As the message. */
export function readEpochEnd(reader: Reader): EpochEnd {
  return {
    kind: 'epochEnd',
    epoch: readEpoch(reader),
    reconfig: { id: reader.timestamp(), executeAt: reader.timestamp() },
    tail: readList(reader, DECIDED_BOUNDS, readDecidedEntry),
    members: readMembers(reader),
  }
}

type Echo = NonNullable<Heartbeat['echo']>

function writeHeartbeat(writer: Writer, message: Heartbeat): void {
  writer.shortBytes(message.storeId, HASH_BYTES_MAX)
  writer.uint64(message.durableSeq)
  writer.shortBytes(message.knownStoreId, HASH_BYTES_MAX)
  writer.uint16(message.openEpoch)
  writer.uint16(message.finishedEpoch)
  writer.timestamp(message.floor)
  writer.timestamp(message.closedBefore)
  writer.timestamp(message.lastAll)
  writeWatermark(writer, message.applied)
  writer.uint64(message.oldestPosition)
  writer.uint64(message.wallNanos)
  writer.varint(message.sentAt)
  writeOptional(writer, message.echo, writeEcho)
  writer.varint(message.inFlight)
  writeWord(writer, PHASES, message.phase)
  if (writer.version >= 2) writeClaims(writer, message.features)
}

function readHeartbeat(reader: Reader): Heartbeat {
  return {
    kind: 'heartbeat',
    storeId: reader.shortBytes(HASH_BYTES_MAX),
    durableSeq: reader.uint64(),
    knownStoreId: reader.shortBytes(HASH_BYTES_MAX),
    openEpoch: readEpoch(reader),
    finishedEpoch: reader.uint16(),
    floor: reader.timestamp(),
    closedBefore: reader.timestamp(),
    lastAll: reader.timestamp(),
    applied: readWatermark(reader),
    oldestPosition: reader.uint64(),
    wallNanos: reader.uint64(),
    sentAt: millis(reader.varint()),
    echo: readOptional(reader, readEcho),
    inFlight: reader.varint(),
    phase: readWord(reader, PHASES),
    features: reader.left === 0 ? NO_CLAIMS : readClaims(reader),
  }
}

function writeClaims(writer: Writer, claims: FeatureClaims): void {
  writer.varint(claims.offers)
  writer.varint(claims.requires)
  writer.varint(claims.active)
}

function readClaims(reader: Reader): FeatureClaims {
  return { offers: reader.varint(), requires: reader.varint(), active: reader.varint() }
}

function writeEcho(writer: Writer, echo: Echo): void {
  writer.varint(echo.sentAt)
  writer.varint(echo.heldMs)
}

function readEcho(reader: Reader): Echo {
  return { sentAt: millis(reader.varint()), heldMs: millis(reader.varint()) }
}

function writeHash(writer: Writer, hash: Uint8Array): void {
  writer.shortBytes(hash, HASH_BYTES_MAX)
}

function readHash(reader: Reader): Uint8Array {
  return reader.shortBytes(HASH_BYTES_MAX)
}
