/**
 * Canonical JSON: one value, one text. Keys are sorted by code unit, nothing is spaced, and what
 * JSON lacks stands as an object with one key:
 *
 * ```text
 * 5n                          {"$bigint":"5"}
 * new Date(0)                 {"$date":"1970-01-01T00:00:00.000Z"}
 * Uint8Array.of(1, 2)         {"$bytes":"AQI="}
 * { $anything: 1 }            {"$$anything":1}        an object of the user's like one of these
 * ```
 *
 * Kept: null, booleans, finite numbers (-0 as 0), text, arrays, plain objects. Properties that are
 * undefined are left out, as in JSON. Refused, since they would come back as something else: NaN
 * and infinities, undefined in arrays, functions, symbols, instances of classes, more than 256
 * levels (and so cycles).
 */

import { schemaInvalid } from './schema-invalid.ts'

/** Levels of arrays and objects. */
export const JSON_DEPTH_MAX = 256

/** Of a bigint in decimal: parsing takes more than linear time. */
const BIGINT_DIGITS_MAX = 10_000

const BIGINT = '$bigint'
const DATE = '$date'
const BYTES = '$bytes'
const ENCODE = 'cannot encode the value'
const DECODE = 'cannot decode the value'

type Path = (string | number)[]

/** The text of a value. Throws `SCHEMA_INVALID` for what has none. */
export function encodeJson(value: unknown): string {
  return encode(value, [])
}

/** The value of a text. Throws `SCHEMA_INVALID` for what {@link encodeJson} cannot have made. */
export function decodeJson(text: string): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The message of the exception quotes the text.
    throw schemaInvalid(DECODE, [{ message: 'it is not JSON', path: [] }])
  }
  return decode(parsed, [])
}

function encode(value: unknown, path: Path): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw refused(ENCODE, 'a number is not finite', path)
      return JSON.stringify(value)
    case 'bigint':
      return `{"${BIGINT}":"${digits(value, path)}"}`
    case 'object':
      if (value === null) return 'null'
      if (path.length >= JSON_DEPTH_MAX) throw tooDeep(ENCODE)
      return encodeObject(value, path)
    case 'undefined':
    case 'function':
    case 'symbol':
    default:
      throw refused(ENCODE, `${typeof value} has no form in JSON`, path)
  }
}

function digits(value: bigint, path: Path): string {
  const text = value.toString()
  if (text.length > BIGINT_DIGITS_MAX)
    throw refused(ENCODE, `a bigint has ${text.length} digits`, path)
  return text
}

function encodeObject(value: object, path: Path): string {
  if (Array.isArray(value)) return encodeArray(value, path)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(ENCODE, 'a date is invalid', path)
    return `{"${DATE}":"${value.toISOString()}"}`
  }
  if (value instanceof Uint8Array) {
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    return `{"${BYTES}":"${base64}"}`
  }
  if (!isPlain(value)) throw refused(ENCODE, 'an instance of a class has no form in JSON', path)
  return encodePlain(value, path)
}

function encodeArray(value: readonly unknown[], path: Path): string {
  let text = '['
  for (let i = 0; i < value.length; i++) {
    path.push(i)
    text += i === 0 ? encode(value[i], path) : `,${encode(value[i], path)}`
    path.pop()
  }
  return `${text}]`
}

function encodePlain(value: object, path: Path): string {
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const escape = entries.length === 1 ? '$' : ''
  let text = '{'
  for (const [key, item] of entries) {
    path.push(key)
    const name = JSON.stringify(key.startsWith('$') ? escape + key : key)
    text += `${text.length === 1 ? '' : ','}${name}:${encode(item, path)}`
    path.pop()
  }
  return `${text}}`
}

function decode(value: unknown, path: Path): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw refused(DECODE, 'a number is not finite', path)
  }
  if (typeof value !== 'object' || value === null) return value
  if (path.length >= JSON_DEPTH_MAX) throw tooDeep(DECODE)
  if (Array.isArray(value)) return value.map((item: unknown, i) => decodeItem(item, i, path))
  const entries: [string, unknown][] = Object.entries(value)
  const [only] = entries
  if (only?.[0].startsWith('$') === true && entries.length === 1) return decodeMarked(only, path)
  const object = {}
  for (const [key, item] of entries) define(object, key, decodeItem(item, key, path))
  return object
}

function decodeItem(item: unknown, key: string | number, path: Path): unknown {
  path.push(key)
  const value = decode(item, path)
  path.pop()
  return value
}

function decodeMarked([key, item]: readonly [string, unknown], path: Path): unknown {
  if (key.startsWith('$$')) {
    const object = {}
    define(object, key.slice(1), decodeItem(item, key, path))
    return object
  }
  if (typeof item !== 'string') throw refused(DECODE, `${key} is not followed by a text`, path)
  switch (key) {
    case BIGINT:
      if (item.length > BIGINT_DIGITS_MAX || !/^(0|-?[1-9][0-9]*)$/.test(item)) break
      return BigInt(item)
    case DATE: {
      const date = new Date(item)
      if (Number.isNaN(date.getTime()) || date.toISOString() !== item) break
      return date
    }
    case BYTES: {
      const bytes = Buffer.from(item, 'base64')
      if (bytes.toString('base64') !== item) break
      return new Uint8Array(bytes)
    }
    default:
      throw refused(DECODE, 'a key that begins with $ stands alone', path)
  }
  throw refused(DECODE, `${key} is followed by something else`, path)
}

/** Not by assignment: "**proto**" is a key like any other. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/** Of `Object`, of no prototype, or of the `Object` of another realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null
}

function refused(what: string, message: string, path: Path): Error {
  return schemaInvalid(what, [{ message, path: [...path] }])
}

function tooDeep(what: string): Error {
  return schemaInvalid(what, [{ message: `more than ${JSON_DEPTH_MAX} levels`, path: [] }])
}
