/** The parts of messages and records: keys, deps, transactions, votes, watermarks, log entries. */

import { invariant, unreachable } from '../invariant.ts'
import {
  DEPS_IDS_MAX,
  DEPS_MARKS_MAX,
  HASH_BYTES_MAX,
  MEMBERS_MAX,
  STORE_ID_BYTES,
} from '../message/bounds.ts'
import type { DecidedEntry, LogEntry, Watermark } from '../message/message.ts'
import { epoch, type Epoch, type Timestamp, type TxnId } from '../time/timestamp.ts'
import type { Deps, Mark } from '../txn/deps.ts'
import { KEYS_MAX, conflictKey, type ConflictKey, type Keys } from '../txn/keys.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import type { Txn } from '../txn/txn.ts'
import type { Accepted, Vote } from '../txn/txn-record.ts'
import { malformed } from './decoded.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

const KEY_CHARS_MAX = 255
const MEMBER_ID_CHARS_MAX = 64
const ADDRESS_CHARS_MAX = 255

/** A count and the keys; a count of 0 means all. */
export function writeKeys(writer: Writer, keys: Keys): void {
  if (keys === 'all') return writer.varint(0)
  invariant(keys.length > 0, 'a set of keys is not empty')
  writer.count(keys.length, KEYS_MAX)
  for (const key of keys) writer.latin1(key, KEY_CHARS_MAX)
}

/** Refuses keys that are not canonical. */
export function readKeys(reader: Reader): Keys {
  const count = reader.count(KEYS_MAX, 2, 8)
  if (count === 0) return 'all'
  const keys: ConflictKey[] = []
  for (let i = 0; i < count; i++) keys.push(readKey(reader.latin1(KEY_CHARS_MAX)))
  return keys
}

function readKey(text: string): ConflictKey {
  if (text === '' || text === 'all') malformed('a conflict key is empty, or the word `all`')
  return conflictKey(text)
}

/** Ids, then marks. */
export function writeDeps(writer: Writer, deps: Deps): void {
  writeIds(writer, deps.ids, DEPS_IDS_MAX)
  writeMarks(writer, deps.marks)
}

/** Refuses deps beyond the bounds. */
export function readDeps(reader: Reader): Deps {
  return { ids: readIds(reader, DEPS_IDS_MAX), marks: readMarks(reader) }
}

/** A count, then ids. */
export function writeIds(writer: Writer, ids: readonly TxnId[], max: number): void {
  writer.count(ids.length, max)
  for (const id of ids) writer.timestamp(id)
}

/** Refuses more ids than the bound. */
export function readIds(reader: Reader, max: number): readonly TxnId[] {
  const count = reader.count(max, 16, 0)
  const ids: TxnId[] = []
  for (let i = 0; i < count; i++) ids.push(reader.timestamp())
  return ids
}

/** The key of each is a text; the empty one means all. */
export function writeMarks(writer: Writer, marks: readonly Mark[]): void {
  writer.count(marks.length, DEPS_MARKS_MAX)
  for (const mark of marks) {
    if (mark.key === 'all') writer.byte(0)
    else writer.latin1(mark.key, KEY_CHARS_MAX)
    writer.timestamp(mark.id)
    writer.timestamp(mark.at)
  }
}

/** Refuses more marks than the bound. */
export function readMarks(reader: Reader): readonly Mark[] {
  const count = reader.count(DEPS_MARKS_MAX, 33, 48)
  const marks: Mark[] = []
  for (let i = 0; i < count; i++) {
    const text = reader.latin1(KEY_CHARS_MAX)
    const key = text === '' ? 'all' : readKey(text)
    marks.push({ key, id: reader.timestamp(), at: reader.timestamp() })
  }
  return marks
}

const APPLICATION = 1
const BARRIER = 2
const RECONFIG = 3

/** A byte for the kind, then its fields; the payload last. */
export function writeTxn(writer: Writer, txn: Txn): void {
  switch (txn.kind) {
    case 'application':
      writer.byte(APPLICATION)
      writeKeys(writer, txn.keys)
      writer.shortBytes(txn.digest, HASH_BYTES_MAX)
      writer.bytes(txn.payload)
      return
    case 'barrier':
      writer.byte(BARRIER)
      writer.timestamp(txn.closedBefore)
      return
    case 'reconfig':
      writer.byte(RECONFIG)
      writer.uint16(txn.expectEpoch)
      writeMembers(writer, txn.members)
      return
    default:
      return unreachable(txn)
  }
}

