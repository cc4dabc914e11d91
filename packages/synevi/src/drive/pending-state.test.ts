/**
 * The overlay against a plain map: whatever is written, taken back and stored, reads see one
 * ordered state.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Bytes } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { seal } from '../state/sealed.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { bytesOf, textOf } from '../test/lane-under-test.ts'
import { PendingState, type PendingWrites } from './pending-state.ts'

const keys = fc.constantFrom(
  'a',
  'aa',
  'ab',
  'b',
  'b\u0000',
  'b\u00ff',
  'c',
  '\u00ff',
  '\u00ff\u00ff',
)

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('put' as const), key: keys, value: fc.nat(99) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: keys }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('savepoint' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('store' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('scan' as const),
      from: fc.option(keys, { nil: undefined }),
      until: fc.option(keys, { nil: undefined }),
      reverse: fc.boolean(),
      limit: fc.option(fc.nat(5), { nil: undefined }),
    }),
  },
)

interface Scan {
  readonly from: string | undefined
  readonly until: string | undefined
  readonly reverse: boolean
  readonly limit: number | undefined
}

function scanModel(
  model: ReadonlyMap<string, string>,
  range: Scan,
): readonly (readonly string[])[] {
  const found = [...model]
    .filter(([key]) => range.from === undefined || key >= range.from)
    .filter(([key]) => range.until === undefined || key < range.until)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return (range.reverse ? found.reverse() : found).slice(0, range.limit)
}

function scanReal(state: PendingState, range: Scan): readonly (readonly string[])[] {
  return [...state.scan(range)].map(([key, value]) => [key, textOf(value)])
}

describe('PendingState', () => {
  it('reads like a plain map, however far the store is behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const store = new MemoryStore()
        const state = new PendingState(store)
        const model = new Map<string, string>()
        let saved = new Map<string, string>()
        const unstored: PendingWrites[] = []
        state.begin()
        state.savepoint()
        for (const one of steps) {
          switch (one.kind) {
            case 'put':
              state.put(one.key, bytesOf(String(one.value)))
              model.set(one.key, String(one.value))
              break
            case 'delete':
              state.delete(one.key)
              model.delete(one.key)
              break
            case 'savepoint':
              state.savepoint()
              saved = new Map(model)
              break
            case 'rollback':
              state.rollback()
              model.clear()
              for (const [key, value] of saved) model.set(key, value)
              break
            case 'next':
              unstored.push(state.finish())
              state.begin()
              state.savepoint()
              saved = new Map(model)
              break
            case 'store': {
              // While an execution is open: its savepoint must survive it.
              const oldest = unstored.shift()
              if (oldest !== undefined) await store.write(oldest.mutations)
              oldest?.stored()
              break
            }
            case 'scan':
              expect(scanReal(state, one)).toEqual(scanModel(model, one))
              break
          }
          for (const key of ['a', 'b', '\u00ff']) {
            const value = state.get(key)
            expect(value && textOf(value)).toBe(model.get(key))
          }
        }
        const last = state.finish()
        for (const writes of [...unstored, last]) {
          await store.write(writes.mutations)
          writes.stored()
        }
        expect(state.size).toBe(0)
        const all: Scan = { from: undefined, until: undefined, reverse: false, limit: undefined }
        expect(scanReal(new PendingState(store), all)).toEqual(scanModel(model, all))
      }),
      { numRuns: 250 },
    )
  })

  it('gives a scan the writes made ahead of it, wherever a key comes from', async () => {
    const visit = async (durable: readonly string[]): Promise<readonly string[]> => {
      const store = new MemoryStore()
      const state = new PendingState(store)
      await put(store, durable)
      state.begin()
      for (const key of ['a', 'b', 'c', 'd', 'e'])
        if (!durable.includes(key)) state.put(key, bytesOf(key))
      const seen: string[] = []
      for (const [key] of state.scan({})) {
        seen.push(key)
        if (key === 'b') {
          state.delete('c')
          state.delete('b')
          state.put('d2', bytesOf('new'))
          state.put('a2', bytesOf('behind'))
        }
      }
      return seen
    }
    const expected = ['a', 'b', 'd', 'd2', 'e']
    expect(await visit([])).toEqual(expected)
    expect(await visit(['a', 'b', 'c', 'd', 'e'])).toEqual(expected)
    expect(await visit(['a', 'c'])).toEqual(expected)
    expect(await visit(['b', 'e'])).toEqual(expected)
  })

  it('goes on with a scan while what it reads is stored', async () => {
    const store = new MemoryStore()
    const state = new PendingState(store)
    const all = Array.from({ length: 100 }, (_, i) => String(i).padStart(3, '0'))
    state.begin()
    for (const key of all) state.put(key, bytesOf(key))
    const writes = state.finish()
    state.begin()
    const seen: string[] = []
    for (const [key] of state.scan({})) {
      seen.push(key)
      if (seen.length === 50) {
        await store.write(writes.mutations)
        writes.stored()
      }
    }
    expect(seen).toEqual(all)
  })

  it('reads long stretches of the store in pages', async () => {
    const store = new MemoryStore()
    const all = Array.from({ length: 1000 }, (_, i) => String(i).padStart(4, '0'))
    await put(store, all)
    const state = new PendingState(store)
    expect([...state.scan({})].map(([key]) => key)).toEqual(all)
    expect([...state.scan({ reverse: true })].map(([key]) => key)).toEqual(all.toReversed())
  })

  it('copies what is put: the caller may use its bytes again', () => {
    const state = new PendingState(new MemoryStore())
    const bytes = bytesOf('first')
    state.begin()
    state.put('k', bytes)
    bytes.fill(0)
    expect(state.get('k')).toEqual(bytesOf('first'))
  })

  it('says what failed in the store, and keeps it', async () => {
    const store = new MemoryStore()
    await store.write([{ key: bytesOf('k'), value: bytesOf('not sealed') }])
    const state = new PendingState(store)
    expect(() => state.get('k')).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }))
    expect(state.failure?.code).toBe('STORE_FAILED')
    const broken = new PendingState({
      ...store,
      get: () => {
        throw new Error('MDB_CORRUPTED')
      },
    } as unknown as Store)
    expect(() => broken.get('k')).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }))
    expect(broken.failure?.cause).toEqual(new Error('MDB_CORRUPTED'))
  })
})

async function put(store: Store, keysToPut: readonly string[]): Promise<void> {
  const mutations = keysToPut.map((text) => {
    const key: Bytes = bytesOf(text)
    return { key, value: seal(key, bytesOf(text)) }
  })
  await store.write(mutations)
}
