/** Identifiers of 128 bits as text: ULIDs (made here, Crockford's base 32) and UUIDs (accepted). */

import { randomBytes } from 'node:crypto'
import type { Bytes } from '@synevi/accord'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** The 16 bytes of a ULID, a UUID or 32 hexadecimal digits, in either case; else undefined. */
export function parseIdentifier(text: string): Bytes | undefined {
  if (ULID.test(text)) {
    let value = 0n
    for (const digit of text.toUpperCase()) value = (value << 5n) | BigInt(ALPHABET.indexOf(digit))
    return Buffer.from(value.toString(16).padStart(32, '0'), 'hex')
  }
  return UUID.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : undefined
}

/** 16 bytes as a ULID, 26 upper-case characters. */
export function formatUlid(bytes: Bytes): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = ALPHABET.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return text
}

/** The 16 bytes of a ULID: milliseconds since 1970 (48 bits), then 80 random bits. */
export function ulidBytes(wallMs: number, random: Bytes): Bytes {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(wallMs) << 16n)
  bytes.set(random.subarray(0, 10), 6)
  return bytes
}

/** A fresh node id (ULID text), all chance: make it once and keep it with the node's data. */
export function newNodeId(): string {
  const bytes = new Uint8Array(randomBytes(16))
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return formatUlid(bytes)
}