/** Refuses a kind that is not known. */
export function readTxn(reader: Reader): Txn {
  const kind = reader.byte()
  switch (kind) {
    case APPLICATION: {
      const keys = readKeys(reader)
      const digest = reader.shortBytes(HASH_BYTES_MAX)
      return { kind: 'application', keys, payload: reader.payload(), digest }
    }
    case BARRIER:
      return { kind: 'barrier', closedBefore: reader.timestamp() }
    case RECONFIG:
      return { kind: 'reconfig', expectEpoch: readEpoch(reader), members: readMembers(reader) }
    default:
      return malformed(`a transaction of kind ${kind}`)
  }
}

/** Refuses 0. */
export function readEpoch(reader: Reader): Epoch {
  const value = reader.uint16()
  if (value === 0) malformed('epochs begin at 1')
  return epoch(value)
}

/** Added to the count where members have more than serial, id and address: above every count. */
const EXTENDED = 128
const IS_LEARNER = 1
const HAS_STORE_ID = 2
const REPLACES = 4

/**
 * A count, then members. Where all are voters whose store is not named, as before there were
 * others; else each has a byte that says what follows.
 */
export function writeMembers(writer: Writer, members: readonly MemberEntry[]): void {
  const extended = members.some((member) => extensionOf(member) !== 0)
  invariant(members.length <= MEMBERS_MAX, 'a configuration has at most 64 members')
  writer.count(extended ? EXTENDED + members.length : members.length, EXTENDED + MEMBERS_MAX)
  for (const member of members) {
    invariant(member.id.length > 0, 'a member has an identity')
    writer.uint16(member.serial)
    writer.latin1(member.id, MEMBER_ID_CHARS_MAX)
    writer.latin1(member.address, ADDRESS_CHARS_MAX)
    if (!extended) continue
    writer.byte(extensionOf(member))
    if (member.storeId !== undefined) writer.shortBytes(member.storeId, STORE_ID_BYTES)
    if (member.replaces !== undefined) writer.uint16(member.replaces)
  }
}

function extensionOf({ role, storeId, replaces }: MemberEntry): number {
  return (
    (role === 'learner' ? IS_LEARNER : 0) |
    (storeId === undefined ? 0 : HAS_STORE_ID) |
    (replaces === undefined ? 0 : REPLACES)
  )
}

/** Refuses more members than the bound. */
export function readMembers(reader: Reader): readonly MemberEntry[] {
  const told = reader.marked(EXTENDED, MEMBERS_MAX, 5, 56)
  const members: MemberEntry[] = []
  let extended = false
  for (let i = 0; i < told.count; i++) {
    const serial = reader.node()
    const id = reader.latin1(MEMBER_ID_CHARS_MAX)
    if (id === '') malformed('a member without an identity')
    const entry: MemberEntry = { serial, id, address: reader.latin1(ADDRESS_CHARS_MAX) }
    const member = told.isMarked ? readExtension(reader, entry) : entry
    extended ||= extensionOf(member) !== 0
    members.push(member)
  }
  if (extended !== told.isMarked) malformed('members in a longer form than they need')
  return members
}

function readExtension(reader: Reader, entry: MemberEntry): MemberEntry {
  const flags = reader.byte()
  if (flags > (IS_LEARNER | HAS_STORE_ID | REPLACES)) malformed(`a member with flags ${flags}`)
  let member = entry
  if ((flags & IS_LEARNER) !== 0) member = { ...member, role: 'learner' }
  if ((flags & HAS_STORE_ID) !== 0) {
    const storeId = reader.shortBytes(STORE_ID_BYTES)
    if (storeId.length !== STORE_ID_BYTES) malformed('an identity of a store that is not 16 bytes')
    member = { ...member, storeId }
  }
  if ((flags & REPLACES) !== 0) member = { ...member, replaces: reader.node() }
  return member
}

/** When, and whether it is a yes. */
export function writeVote(writer: Writer, vote: Vote): void {
  writer.flag(vote.yes)
  writer.timestamp(vote.witnessedAt)
}

