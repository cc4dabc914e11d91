import { describe, expect, it } from 'vitest'
import { seal, unseal } from './checksum.ts'
import { text } from './test/scratch.ts'

describe('checksum', () => {
  for (const value of ['', 'v', 'a longer value, with 32 bytes in it']) {
    it(`a record of "${value}" gives its value back, and no byte of it may change`, () => {
      const record = seal(text('key'), text(value))
      expect(record.length).toBe(value.length + 4)
      expect(unseal(text('key'), record)).toEqual(text(value))
      for (let bit = 0; bit < record.length * 8; bit++) {
        const damaged = record.slice()
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(() => unseal(text('key'), damaged), `bit ${bit}`).toThrow(
          /key 6b6579: its checksum is wrong/,
        )
      }
    })
  }

  it('a value found under another key is noticed', () => {
    const record = seal(text('key1'), text('value'))
    expect(() => unseal(text('key2'), record)).toThrow('checksum')
    expect(() => unseal(text('key'), record)).toThrow('checksum')
  })

  it('a record too short for a checksum is noticed', () => {
    for (let length = 0; length < 4; length++) {
      expect(() => unseal(text('k'), new Uint8Array(length))).toThrow('checksum')
    }
  })

  it('views are sealed and unsealed where they are', () => {
    const whole = Uint8Array.from({ length: 64 }, (_, index) => index)
    const record = seal(whole.subarray(3, 9), whole.subarray(20, 40))
    const moved = new Uint8Array([9, 9, 9, ...record]).subarray(3)
    expect([...unseal(whole.slice(3, 9), moved)]).toEqual([...whole.subarray(20, 40)])
  })
})
