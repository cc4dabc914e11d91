/** A replicated map: keys of text, values of bytes. */

import type { Bytes } from '@synevi/accord'
import type { Codec, Executor, StateReader, TableReader } from '../contract/executor.ts'
import { defineExecutor } from '../define/define-executor.ts'
import { bytesCodec, stringCodec, utf8Text } from '../define/plain-codecs.ts'
import { answer, defineQuery, type QueryType } from '../define/query.ts'
import { err, ok } from '../define/result.ts'
import { schemaInvalid } from '../define/schema-invalid.ts'
import { defineTransaction, on, type TransactionType } from '../define/transaction.ts'

/** `key`: 1 to 512 bytes of UTF-8. */
export interface KvWrite {
  readonly key: string
  readonly value: Bytes
}

/** Writes `value` if the key holds exactly `expected`. Undefined: is absent, and deletes. */
export interface KvCas {
  readonly key: string
  readonly expected: Bytes | undefined
  readonly value: Bytes | undefined
}

/** What stood there instead of the expected. */
export interface KvMismatch {
  readonly code: 'mismatch'
  readonly found: Bytes | undefined
}

const FIELD_ABSENT = 0xffff_ffff

/** Fields of bytes or nothing, each behind its length in 32 bits. */
function fieldsOf(count: number, bytes: Bytes): readonly (Bytes | undefined)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: (Bytes | undefined)[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 4 > bytes.byteLength) malformed()
    const length = view.getUint32(at)
    at += 4
    if (length === FIELD_ABSENT) {
      fields.push(undefined)
      continue
    }
    if (length > bytes.byteLength - at) malformed()
    fields.push(bytes.subarray(at, at + length))
    at += length
  }
  if (at !== bytes.byteLength) malformed()
  return fields
}

function bytesOfFields(fields: readonly (Bytes | string | undefined)[]): Bytes {
  let size = 0
  for (const field of fields) size += 4 + (field === undefined ? 0 : Buffer.byteLength(field))
  const bytes = Buffer.from(new ArrayBuffer(size))
  let at = 0
  for (const field of fields) {
    const length = field === undefined ? FIELD_ABSENT : Buffer.byteLength(field)
    at = bytes.writeUInt32BE(length, at)
    if (field === undefined) continue
    if (typeof field === 'string') bytes.write(field, at, 'utf8')
    else bytes.set(field, at)
    at += length
  }
  return new Uint8Array(bytes.buffer)
}

function malformed(): never {
  throw schemaInvalid('cannot decode the value', [{ message: 'its fields do not fit', path: [] }])
}

function keyOf(field: Bytes | undefined): string {
  return field === undefined ? malformed() : utf8Text(field)
}

const writeCodec: Codec<KvWrite> = {
  encode: ({ key, value }) => bytesOfFields([key, value]),
  decode: (bytes) => {
    const [key, value = malformed()] = fieldsOf(2, bytes)
    return { key: keyOf(key), value }
  },
}

const casCodec: Codec<KvCas> = {
  encode: ({ key, expected, value }) => bytesOfFields([key, expected, value]),
  decode: (bytes) => {
    const [key, expected, value] = fieldsOf(3, bytes)
    return { key: keyOf(key), expected, value }
  },
}

/** Bytes or nothing. */
const optionalCodec: Codec<Bytes | undefined> = {
  encode: (value) => bytesOfFields([value]),
  decode: (bytes) => fieldsOf(1, bytes)[0],
}

const mismatchCodec: Codec<KvMismatch> = {
  encode: ({ found }) => optionalCodec.encode(found),
  decode: (bytes) => ({ code: 'mismatch', found: optionalCodec.decode(bytes) }),
}

/** The transactions and the query of {@link KvExecutor}. */
export interface KvRequests {
  /** Sets a key. */
  readonly write: TransactionType<KvWrite, void, never>
  /** Removes a key; harmless when it is absent. */
  readonly delete: TransactionType<string, void, never>
  /** The value at the transaction's own place in the order; undefined when absent. */
  readonly read: TransactionType<string, Bytes | undefined, never>
  /** Compare and set. */
  readonly cas: TransactionType<KvCas, void, KvMismatch>
  /** The value without an entry in the log, as fresh as the read asks for. */
  readonly get: QueryType<string, Bytes | undefined>
}

/** Makes the requests that {@link KvExecutor} handles. */
export const Kv: KvRequests = Object.freeze<KvRequests>({
  write: defineTransaction('kv/write', { input: writeCodec }),
  delete: defineTransaction('kv/delete', { input: stringCodec }),
  read: defineTransaction('kv/read', { input: stringCodec, ok: optionalCodec }),
  cas: defineTransaction('kv/cas', { input: casCodec, err: mismatchCodec }),
  get: defineQuery('kv/get', { input: stringCodec, output: optionalCodec }),
})

/** Keeps no state of its own: one value serves any number of nodes. */
export const KvExecutor: Executor = defineExecutor('kv', {
  transactions: [
    on(Kv.write, ({ key, value }, context) => {
      context.table('map', bytesCodec).put(key, value)
      return ok()
    }),
    on(Kv.delete, (key, context) => {
      context.table('map', bytesCodec).delete(key)
      return ok()
    }),
    on(Kv.read, (key, context) => ok(mapOf(context).get(key))),
    on(Kv.cas, ({ key, expected, value }, context) => {
      const map = context.table('map', bytesCodec)
      const found = map.get(key)
      if (!isSame(found, expected)) return err({ code: 'mismatch', found })
      if (value === undefined) map.delete(key)
      else map.put(key, value)
      return ok()
    }),
  ],
  queries: [answer(Kv.get, (key, view) => mapOf(view).get(key))],
})

function mapOf(state: StateReader): TableReader<Bytes> {
  return state.table('map', bytesCodec)
}

function isSame(a: Bytes | undefined, b: Bytes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}
