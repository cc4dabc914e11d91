/**
 * Frames as bytes, for tests that change them: hexadecimal, checksums made right again, mutations.
 */

import { crc32c } from '../codec/crc32c.ts'
import { encodeFrame, type Frame } from '../codec/frame.ts'
import type { Message } from '../message/message.ts'
import { epoch, nodeSerial } from '../time/timestamp.ts'

/** The header of a frame: what comes before the count of messages. */
export const HEADER_BYTES = 2 + 1 + 16 + 2 + 2

/** A frame of node 1 in epoch 1, of the cluster 00 01 … 0f. */
export function frameOf(messages: readonly Message[]): Frame {
  return {
    cluster: Uint8Array.from({ length: 16 }, (_, i) => i),
    from: nodeSerial(1),
    openEpoch: epoch(1),
    messages,
  }
}

/** What lies between the tag of the only message and the checksum. */
export function fieldsOf(message: Message, version?: number): Uint8Array {
  return encodeFrame(frameOf([message]), version).slice(HEADER_BYTES + 1 + 4 + 1, -4)
}

/** A frame with this after the header, and the right checksum. */
export function sealed(body: readonly number[]): Uint8Array {
  const header = encodeFrame(frameOf([])).slice(0, HEADER_BYTES)
  return resealed(Uint8Array.from([...header, ...body, 0, 0, 0, 0]))
}

/** The same bytes, the last four of them the right checksum. */
export function resealed(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const view = new DataView(copy.buffer)
  if (copy.length >= 4) view.setUint32(copy.length - 4, crc32c(view, copy.length - 4))
  return copy
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** White space is ignored. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, '')
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** A stream of numbers from a seed (mulberry32): `next(n)` is 0 … n-1. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/**
 * One change: a bit flipped, a byte set, a piece cut out, doubled or put in, or a length that lies.
 */
export function mutated(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  const at = next(bytes.length + 1)
  const copy = Uint8Array.from(bytes)
  switch (next(6)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << next(8))
      return copy
    case 1:
      if (at < copy.length) copy[at] = [0, 1, 0x7f, 0x80, 0xff][next(5)] ?? 0
      return copy
    case 2:
      return Uint8Array.from([...copy.slice(0, at), ...copy.slice(at + 1 + next(20))])
    case 3:
      return Uint8Array.from([...copy.slice(0, at), ...copy.slice(Math.max(0, at - next(20)))])
    case 4:
      return Uint8Array.from([
        ...copy.slice(0, at),
        ...Array.from({ length: next(20) }, () => next(256)),
        ...copy.slice(at),
      ])
    default: {
      // A count or a length of up to 2^53 in the place of what was there.
      const groups = Array.from({ length: 1 + next(8) }, () => 0x80 | next(128))
      groups.push(next(128))
      return Uint8Array.from([...copy.slice(0, at), ...groups, ...copy.slice(at + groups.length)])
    }
  }
}
