/** The writer and the reader, value by value. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyBallot, anyCount, anyTimestamp, anyUint64 } from '../test/arbitrary.ts'
import { toHex } from '../test/frame-bytes.ts'
import { nodeSerial, timestamp } from '../time/timestamp.ts'
import { crc32c } from './crc32c.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(1)
  write(writer)
  return writer.finish()
}

test('CRC-32C is that of RFC 3720, B.4', () => {
  const of = (bytes: readonly number[]): number =>
    crc32c(new DataView(Uint8Array.from(bytes).buffer), bytes.length)
  expect(of([])).toBe(0)
  expect(of(Array.from({ length: 9 }, (_, i) => '1'.charCodeAt(0) + i))).toBe(0xe306_9283)
  expect(of(Array.from({ length: 32 }, () => 0))).toBe(0x8a91_36aa)
  expect(of(Array.from({ length: 32 }, () => 0xff))).toBe(0x62a8_ab43)
  expect(of(Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e)
})

describe('numbers', () => {
  test('are big-endian', () => {
    const bytes = written((writer) => {
      writer.uint16(0x0102)
      writer.uint32(0x0304_0506)
      writer.uint64(0x0708_090a_0b0c_0d0en)
      writer.ballot({ round: 0x0f10_1112, node: nodeSerial(0x1314) })
      writer.timestamp(timestamp(0x1516_1718_191a_1b1c_1d1e_1f20_2122_0000n))
    })
    expect(toHex(bytes)).toBe(
      '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021220000',
    )
  })

  test.each([
    [0, '00'],
    [0x7f, '7f'],
    [0x80, '8100'],
    [0x3fff, 'ff7f'],
    [0x4000, '818000'],
    [2 ** 32, '9080808000'],
    [Number.MAX_SAFE_INTEGER, '8fffffffffffff7f'],
  ])('the varint of %i is %s', (value, hex) => {
    expect(toHex(written((writer) => writer.varint(value)))).toBe(hex)
  })

  test('come out as they went in, in a row', () => {
    fc.assert(
      fc.property(anyCount, anyUint64, anyTimestamp, anyBallot, (count, uint64, at, ballot) => {
        const bytes = written((writer) => {
          writer.varint(count)
          writer.uint64(uint64)
          writer.timestamp(at)
          writer.ballot(ballot)
        })
        const reader = new Reader(bytes, 0)
        expect([reader.varint(), reader.uint64(), reader.timestamp(), reader.ballot()]).toEqual([
          count,
          uint64,
          at,
          ballot,
        ])
        reader.finish()
      }),
      { numRuns: 300 },
    )
  })

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('%d is no varint', (value) => {
    expect(() => written((writer) => writer.varint(value))).toThrow('a varint is a whole number')
  })
})

test('texts are latin1, and nothing else', () => {
  expect(toHex(written((writer) => writer.latin1('aÿ\u0000', 3)))).toBe('0361ff00')
  expect(() => written((writer) => writer.latin1('€', 3))).toThrow('a text is latin1')
  expect(() => written((writer) => writer.latin1('abcd', 3))).toThrow('a text is within its bound')
})

test('a writer grows under every kind of value, and loses none', () => {
  const bytes = written((writer) => {
    for (let i = 0; i < 100; i++) {
      writer.byte(i)
      writer.uint16(i)
      writer.uint32(i)
      writer.uint64(BigInt(i))
      writer.varint(i * 1000)
      writer.raw(Uint8Array.of(i, i))
      writer.bytes(Uint8Array.of(i))
      writer.shortBytes(Uint8Array.of(i), 1)
      writer.latin1('x', 1)
    }
  })
  const reader = new Reader(bytes, 10)
  for (let i = 0; i < 100; i++) {
    expect(reader.byte()).toBe(i)
    expect(reader.uint16()).toBe(i)
    expect(reader.uint32()).toBe(i)
    expect(reader.uint64()).toBe(BigInt(i))
    expect(reader.varint()).toBe(i * 1000)
    expect(reader.raw(2)).toEqual(Uint8Array.of(i, i))
    expect(reader.payload()).toEqual(Uint8Array.of(i))
    expect(reader.shortBytes(1)).toEqual(Uint8Array.of(i))
    expect(reader.latin1(1)).toBe('x')
  }
  reader.finish()
})
