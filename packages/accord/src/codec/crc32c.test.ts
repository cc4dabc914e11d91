/** The checksum of frames and records against its definition. */

import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'

/** RFC 3720, B.4, bit by bit. */
function plainly(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('the check value is that of the standard', () => {
  const bytes = new TextEncoder().encode('123456789')
  expect(crc32c(new DataView(bytes.buffer), bytes.length)).toBe(0xe306_9283)
})

test('bytes of any length and at any place have the sum of the definition', () => {
  const all = Uint8Array.from({ length: 200 }, (_, i) => (i * 73 + (i >> 3)) & 0xff)
  for (let start = 0; start < 8; start++) {
    for (let length = 0; start + length <= 120; length++) {
      const sum = crc32c(new DataView(all.buffer, start), length)
      expect(sum).toBe(plainly(all.subarray(start, start + length)))
    }
  }
})
