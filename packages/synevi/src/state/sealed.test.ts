/** Checksums: the known value, and that no flipped bit and no value of another key passes. */

import { describe, expect, it } from 'vitest'
import { bytesOf } from '../test/lane-under-test.ts'
import { checksumOf } from './checksum.ts'
import { seal, unseal } from './sealed.ts'

describe('checksumOf', () => {
  it.each([
    ['', '123456789', 0xe3069283],
    ['12345678', '9', 0xe3069283],
    ['1234', '56789', 0xe3069283],
    ['', '', 0],
  ])('is CRC-32C over key and value: %o %o', (key, value, crc) => {
    expect(checksumOf(bytesOf(key), bytesOf(value), 0)).toBe(crc)
  })

  it('agrees with the definition at every length', () => {
    const slow = (bytes: Uint8Array): number => {
      let crc = 0xffff_ffff
      for (const byte of bytes) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++)
          crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
      }
      return ~crc >>> 0
    }
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length * 7) & 0xff)
      expect(checksumOf(new Uint8Array(0), bytes, 0)).toBe(slow(bytes))
      expect(checksumOf(bytes.slice(0, length >> 1), bytes, length >> 1)).toBe(slow(bytes))
    }
  })
})

describe('unseal', () => {
  const key = Uint8Array.of(0x30, 1, 2)
  const failed = expect.objectContaining({
    code: 'STORE_FAILED',
    definite: false,
    details: { table: 'request', key: '300102' },
  })

  it('gives back what was sealed, as a plain array', () => {
    const value = unseal(key, Buffer.from(seal(key, bytesOf('value'))))
    expect(value).toEqual(bytesOf('value'))
    expect(value.constructor).toBe(Uint8Array)
  })

  it('refuses every flipped bit, every shorter value and a longer one', () => {
    const sealed = seal(key, bytesOf('some value'))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = sealed.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => unseal(key, flipped)).toThrow(failed)
    }
    for (let end = 0; end < sealed.length; end++)
      expect(() => unseal(key, sealed.slice(0, end))).toThrow(failed)
    expect(() => unseal(key, Uint8Array.of(...sealed, 0))).toThrow(failed)
  })

  it('refuses the value of another key', () => {
    expect(() => unseal(key, seal(Uint8Array.of(0x30, 1, 3), bytesOf('value')))).toThrow(failed)
  })
})
