/** Keys and sealed values in a part of a snapshot: the lengths of both, then both. */

import type { Bytes } from '@synevi/accord'

/** A key of slot A and its value as the store has it, seal included. */
export type Pair = readonly [Bytes, Bytes]

const HEAD_BYTES = 6
const KEY_BYTES_MAX = 1024

/** Bytes of a pair. */
export function pairBytes([key, value]: Pair): number {
  return HEAD_BYTES + key.byteLength + value.byteLength
}

/** Writes a pair at a place and says where it ends. */
export function writePair(into: Uint8Array, at: number, pair: Pair): number {
  const valueAt = writeKey(into, at, pair)
  into.set(pair[1], valueAt)
  return valueAt + pair[1].byteLength
}

/** Some of the bytes of a pair, which `until` may exceed; a view of its value where it can be. */
export function pairSlice(pair: Pair, from: number, until: number): Bytes {
  const [key, value] = pair
  const valueAt = HEAD_BYTES + key.byteLength
  if (from >= valueAt) return value.subarray(from - valueAt, until - valueAt)
  const start = value.subarray(0, Math.max(0, until - valueAt))
  const bytes = new Uint8Array(valueAt + start.byteLength)
  bytes.set(start, writeKey(bytes, 0, pair))
  return bytes.subarray(from, until)
}

function writeKey(into: Uint8Array, at: number, [key, value]: Pair): number {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
  view.setUint16(at, key.byteLength)
  view.setUint32(at + 2, value.byteLength)
  into.set(key, at + HEAD_BYTES)
  return at + HEAD_BYTES + key.byteLength
}

/** The pairs, as views; undefined where the bytes are no pairs. */
export function readPairs(bytes: Bytes): readonly Pair[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pairs: Pair[] = []
  for (let at = 0; at < bytes.byteLength;) {
    if (bytes.byteLength - at < HEAD_BYTES) return undefined
    const keyBytes = view.getUint16(at)
    const valueAt = at + HEAD_BYTES + keyBytes
    const end = valueAt + view.getUint32(at + 2)
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || end > bytes.byteLength) return undefined
    pairs.push([bytes.subarray(at + HEAD_BYTES, valueAt), bytes.subarray(valueAt, end)])
    at = end
  }
  return pairs
}
