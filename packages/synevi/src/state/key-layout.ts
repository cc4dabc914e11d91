/**
 * Where everything stands in the store: one byte for the table, then the key. Timestamps are 16
 * bytes and positions 8, big-endian, so that the order of keys is their order.
 *
 * ```text
 * 01 fact            fact:8                          facts of the node, one value each
 * 02 peer            serial:16                       what is durably known of a peer's store
 * 03 mark            00 | 01 key                     last applied, for 'all' and for each key since
 * 10 live record     txnId:128                       neither applied nor invalidated, no txn
 * 11 settled record  txnId:128                       applied or invalidated, no txn
 * 12 txn             txnId:128                       of a record that is not applied; written once
 * 20 log             executeAt:128                   an applied transaction, whole
 * 21 place           lastPosition:64                 where its entries stand, their outcomes
 * 30 request         requestId:128                   request memory: the outcome of its first use
 * 31 request page    lastPosition:64                 the ids that one transaction added to it
 * 40 state           executor 00 00 key              executor state, keys of bytes
 *                    executor 00 01 table 00 key     executor state, tables
 * ```
 *
 * The tables 03, 20 … 40 exist twice: their second place has the high bit set (83, a0 … c0), see
 * `slots.ts`.
 *
 * Keys are handled as text of one code unit for each byte (latin1): it hashes, compares and
 * concatenates faster than bytes, in the same order.
 */

import {
  TIMESTAMP_BYTES,
  timestamp,
  type Bytes,
  type NodeSerial,
  type Timestamp,
} from '@synevi/accord'

/** The tables, by their first byte. */
export const TABLE = {
  fact: 0x01,
  peer: 0x02,
  mark: 0x03,
  live: 0x10,
  settled: 0x11,
  txn: 0x12,
  log: 0x20,
  place: 0x21,
  request: 0x30,
  requestPage: 0x31,
  state: 0x40,
} as const

/** The first byte of a key. */
export type Table = (typeof TABLE)[keyof typeof TABLE]

/** The tables' names for messages. */
export const TABLE_NAMES: Readonly<Record<Table, string>> = {
  [TABLE.fact]: 'fact',
  [TABLE.peer]: 'peer',
  [TABLE.mark]: 'mark',
  [TABLE.live]: 'live record',
  [TABLE.settled]: 'settled record',
  [TABLE.txn]: 'txn',
  [TABLE.log]: 'log entry',
  [TABLE.place]: 'place',
  [TABLE.request]: 'request',
  [TABLE.requestPage]: 'request page',
  [TABLE.state]: 'state',
}

/** The facts of a node, by the second byte of their key. */
export const FACT = {
  format: 0x01,
  cluster: 0x02,
  self: 0x03,
  storeId: 0x04,
  durableSeq: 0x05,
  hlcReserve: 0x06,
  admitted: 0x07,
  membership: 0x08,
  settings: 0x09,
  applied: 0x0a,
  features: 0x0b,
  floor: 0x0c,
  closedBefore: 0x0d,
  epochs: 0x10,
  /** Of the tables' sums (`table-sums.ts`). */
  sums: 0x20,
  /** Which slot is current; absent: A. See `slots.ts`. */
  slots: 0x30,
  /** The snapshot that is being staged; absent: none. See `staging.ts`. */
  staging: 0x31,
  /** Where the history in this store begins; absent: with the first entry. */
  base: 0x32,
  /** The position of a divergence that was not repaired; absent: none. */
  diverged: 0x33,
} as const

/** The second byte of the key of a fact. */
export type Fact = (typeof FACT)[keyof typeof FACT]

/** Whether a number is that of a fact. */
export function isFact(value: number): value is Fact {
  return Object.values<number>(FACT).includes(value)
}

/** The name of the table that a key belongs to, for messages. */
export function tableOf(key: Bytes): string {
  // The tables of slot B have the high bit (`slots.ts`).
  const first = (key[0] ?? 0) & 0x7f
  for (const table of Object.values(TABLE)) if (table === first) return TABLE_NAMES[table]
  return 'unknown table'
}

/** The first key of a table. */
export function tableStart(table: Table): Bytes {
  return Uint8Array.of(table)
}

/** The first key behind a table. */
export function tableEnd(table: Table): Bytes {
  return Uint8Array.of(table + 1)
}

/** The key of a fact. */
export function factKey(fact: Fact): Bytes {
  return Uint8Array.of(TABLE.fact, fact)
}

/** The key of what is known of a peer. */
export function peerKey(serial: NodeSerial): Bytes {
  return Uint8Array.of(TABLE.peer, serial >>> 8, serial & 0xff)
}

/** `key`: a conflict key (latin1), or `'all'`, which stands for itself. */
export function markKey(key: string, all: boolean): Bytes {
  return all
    ? Uint8Array.of(TABLE.mark, 0)
    : bytesOfText(`${String.fromCharCode(TABLE.mark, 1)}${key}`)
}

/** A key that is a timestamp: of `live`, `settled`, `txn` and `log`. */
export function timestampKey(table: Table, value: Timestamp): Bytes {
  const key = new Uint8Array(1 + TIMESTAMP_BYTES)
  key[0] = table
  putUint64(key, 1, value >> 64n)
  putUint64(key, 9, BigInt.asUintN(64, value))
  return key
}

/** A key that is a position: of `place` and `requestPage`. */
export function positionKey(table: Table, position: bigint): Bytes {
  const key = new Uint8Array(9)
  key[0] = table
  putUint64(key, 1, position)
  return key
}

/**
 * Byte by byte: a DataView would move the bytes of so small an array out of the heap, which made
 * these keys the costliest line of the simulator's profile.
 */
function putUint64(key: Uint8Array, at: number, value: bigint): void {
  putUint32(key, at, Number(value >> 32n))
  putUint32(key, at + 4, Number(BigInt.asUintN(32, value)))
}

function putUint32(key: Uint8Array, at: number, value: number): void {
  key[at] = value >>> 24
  key[at + 1] = value >>> 16
  key[at + 2] = value >>> 8
  key[at + 3] = value
}

/** The timestamp in a key of {@link timestampKey}. Throws a RangeError for what is none. */
export function timestampOfKey(key: Bytes): Timestamp {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return timestamp((view.getBigUint64(1) << 64n) | view.getBigUint64(9))
}

/** The position in a key. */
export function positionOfKey(key: Bytes): bigint {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(1)
}

/** The key of a request, as text. */
export function requestKey(id: Bytes): string {
  return String.fromCharCode(TABLE.request) + textOfBytes(id)
}

/** One code unit for each byte: the order of texts is the order of bytes. */
export function textOfBytes(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/**
 * The bytes of a key; code units above 255 do not occur. May share a pool: for stores, not for
 * callers.
 */
export function bytesOfText(text: string): Bytes {
  return Buffer.from(text, 'latin1')
}

/** The least text above every text that begins with `prefix`; undefined when there is none. */
export function behindPrefix(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i)
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1)
  }
  return undefined
}
