/**
 * Values as the store keeps them: a checksum of key and value (4 bytes), then the value. Whoever
 * reads one checks it; a value that does not match is never served and never ignored, since LMDB
 * has no checksums.
 */

import type { Bytes, Decoded } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { checksumOf } from './checksum.ts'
import { FieldError } from './fields.ts'
import { tableOf } from './key-layout.ts'

/** What can be read: a store, or a view of it. */
export type Source = Pick<Store, 'get' | 'scan'>

/** Bytes before the value. */
export const SEAL_BYTES = 4

/** The value, sealed for its key, in bytes of its own. */
export function seal(key: Bytes, value: Bytes): Bytes {
  const sealed = new Uint8Array(SEAL_BYTES + value.byteLength)
  sealed.set(value, SEAL_BYTES)
  sealInPlace(key, sealed)
  return sealed
}

/** Seals a value that stands behind {@link SEAL_BYTES} bytes left free for it. */
export function sealInPlace(key: Bytes, sealed: Uint8Array): void {
  const checksum = checksumOf(key, sealed, SEAL_BYTES)
  sealed[0] = checksum >>> 24
  sealed[1] = checksum >>> 16
  sealed[2] = checksum >>> 8
  sealed[3] = checksum
}

/**
 * The value in what was stored under the key: a view, never of a subclass of Uint8Array. Throws
 * `STORE_FAILED` (not definite), naming table and key, when the checksum says otherwise.
 */
export function unseal(key: Bytes, sealed: Bytes): Bytes {
  const bytes = new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < SEAL_BYTES) throw corrupt(key, 'the value is too short to hold a checksum')
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  const expected = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  if (checksumOf(key, bytes, SEAL_BYTES) !== expected)
    throw corrupt(key, 'the checksum does not match')
  return bytes.subarray(SEAL_BYTES)
}

/** The checked value under a key; undefined when there is none. Throws `STORE_FAILED`. */
export function getSealed(store: Pick<Source, 'get'>, key: Bytes): Bytes | undefined {
  const sealed = store.get(key)
  return sealed === undefined ? undefined : unseal(key, sealed)
}

/** Runs a parser of the value under a key. Throws `STORE_FAILED` where the fields make no sense. */
export function reading<T>(key: Bytes, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof FieldError || error instanceof RangeError)
      throw corrupt(key, error.message)
    throw error
  }
}

/** The value of a decoder of the core. Throws `STORE_FAILED`, or `INCOMPATIBLE_VERSION`. */
export function decoded<T>(key: Bytes, answer: Decoded<T>): T {
  if (answer.ok) return answer.value
  if (answer.code === 'MALFORMED') throw corrupt(key, answer.why)
  throw new SyneviError('INCOMPATIBLE_VERSION', `cannot read ${tableOf(key)}: ${answer.why}`, {
    definite: true,
  })
}

/** The failure that says which stored value cannot be what was written. */
export function corrupt(key: Bytes, why: string): SyneviError {
  const table = tableOf(key)
  const text = Buffer.from(key).toString('hex')
  return new SyneviError(
    'STORE_FAILED',
    `cannot read ${table} ${text}: ${why}; the store is damaged`,
    {
      definite: false,
      details: { table, key: text },
    },
  )
}
