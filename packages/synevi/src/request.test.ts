/** The codec of batches: every batch comes back, and what comes from outside never throws. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BATCH_VERSION, decodeBatch, encodeBatch, isLaterBatch, requestBytes } from './request.ts'

const anyRequest = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  name: fc
    .string({ unit: 'binary', minLength: 1, maxLength: 60 })
    .filter((name) => Buffer.byteLength(name) <= 255 && !/\p{Surrogate}/u.test(name)),
  payload: fc.uint8Array({ maxLength: 40 }),
})

const one = { id: new Uint8Array(16).fill(1), name: 'kv/write', payload: Uint8Array.of(1, 2, 3) }

describe('encodeBatch', () => {
  it('comes back as it was, in the size that requestBytes says', () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 8 }), (requests) => {
        const bytes = encodeBatch(requests)
        expect(decodeBatch(bytes)).toEqual(requests)
        expect(bytes.length).toBe(3 + requests.reduce((sum, next) => sum + requestBytes(next), 0))
      }),
    )
  })

  it('has this form', () => {
    const hex = Buffer.from(encodeBatch([one])).toString('hex')
    expect(hex).toBe(`010001${'01'.repeat(16)}08000000036b762f7772697465010203`)
  })

  it.each([
    ['an id of 15 bytes', { ...one, id: new Uint8Array(15) }],
    ['an empty name', { ...one, name: '' }],
    ['a name of 256 bytes', { ...one, name: 'ä'.repeat(128) }],
  ])('refuses %s', (_, request) => {
    expect(() => encodeBatch([request])).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })
})

describe('decodeBatch', () => {
  it('answers undefined for every prefix and for one byte more', () => {
    const bytes = encodeBatch([one, { ...one, name: 'bank/transfer' }])
    for (let end = 0; end < bytes.length; end++)
      expect(decodeBatch(bytes.slice(0, end))).toBe(undefined)
    expect(decodeBatch(Uint8Array.of(...bytes, 0))).toBe(undefined)
  })

  it('never throws, and takes only what encodeBatch gives', () => {
    const flips = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 3 }), flips, (requests, changes) => {
        const bytes = encodeBatch(requests)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        const decoded = decodeBatch(bytes)
        if (decoded !== undefined) expect(encodeBatch(decoded)).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeBatch(bytes)))
  })

  it('refuses a count that the bytes cannot hold', () => {
    expect(decodeBatch(Uint8Array.of(BATCH_VERSION, 0xff, 0xff, 0, 0))).toBe(undefined)
  })

  it('refuses a name that is not UTF-8', () => {
    const bytes = encodeBatch([{ ...one, name: 'ab' }])
    bytes[24] = 0xff
    expect(decodeBatch(bytes)).toBe(undefined)
  })

  it('gives plain arrays, whatever it was given', () => {
    const [decoded] = decodeBatch(Buffer.from(encodeBatch([one]))) ?? []
    expect(decoded?.payload.constructor).toBe(Uint8Array)
  })

  it('tells a later version from bytes that make no sense', () => {
    expect(isLaterBatch(Uint8Array.of(BATCH_VERSION + 1))).toBe(true)
    expect(isLaterBatch(Uint8Array.of(BATCH_VERSION, 9))).toBe(false)
    expect(isLaterBatch(Uint8Array.of(0))).toBe(false)
    expect(isLaterBatch(new Uint8Array(0))).toBe(false)
  })
})
