import { describe, expect, it } from 'vitest'
import { canonical } from './canonical.ts'

describe('canonical', () => {
  it('is equal for equal data and differs for what differs', () => {
    const values = [
      0,
      0n,
      '0',
      undefined,
      null,
      true,
      [],
      [0],
      [[0]],
      {},
      { a: 0 },
      { a: undefined },
      Uint8Array.of(0),
    ]
    const texts = values.map((value) => canonical(value))
    expect(new Set(texts).size).toBe(values.length)
    expect(values.map((value) => canonical(value))).toEqual(texts)
  })

  it('keeps neighbours apart', () => {
    expect(canonical([1, 23])).not.toBe(canonical([12, 3]))
    expect(canonical([Uint8Array.of(1), Uint8Array.of(2)])).not.toBe(
      canonical([Uint8Array.of(1, 2)]),
    )
    expect(canonical([1n, 2n])).not.toBe(canonical([12n]))
  })

  it('refuses what is not plain data', () => {
    expect(() => canonical(() => 0)).toThrow(TypeError)
  })
})
