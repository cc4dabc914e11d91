/** From a shape, which is a codec or a Standard Schema, to bytes and back. */

import type { Bytes } from '@synevi/accord'
import type { Codec } from '../contract/executor.ts'
import { SyneviError } from '../synevi-error.ts'
import { decodeJson, encodeJson } from './canonical-json.ts'
import { utf8Bytes, utf8Text } from './plain-codecs.ts'
import { schemaInvalid } from './schema-invalid.ts'
import type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.ts'

/** How a value looks and travels. A schema's values travel as canonical JSON. */
export type Shape<T> = Codec<T> | StandardSchemaV1<unknown, T>

const NOTHING: Bytes = new Uint8Array(0)

/**
 * Values of a schema as canonical JSON (`canonical-json.ts`); undefined as no bytes. The schema is
 * asked both when a value leaves and when it comes: it must accept what it gives out, so defaults
 * and trimming are fine, and transformations to another type are not.
 *
 * Both ways throw `SCHEMA_INVALID` with the issues, and `INVALID_ARGUMENT` for a schema that
 * validates asynchronously: `execute` and the making of a transaction cannot wait. Where waiting is
 * possible, which is for the results at the caller, use {@link decodeShape}.
 */
export function schemaCodec<T>(schema: StandardSchemaV1<unknown, T>): Codec<T> {
  return {
    encode: (value) => formatJson(atOnce(validate(schema, value))),
    decode: (bytes) => atOnce(validate(schema, parseJson(bytes))),
  }
}

/** The codec of a shape: itself, or that of the schema. */
export function shapeCodec<T>(shape: Shape<T>): Codec<T> {
  return isSchema(shape) ? schemaCodec(shape) : shape
}

/**
 * Decodes where it is possible to wait; rejects as {@link schemaCodec} throws. Waits only for
 * asynchronous schemas.
 */
export function decodeShape<T>(shape: Shape<T>, bytes: Bytes): T | Promise<T> {
  return isSchema(shape) ? validate(shape, parseJson(bytes)) : shape.decode(bytes)
}

/** Encodes where it is possible to wait; see {@link decodeShape}. */
export function encodeShape<T>(shape: Shape<T>, value: T): Bytes | Promise<Bytes> {
  if (!isSchema(shape)) return shape.encode(value)
  const valid = validate(shape, value)
  return valid instanceof Promise ? valid.then(formatJson) : formatJson(valid)
}

function isSchema<T>(shape: Shape<T>): shape is StandardSchemaV1<unknown, T> {
  return '~standard' in shape
}

function formatJson(value: unknown): Bytes {
  return value === undefined ? NOTHING : utf8Bytes(encodeJson(value))
}

function parseJson(bytes: Bytes): unknown {
  return bytes.byteLength === 0 ? undefined : decodeJson(utf8Text(bytes))
}

function validate<T>(schema: StandardSchemaV1<unknown, T>, value: unknown): T | Promise<T> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then(valueOf) : valueOf(result)
}

function valueOf<T>(result: StandardResult<T>): T {
  if (result.issues === undefined) return result.value
  throw schemaInvalid('the value does not have its shape', result.issues.map(issueOf))
}

function issueOf(issue: StandardIssue): { message: string; path: readonly (string | number)[] } {
  const path = (issue.path ?? []).map((step) => {
    const key = typeof step === 'object' ? step.key : step
    return typeof key === 'symbol' ? key.toString() : key
  })
  return { message: issue.message, path }
}

function atOnce<T>(value: T | Promise<T>): T {
  if (!(value instanceof Promise)) return value
  // Nobody waits for it: what it comes to is nobody's business.
  value.catch(() => undefined)
  throw new SyneviError(
    'INVALID_ARGUMENT',
    'cannot wait for an asynchronous schema where a transaction is made or executed',
    { definite: true },
  )
}
