/**
 * The checksum on every record: LMDB has none, and serves a flipped bit without a word. A record is
 * the value and 4 bytes of CRC-32 (IEEE) over key and value, so a value found under another key is
 * noticed too.
 */

import { crc32 } from 'node:zlib'
import type { Bytes } from 'synevi'
import { storeFailure } from './store-failure.ts'

/** What a checksum adds to each value. */
export const CHECKSUM_BYTES = 4

/** The record to store. A copy: the value stays the caller's. */
export function seal(key: Bytes, value: Bytes): Bytes {
  const record = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES)
  record.set(value)
  record.writeUInt32LE(checksumOf(key, value), value.length)
  return record
}

/**
 * The value of a record, as a view of it. Throws `STORE_FAILED`, naming the key, if it is not what
 * was sealed.
 */
export function unseal(key: Bytes, record: Bytes): Bytes {
  const valueBytes = record.byteLength - CHECKSUM_BYTES
  if (valueBytes >= 0) {
    const value = new Uint8Array(record.buffer, record.byteOffset, valueBytes)
    if (storedChecksum(record, valueBytes) === checksumOf(key, value)) return value
  }
  const hex = Buffer.from(key).toString('hex')
  throw storeFailure(
    'damaged',
    `cannot read key ${hex}: its checksum is wrong, the disk altered it; ` +
      'replace it from a peer, or replace this member',
    { key: hex },
  )
}

function checksumOf(key: Bytes, value: Bytes): number {
  const ofKey = crc32(key)
  // zlib forgets the start value when the bytes are empty and lie nowhere.
  return value.length === 0 ? ofKey : crc32(value, ofKey)
}

function storedChecksum(record: Bytes, at: number): number {
  return new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(at, true)
}
