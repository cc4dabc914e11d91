/**
 * Bytes that were valid before somebody changed them: decoded or refused, never thrown, never two
 * forms.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyLogEntry, anyRecord } from '../test/arbitrary.ts'
import { anyMessage } from '../test/arbitrary-message.ts'
import { frameOf, mutated, numbersFrom, resealed, toHex } from '../test/frame-bytes.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { decodeLogEntry, decodeRecord, encodeLogEntry, encodeRecord } from './record-codec.ts'

const LIMITS = { messagesMax: 64, payloadMaxBytes: 1 << 20 }

test('changed frames are decoded or refused, 80,000 of them', () => {
  let refused = 0
  let taken = 0
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 3 }), fc.nat(), (messages, seed) => {
      const bytes = encodeFrame(frameOf(messages))
      const next = numbersFrom(seed)
      for (let i = 0; i < 400; i++) {
        const changed = resealed(mutated(bytes, next))
        const answer = decodeFrame(changed, LIMITS)
        if (!answer.ok) {
          refused++
          continue
        }
        taken++
        const again = encodeFrame(answer.value, changed[2])
        // Shorter only by what was passed over: messages and fields of a later version.
        if (again.length < changed.length) continue
        mustBe(again, changed)
      }
    }),
    { numRuns: 200 },
  )
  expect(refused).toBeGreaterThan(10_000)
  expect(taken).toBeGreaterThan(1000)
})

test('changed frames with the checksum of before are refused', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 3 }), fc.nat(), (messages, seed) => {
      const bytes = encodeFrame(frameOf(messages))
      const next = numbersFrom(seed)
      for (let i = 0; i < 50; i++) {
        const changed = mutated(bytes, next)
        const same =
          changed.length === bytes.length && changed.every((byte, k) => byte === bytes[k])
        expect(decodeFrame(changed, LIMITS).ok).toBe(same)
      }
    }),
    { numRuns: 100 },
  )
})

test('changed records and log entries are refused, or are the only form of another value', () => {
  let taken = 0
  fc.assert(
    fc.property(anyRecord, anyLogEntry, fc.nat(), (record, entry, seed) => {
      const next = numbersFrom(seed)
      const recordBytes = encodeRecord(record)
      const entryBytes = encodeLogEntry(entry)
      for (let i = 0; i < 100; i++) {
        const changedRecord = mutated(recordBytes, next)
        const other = decodeRecord(changedRecord)
        if (other.ok) mustBe(encodeRecord(other.value), changedRecord)
        const changedEntry = mutated(entryBytes, next)
        const another = decodeLogEntry(changedEntry)
        if (another.ok) mustBe(encodeLogEntry(another.value), changedEntry)
        if (other.ok || another.ok) taken++
      }
    }),
    { numRuns: 100 },
  )
  expect(taken).toBeGreaterThan(1000)
})

test('noise is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(decodeFrame(bytes, LIMITS).ok).toBe(false)
      expect(decodeFrame(resealed(bytes), LIMITS).ok).toBe(false)
      decodeRecord(bytes)
      decodeLogEntry(bytes)
    }),
    { numRuns: 2000 },
  )
})

/** `expect` alone takes 0.1 ms. */
function mustBe(bytes: Uint8Array, expected: Uint8Array): void {
  if (!sameBytes(bytes, expected)) expect(toHex(bytes)).toBe(toHex(expected))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
