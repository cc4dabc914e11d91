/** The memory store against a sorted list. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Mutation } from '@synevi/accord'
import type { Range } from '../contract/store.ts'
import { MemoryStore } from './memory-store.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const KEY = fc.uint8Array({ minLength: 1, maxLength: 3, max: 5 })

function pairs(store: MemoryStore, range: Range): string[] {
  return [...store.scan(range)].map(
    ([key, value]) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`,
  )
}

test('agrees with a sorted list of pairs on every range', async () => {
  const mutation = fc.record({
    key: KEY,
    value: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
  })
  const range = fc.record(
    { from: KEY, until: KEY, reverse: fc.boolean(), limit: fc.nat(5) },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(mutation)),
      fc.array(range, { minLength: 3 }),
      async (writes, ranges) => {
        const store = new MemoryStore()
        const model = new Map<string, string>()
        for (const batch of writes) {
          await store.write(batch)
          for (const { key, value } of batch) {
            const text = Buffer.from(key).toString('hex')
            if (value === undefined) model.delete(text)
            else model.set(text, Buffer.from(value).toString('hex'))
          }
        }
        for (const one of ranges) {
          const from = one.from === undefined ? '' : Buffer.from(one.from).toString('hex')
          const until = one.until === undefined ? 'g' : Buffer.from(one.until).toString('hex')
          const all = [...model]
            .filter(([key]) => key >= from && key < until)
            .sort(([a], [b]) => (a < b ? -1 : 1))
          if (one.reverse === true) all.reverse()
          expect(pairs(store, one)).toEqual(
            all.slice(0, one.limit ?? all.length).map(([key, value]) => `${key}=${value}`),
          )
        }
        for (const [key, value] of model) {
          const found = store.get(Buffer.from(key, 'hex'))
          expect(found === undefined ? undefined : Buffer.from(found).toString('hex')).toBe(value)
        }
        const size = [...model].reduce(
          (sum, [key, value]) => sum + (key.length + value.length) / 2,
          0,
        )
        expect(store.sizeBytes()).toBe(size)
      },
    ),
    { numRuns: 200 },
  )
})

describe('the contract', () => {
  test('a write is seen when it has resolved and not before, whole', async () => {
    const store = new MemoryStore()
    const write = store.write([
      { key: bytes(1), value: bytes(1) },
      { key: bytes(2), value: bytes(2) },
    ])
    expect(store.get(bytes(1))).toBe(undefined)
    await write
    expect(pairs(store, {})).toEqual(['01=01', '02=02'])
  })

  test('bytes handed out and parents of bytes handed in are not shared', async () => {
    const store = new MemoryStore()
    const parent = bytes(7, 8, 9)
    await store.write([{ key: parent.subarray(0, 1), value: parent.subarray(1, 2) }])
    parent.fill(0)
    store.get(bytes(7))?.fill(0)
    for (const [key, value] of store.scan({})) {
      key.fill(0)
      value.fill(0)
    }
    expect(pairs(store, {})).toEqual(['07=08'])
  })

  test('the last mutation wins; iterating over changes skips nothing that stays', async () => {
    const store = new MemoryStore()
    await store.write([
      { key: bytes(1), value: bytes(1) },
      { key: bytes(1), value: undefined },
      { key: bytes(1), value: bytes(3) },
    ])
    for (let i = 2; i < 9; i++) await store.write([{ key: bytes(i), value: bytes(i) }])
    const seen: number[] = []
    for (const [key] of store.scan({})) {
      seen.push(key[0] ?? 0)
      const next = (key[0] ?? 0) + 1
      if (next === 4)
        await store.write([
          { key: bytes(4), value: undefined },
          { key: bytes(2), value: undefined },
        ])
    }
    expect(seen).toEqual([1, 2, 3, 5, 6, 7, 8])
  })

  test('a wrong key and a write beside another are refused, and change nothing', async () => {
    const store = new MemoryStore()
    const wrong: Mutation[] = [
      { key: bytes(1), value: bytes(1) },
      { key: new Uint8Array(1_025), value: bytes(1) },
    ]
    await expect(store.write(wrong)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await expect(store.write([{ key: bytes(), value: bytes(1) }])).rejects.toMatchObject({
      code: 'STORE_FAILED',
    })
    const first = store.write([{ key: bytes(5), value: bytes(5) }])
    await expect(store.write([{ key: bytes(6), value: bytes(6) }])).rejects.toMatchObject({
      code: 'STORE_FAILED',
    })
    await first
    expect(pairs(store, {})).toEqual(['05=05'])
  })

  test('200,000 keys in scattered order come back in order', async () => {
    const store = new MemoryStore()
    const batch: Mutation[] = []
    for (let i = 0; i < 200_000; i++) {
      const key = new Uint8Array(8)
      new DataView(key.buffer).setUint32(0, Math.imul(i, 0x9e37_79b1) >>> 0)
      batch.push({ key, value: bytes(1) })
    }
    await store.write(batch)
    let count = 0
    let last = ''
    for (const [key] of store.scan({})) {
      const text = Buffer.from(key).toString('hex')
      if (text <= last) throw new Error(`${text} after ${last}`)
      last = text
      count++
    }
    expect(count).toBe(200_000)
  })
})
