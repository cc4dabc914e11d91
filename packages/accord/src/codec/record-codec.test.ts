/** Stored values: what goes in comes out; another version, damage and leftovers are refused. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  anyLogEntry,
  anyMark,
  anyMember,
  anyRecord,
  anyTxn,
  anyWatermark,
} from '../test/arbitrary.ts'
import { timestamp } from '../time/timestamp.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { emptyRecord } from '../txn/txn-record.ts'
import { DEFAULT_KEYS } from '../txn/keys.ts'
import type { Decoded } from './decoded.ts'
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

interface Stored {
  readonly bytes: Uint8Array
  readonly decode: (bytes: Uint8Array) => Decoded<unknown>
  readonly value: unknown
}

const STORED: Readonly<Record<string, fc.Arbitrary<Stored>>> = {
  record: stored(anyRecord, encodeRecord, decodeRecord),
  txn: stored(anyTxn, encodeTxn, decodeTxn),
  'log entry': stored(anyLogEntry, encodeLogEntry, decodeLogEntry),
  marks: stored(fc.array(anyMark, { maxLength: 5 }), encodeMarks, decodeMarks),
  watermark: stored(anyWatermark, encodeWatermark, decodeWatermark),
  members: stored(fc.array(anyMember, { maxLength: 5 }), encodeMembers, decodeMembers),
}

describe.each(Object.entries(STORED))('a stored %s', (_, arbitrary) => {
  test('comes out as it went in', () => {
    fc.assert(
      fc.property(arbitrary, ({ bytes, decode, value }) => {
        expect(decode(bytes)).toEqual({ ok: true, value })
      }),
      { numRuns: 100 },
    )
  })

  test('is refused in another version, with bytes left over, and cut anywhere', () => {
    fc.assert(
      fc.property(arbitrary, ({ bytes, decode }) => {
        const other = Uint8Array.from(bytes)
        other[0] = 2
        expect(decode(other)).toEqual({
          ok: false,
          code: 'WRONG_VERSION',
          why: 'written in format 2, this version reads 1',
        })
        expect(decode(Uint8Array.from([...bytes, 0]))).toMatchObject({
          ok: false,
          code: 'MALFORMED',
        })
        for (let length = 0; length < bytes.length; length += 1 + (length >> 4)) {
          expect(decode(bytes.slice(0, length))).toMatchObject({ ok: false, code: 'MALFORMED' })
        }
      }),
      { numRuns: 20 },
    )
  })
})

test('a record is stored without its transaction', () => {
  const id = timestamp(1n << 112n)
  const bare: TxnRecord = { ...emptyRecord(id), keys: DEFAULT_KEYS }
  const txn = {
    kind: 'application',
    keys: DEFAULT_KEYS,
    payload: Uint8Array.of(1),
    digest: Uint8Array.of(2),
  } as const
  expect(encodeRecord({ ...bare, txn })).toEqual(encodeRecord(bare))
})

test('an outcome without deps and one with none to name are different', () => {
  const id = timestamp(1n << 112n)
  const of = (outcome: TxnRecord['outcome']): Uint8Array =>
    encodeRecord({ ...emptyRecord(id), outcome })
  const covered = of({ kind: 'decided', executeAt: id, deps: undefined })
  const free = of({ kind: 'decided', executeAt: id, deps: { ids: [], marks: [] } })
  expect(covered).not.toEqual(free)
  expect(decodeRecord(covered)).toMatchObject({ value: { outcome: { deps: undefined } } })
  expect(decodeRecord(free)).toMatchObject({ value: { outcome: { deps: { ids: [], marks: [] } } } })
})

test('encoders hand out bytes of their own', () => {
  const id = timestamp(1n << 112n)
  const first = encodeRecord(emptyRecord(id))
  const second = encodeRecord(emptyRecord(id))
  first.fill(0xff)
  expect(second).toEqual(encodeRecord(emptyRecord(id)))
})

function stored<T>(
  arbitrary: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): fc.Arbitrary<Stored> {
  return arbitrary.map((value) => ({ value, bytes: encode(value), decode }))
}
