/**
 * What 0.1.0 wrote, byte for byte: this build reads all of it, and writes to a peer of version 1,
 * and into a store, exactly that. A difference here breaks every cluster that is being upgraded:
 * write the new thing for version 2 alone (`docs/internals/compatibility.md`).
 */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ANY_MESSAGE } from '../test/arbitrary-message.ts'
import { frameOf, fromHex, resealed, sealed, toHex } from '../test/frame-bytes.ts'
import type { Message } from '../message/message.ts'
import { ALL_FEATURES, NO_CLAIMS } from '../topology/features.ts'
import type { Decoded } from './decoded.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { isInVersion, MESSAGE_CODECS } from './message-codec.ts'
import {
  decodeLogEntry,
  decodeMarks,
  decodeMembers,
  decodeRecord,
  decodeTxn,
  decodeWatermark,
  encodeLogEntry,
  encodeMarks,
  encodeMembers,
  encodeRecord,
  encodeTxn,
  encodeWatermark,
} from './record-codec.ts'

const LIMITS = { messagesMax: 8, payloadMaxBytes: 1 << 20 }

/** Written by 0.1.0 itself (`rig/releases`), of arbitrary values, by kind. */
const WRITTEN: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(new URL('../test/written-by-0.1.0.json', import.meta.url), 'utf8'),
)
const STORED = ['record', 'logEntry', 'txn', 'members', 'marks', 'watermark']
const frames = Object.entries(WRITTEN).filter(([kind]) => !STORED.includes(kind))

function valueOf<T>(answer: Decoded<T>): T {
  if (!answer.ok) throw new Error(answer.why)
  return answer.value
}

describe('frames', () => {
  test.each(frames)('%s', (kind, hexes) => {
    expect(hexes.length).toBeGreaterThan(4)
    for (const hex of hexes) {
      const { unknown, ...frame } = valueOf(decodeFrame(fromHex(hex), LIMITS))
      expect(unknown).toEqual([])
      expect(frame.messages.map((message) => message.kind)).toEqual([kind])
      expect(toHex(encodeFrame(frame, 1))).toBe(hex)
    }
  })

  test('every message of version 1 is here, and no other', () => {
    const kinds = Object.entries(MESSAGE_CODECS)
      .filter(([, codec]) => (codec.since ?? 1) === 1)
      .map(([kind]) => kind)
    expect(frames.map(([kind]) => kind).toSorted()).toEqual(kinds.toSorted())
  })
})

describe('stored values', () => {
  const same = <T>(
    kind: string,
    decode: (bytes: Uint8Array) => Decoded<T>,
    encode: (value: T) => Uint8Array,
  ): void => {
    const hexes = WRITTEN[kind] ?? []
    expect(hexes.length).toBeGreaterThan(3)
    for (const hex of hexes) expect(toHex(encode(valueOf(decode(fromHex(hex)))))).toBe(hex)
  }

  test('are read, and written again as they were', () => {
    same('record', decodeRecord, encodeRecord)
    same('logEntry', decodeLogEntry, encodeLogEntry)
    same('txn', decodeTxn, encodeTxn)
    same('members', decodeMembers, encodeMembers)
    same('marks', decodeMarks, encodeMarks)
    same('watermark', decodeWatermark, encodeWatermark)
  })
})

describe('to a peer of version 1', () => {
  test('no message and no field that it does not know', () => {
    const all = fc.array(fc.oneof(...Object.values(ANY_MESSAGE)), { maxLength: 6 })
    fc.assert(
      fc.property(all, (messages: readonly Message[]) => {
        const frame = frameOf(messages)
        const old = valueOf(decodeFrame(encodeFrame(frame, 1), LIMITS))
        const known = messages
          .filter(({ kind }) => isInVersion(kind, 1))
          .map((each) => (each.kind === 'heartbeat' ? { ...each, features: NO_CLAIMS } : each))
        expect(old.messages).toEqual(known)
        expect(old.unknown).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('what it says claims no feature', () => {
    const [hex = ''] = WRITTEN['heartbeat'] ?? []
    const [message] = valueOf(decodeFrame(fromHex(hex), LIMITS)).messages
    expect(message).toMatchObject({ kind: 'heartbeat', features: NO_CLAIMS })
    if (message?.kind !== 'heartbeat') return
    const features = { offers: ALL_FEATURES, requires: 3, active: 1 }
    const bytes = encodeFrame(frameOf([{ ...message, features }]))
    expect(valueOf(decodeFrame(bytes, LIMITS)).messages).toEqual([{ ...message, features }])
  })
})

test('every message may grow: bytes behind its fields are ignored', () => {
  const kinds = Object.entries(ANY_MESSAGE)
  for (const [kind, arbitrary] of kinds) {
    fc.assert(
      fc.property(arbitrary, fc.uint8Array({ minLength: 1, maxLength: 40 }), (message, more) => {
        const bytes = encodeFrame(frameOf([message]))
        const fields = bytes.slice(23 + 1 + 4, -4)
        const length = fields.length + more.length
        const head = [1, length >>> 24, length >>> 16, length >>> 8, length].map((x) => x & 0xff)
        const grown = resealed(sealed([...head, ...fields, ...more]))
        expect(valueOf(decodeFrame(grown, LIMITS)).messages, kind).toEqual([message])
      }),
      { numRuns: 20 },
    )
  }
})
