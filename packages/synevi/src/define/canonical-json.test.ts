/** Canonical JSON: one value, one text, and what cannot come back as it was is refused. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSyneviError } from '../synevi-error.ts'
import { JSON_DEPTH_MAX, decodeJson, encodeJson } from './canonical-json.ts'

const key = fc.oneof(
  fc.string(),
  fc.constantFrom('$bigint', '$date', '$bytes', '$', '$$', '$$bigint', '$other', '__proto__', 'a'),
)

const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Object.is(x, -0)),
    fc.string({ unit: 'binary' }),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(objectOf),
  ),
}))

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = {}
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return object
}

/** The same value with the properties of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date || value instanceof Uint8Array) return value
  return objectOf(
    Object.entries(value)
      .reverse()
      .map(([name, item]) => [name, reversed(item)]),
  )
}

describe('encodeJson and decodeJson', () => {
  it('give back every value they take', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeJson(encodeJson(value))).toStrictEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('give one text for one value, whatever the order of its properties', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(encodeJson(reversed(value))).toBe(encodeJson(value))
      }),
    )
  })

  it('give different texts for different values', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (a, b) => {
        if (encodeJson(a) === encodeJson(b)) expect(a).toStrictEqual(b)
      }),
    )
  })

  it.each([
    [5n, '{"$bigint":"5"}'],
    [-12n, '{"$bigint":"-12"}'],
    [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [Uint8Array.of(1, 2), '{"$bytes":"AQI="}'],
    [Buffer.from([1, 2]), '{"$bytes":"AQI="}'],
    [{ $bigint: '5' }, '{"$$bigint":"5"}'],
    [{ $$bigint: '5' }, '{"$$$bigint":"5"}'],
    [{ $a: 1, b: 2 }, '{"$a":1,"b":2}'],
    [{ b: 1, a: [1, 'x', null] }, '{"a":[1,"x",null],"b":1}'],
    [{ $gone: 1, x: undefined }, '{"$$gone":1}'],
    [-0, '0'],
    ['\u2028\ud800', '"\u2028\\ud800"'],
  ])('write %o as expected', (value, text) => {
    expect(encodeJson(value)).toBe(text)
  })

  it.each([
    ['NaN', NaN],
    ['an infinity', [Infinity]],
    ['undefined', undefined],
    ['undefined in an array', [1, undefined]],
    ['a hole', [1, , 2]], // oxlint-disable-line no-sparse-arrays
    ['a function', { f: () => 1 }],
    ['a symbol', Symbol('s')],
    ['an invalid date', new Date(NaN)],
    ['a map', new Map()],
    ['an instance', new (class Thing {})()],
    ['other typed arrays', new Uint16Array(2)],
    ['a bigint beyond all measure', 10n ** 10_000n],
  ])('refuse %s', (_, value) => {
    expect(() => encodeJson(value)).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }))
  })

  it('say where the refused value stands', () => {
    try {
      encodeJson({ a: [1, { b: NaN }] })
      expect.unreachable()
    } catch (error) {
      expect(isSyneviError(error) && error.details).toEqual({
        issues: [{ message: 'a number is not finite', path: ['a', 1, 'b'] }],
      })
    }
  })

  it('refuse a cycle and what is nested too deep, both ways', () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const invalid = expect.objectContaining({ code: 'SCHEMA_INVALID' })
    expect(() => encodeJson(cycle)).toThrow(invalid)
    const nest = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
    expect(encodeJson(decodeJson(nest(JSON_DEPTH_MAX)))).toBe(nest(JSON_DEPTH_MAX))
    expect(() => decodeJson(nest(JSON_DEPTH_MAX + 1))).toThrow(invalid)
    expect(() => decodeJson(nest(1_000_000))).toThrow(invalid)
  })

  it.each([
    '{"$bigint":5}',
    '{"$bigint":"05"}',
    '{"$bigint":"-0"}',
    '{"$bigint":"1e3"}',
    `{"$bigint":"${'9'.repeat(10_001)}"}`,
    '{"$date":"yesterday"}',
    '{"$date":"1970-01-01"}',
    '{"$bytes":"AQI"}',
    '{"$bytes":"A Q=="}',
    '{"$other":1}',
    '1e999',
    '{"a":}',
    '',
  ])('refuse the text %s', (text) => {
    expect(() => decodeJson(text)).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }))
  })

  it('take "__proto__" for a key like any other', () => {
    const value: unknown = decodeJson('{"__proto__":{"polluted":1},"a":2}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value ?? {})).toEqual(['__proto__', 'a'])
  })
})
