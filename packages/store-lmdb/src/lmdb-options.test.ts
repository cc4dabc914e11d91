import { describe, expect, it } from 'vitest'
import { parseLmdbOptions, type LmdbStoreOptions } from './lmdb-options.ts'

describe('options', () => {
  it('the defaults are a tebibyte and fsync', () => {
    expect(parseLmdbOptions({ path: '/data' })).toEqual({
      path: '/data',
      mapMaxBytes: 2 ** 40,
      durability: 'sync',
      reserveBytes: undefined,
      treeCheckMaxBytes: 256 * 2 ** 20,
      availableBytes: undefined,
    })
  })

  const wrong: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['path', { path: '' }],
    ['path', { path: 7 }],
    ['path', { path: 'a\0b' }],
    ['path', { path: undefined }],
    ['mapMaxBytes', { mapMaxBytes: 2 ** 20 - 1 }],
    ['mapMaxBytes', { mapMaxBytes: 2 ** 46 + 1 }],
    ['mapMaxBytes', { mapMaxBytes: Number.NaN }],
    ['mapMaxBytes', { mapMaxBytes: 2 ** 21 + 0.5 }],
    ['durability', { durability: 'none' }],
    ['reserveBytes', { reserveBytes: -1 }],
    ['reserveBytes', { reserveBytes: 0.5 }],
    ['treeCheckMaxBytes', { treeCheckMaxBytes: -1 }],
    ['availableBytes', { availableBytes: 7 }],
  ]
  for (const [option, change] of wrong) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      const options: LmdbStoreOptions = Object.assign({ path: '/data' }, change)
      expect(() => parseLmdbOptions(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', definite: true, details: { option } }),
      )
    })
  }
})
