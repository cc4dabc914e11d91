/**
 * Codecs of plain values. Their `decode` throws `SCHEMA_INVALID` for what `encode` cannot have
 * made.
 */

import type { Bytes } from '@synevi/accord'
import type { Codec } from '../contract/executor.ts'
import { decodeJson, encodeJson } from './canonical-json.ts'
import { schemaInvalid } from './schema-invalid.ts'

/** Stateless; refuses what is not UTF-8. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NOTHING: Bytes = new Uint8Array(0)

/** Bytes as they are. */
export const bytesCodec: Codec<Bytes> = Object.freeze({
  encode: (value: Bytes) => (value instanceof Uint8Array ? value : invalid('it is not bytes')),
  decode: (bytes: Bytes) => bytes,
})

/** Text as UTF-8. `encode` refuses lone surrogates, which UTF-8 lacks. */
export const stringCodec: Codec<string> = Object.freeze({
  encode: (value: string) => {
    if (typeof value !== 'string') invalid('it is not a text')
    if (/\p{Surrogate}/u.test(value)) invalid('it is not well-formed Unicode')
    return utf8Bytes(value)
  },
  decode: utf8Text,
})

/** A whole number of any size as decimal text. */
export const bigintCodec: Codec<bigint> = Object.freeze({
  encode: (value: bigint) => {
    if (typeof value !== 'bigint') invalid('it is not a bigint')
    return utf8Bytes(value.toString())
  },
  decode: (bytes: Bytes) => {
    const text = utf8Text(bytes)
    if (!/^(0|-?[1-9][0-9]*)$/.test(text)) invalid('it is not a whole number')
    return BigInt(text)
  },
})

/**
 * Whatever canonical JSON can say (`canonical-json.ts`): bigints, dates and bytes included. Not
 * undefined.
 */
export const jsonCodec: Codec<unknown> = Object.freeze({
  encode: (value: unknown) => utf8Bytes(encodeJson(value)),
  decode: (bytes: Bytes) => decodeJson(utf8Text(bytes)),
})

/** Nothing: no bytes. */
export const voidCodec: Codec<void> = Object.freeze({
  encode: (value: void) => (value === undefined ? NOTHING : invalid('there is nothing to say')),
  decode: (bytes: Bytes) =>
    bytes.byteLength === 0 ? undefined : invalid('there is nothing to say'),
})

/** What does not happen: the refusals of a transaction that declares none. */
export const neverCodec: Codec<never> = Object.freeze({
  encode: () => invalid('the transaction declares no such outcome'),
  decode: () => invalid('the transaction declares no such outcome'),
})

/** UTF-8 in bytes of their own. */
export function utf8Bytes(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

/** The text of well-formed UTF-8. Throws `SCHEMA_INVALID`. */
export function utf8Text(bytes: Bytes): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    return invalid('it is not UTF-8')
  }
}

function invalid(message: string): never {
  throw schemaInvalid('the value does not have its shape', [{ message, path: [] }])
}