/** As written. */
export function readVote(reader: Reader): Vote {
  const yes = reader.flag()
  return { witnessedAt: reader.timestamp(), yes }
}

/** The flag says whether a timestamp follows; otherwise it is 'invalid'. */
export function writeAccepted(writer: Writer, accepted: Accepted): void {
  writer.ballot(accepted.ballot)
  writer.flag(accepted.value !== 'invalid')
  if (accepted.value !== 'invalid') writer.timestamp(accepted.value)
}

/** As written. */
export function readAccepted(reader: Reader): Accepted {
  const ballot = reader.ballot()
  return { ballot, value: reader.flag() ? reader.timestamp() : 'invalid' }
}

/** Position, executeAt, chain heads. */
export function writeWatermark(writer: Writer, watermark: Watermark): void {
  writer.uint64(watermark.position)
  writer.timestamp(watermark.executeAt)
  writer.shortBytes(watermark.txnHash, HASH_BYTES_MAX)
  writer.shortBytes(watermark.execHash, HASH_BYTES_MAX)
}

/** As written. */
export function readWatermark(reader: Reader): Watermark {
  return {
    position: reader.uint64(),
    executeAt: reader.timestamp(),
    txnHash: reader.shortBytes(HASH_BYTES_MAX),
    execHash: reader.shortBytes(HASH_BYTES_MAX),
  }
}

/** The fewest bytes of an entry, and what its objects take in memory beside its bytes. */
export const LOG_ENTRY_BYTES_MIN = 64
/** What one decoded entry takes in memory beside its bytes, about. */
export const LOG_ENTRY_HEAP = 280

/** An applied transaction, with its payload. */
export function writeLogEntry(writer: Writer, entry: LogEntry): void {
  writer.timestamp(entry.id)
  writer.timestamp(entry.executeAt)
  writeDeps(writer, entry.deps)
  writeWatermark(writer, entry.watermark)
  writeTxn(writer, entry.txn)
}

/** As written. */
export function readLogEntry(reader: Reader): LogEntry {
  const id = reader.timestamp()
  const executeAt = reader.timestamp()
  const deps = readDeps(reader)
  const watermark = readWatermark(reader)
  return { id, executeAt, txn: readTxn(reader), deps, watermark }
}

/** A decided transaction, without its payload. */
export function writeDecidedEntry(writer: Writer, entry: DecidedEntry): void {
  writer.timestamp(entry.id)
  writer.timestamp(entry.executeAt)
  writeKeys(writer, entry.keys)
}

/** As written. */
export function readDecidedEntry(reader: Reader): DecidedEntry {
  return { id: reader.timestamp(), executeAt: reader.timestamp(), keys: readKeys(reader) }
}

/** A flag, and the value when there is one. */
export function writeOptional<T>(
  writer: Writer,
  value: T | undefined,
  write: (writer: Writer, value: T) => void,
): void {
  writer.flag(value !== undefined)
  if (value !== undefined) write(writer, value)
}

/** Undefined when the flag says absent. */
export function readOptional<T>(reader: Reader, read: (reader: Reader) => T): T | undefined {
  return reader.flag() ? read(reader) : undefined
}

/** A count, then the items. */
export function writeList<T>(
  writer: Writer,
  items: readonly T[],
  max: number,
  write: (writer: Writer, item: T) => void,
): void {
  writer.count(items.length, max)
  for (const item of items) write(writer, item)
}

/**
 * `itemMin`: the fewest bytes of an item. `heap`: what it takes in memory beside its bytes and
 * timestamps.
 */
export function readList<T>(
  reader: Reader,
  bounds: { readonly max: number; readonly itemMin: number; readonly heap: number },
  read: (reader: Reader) => T,
): readonly T[] {
  const count = reader.count(bounds.max, bounds.itemMin, bounds.heap)
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(read(reader))
  return items
}

/** A timestamp as a member of a list or an option. */
export function writeTimestamp(writer: Writer, value: Timestamp): void {
  writer.timestamp(value)
}

/** Refuses what is no timestamp. */
export function readTimestamp(reader: Reader): Timestamp {
  return reader.timestamp()
}
