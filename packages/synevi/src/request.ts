/** A request, a batch of them as the payload of one transaction, and its codec. */

import type { Bytes } from '@synevi/accord'
import { SyneviError } from './synevi-error.ts'

/** What a caller submits. `id` has 16 bytes, `name` 1 to 255 bytes of UTF-8. */
export interface Request {
  readonly id: Bytes
  readonly name: string
  readonly payload: Bytes
}

/** The first byte of each batch: the version that this code writes, and the only one it reads. */
export const BATCH_VERSION = 1

/** The most requests in one batch. */
export const BATCH_REQUESTS_MAX = 65_535

/** Bytes of a batch without requests: version, count. */
export const BATCH_HEAD_BYTES = 3

/** Bytes of a request beside its name and payload: its id and both lengths. */
const REQUEST_HEAD_BYTES = 21
const ID_BYTES = 16
const NAME_BYTES_MAX = 255
const PAYLOAD_BYTES_MAX = 0xffff_ffff

/** Stateless; refuses what is not UTF-8. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the request adds to an encoded batch, in bytes. */
export function requestBytes(request: Request): number {
  return REQUEST_HEAD_BYTES + Buffer.byteLength(request.name) + request.payload.byteLength
}

/**
 * The payload of one transaction: the requests in order. One value, one form: `version:8 |
 * count:16`, then for each request `id:128 | nameBytes:8 | payloadBytes:32 | name | payload`.
 * Throws `INVALID_ARGUMENT` (definite) for an id that has not 16 bytes, a name outside 1 to 255
 * bytes, or too many requests.
 */
export function encodeBatch(requests: readonly Request[]): Bytes {
  if (requests.length > BATCH_REQUESTS_MAX)
    throw invalid(`${requests.length} requests in one batch`)
  let size = BATCH_HEAD_BYTES
  for (const request of requests) size += requestBytes(request)
  const bytes = Buffer.from(new ArrayBuffer(size))
  bytes[0] = BATCH_VERSION
  bytes.writeUInt16BE(requests.length, 1)
  let at = BATCH_HEAD_BYTES
  for (const request of requests) at = writeRequest(bytes, at, request)
  return new Uint8Array(bytes.buffer)
}

/**
 * The requests of a payload; undefined for what encodeBatch cannot have made. Never throws. Ids and
 * payloads are views into `payload`.
 */
export function decodeBatch(payload: Bytes): readonly Request[] | undefined {
  // Not a subclass: its views would be subclasses too, slower and with other methods.
  const bytes = new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < BATCH_HEAD_BYTES || bytes[0] !== BATCH_VERSION) return undefined
  const count = view.getUint16(1)
  const requests: Request[] = []
  let at = BATCH_HEAD_BYTES
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < REQUEST_HEAD_BYTES) return undefined
    const nameBytes = bytes[at + ID_BYTES] ?? 0
    const payloadBytes = view.getUint32(at + ID_BYTES + 1)
    const nameAt = at + REQUEST_HEAD_BYTES
    const end = nameAt + nameBytes + payloadBytes
    if (nameBytes === 0 || end > bytes.length) return undefined
    const name = readName(bytes, nameAt, nameBytes, requests[i - 1]?.name)
    if (name === undefined) return undefined
    const id = bytes.subarray(at, at + ID_BYTES)
    requests.push({ id, name, payload: bytes.subarray(nameAt + nameBytes, end) })
    at = end
  }
  return at === bytes.length ? requests : undefined
}

/** Whether the payload is a batch of a version that this code does not know: of a later release. */
export function isLaterBatch(payload: Bytes): boolean {
  const version = payload[0]
  return version !== undefined && version > BATCH_VERSION
}

function writeRequest(bytes: Buffer, at: number, request: Request): number {
  if (request.id.byteLength !== ID_BYTES)
    throw invalid(`a request id of ${request.id.byteLength} bytes, not 16`)
  if (request.payload.byteLength > PAYLOAD_BYTES_MAX) throw invalid('a payload beyond 2^32 bytes')
  const nameAt = at + REQUEST_HEAD_BYTES
  const nameBytes = bytes.write(request.name, nameAt, 'utf8')
  if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX)
    throw invalid(`a name of ${nameBytes} bytes, not 1 to 255`)
  bytes.set(request.id, at)
  bytes[at + ID_BYTES] = nameBytes
  bytes.writeUInt32BE(request.payload.byteLength, at + ID_BYTES + 1)
  bytes.set(request.payload, nameAt + nameBytes)
  return nameAt + nameBytes + request.payload.byteLength
}

/** `previous`: the name before it, most often the same, so that no string is made for it. */
function readName(
  bytes: Uint8Array,
  at: number,
  length: number,
  previous: string | undefined,
): string | undefined {
  let ascii = true
  let same = previous !== undefined && previous.length === length
  for (let i = 0; i < length; i++) {
    const byte = bytes[at + i] ?? 0
    if (byte >= 0x80) ascii = false
    if (same && previous?.charCodeAt(i) !== byte) same = false
  }
  if (ascii && same) return previous
  if (ascii) return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1')
  try {
    return UTF8.decode(bytes.subarray(at, at + length))
  } catch {
    return undefined
  }
}

function invalid(why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot encode a batch: ${why}`, { definite: true })
}
