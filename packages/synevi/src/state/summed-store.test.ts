/** The sums follow whatever is written, however it is read, restored and walked meanwhile. */

import { describe, expect, it } from 'vitest'
import type { Bytes, Mutation } from '@synevi/accord'
import { SeededRandom } from '../seeded-random.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { TABLE, factKey, FACT } from './key-layout.ts'
import { seal } from './sealed.ts'
import type { Damage, SumWalk } from './sum-walk.ts'
import { SummedStore } from './summed-store.ts'
import { FieldWriter } from './fields.ts'

const TABLES = [
  TABLE.fact,
  TABLE.live,
  TABLE.txn,
  TABLE.settled,
  TABLE.log,
  TABLE.request,
  TABLE.state,
  0x60,
]

class Draws {
  readonly #random: SeededRandom
  constructor(seed: number) {
    this.#random = new SeededRandom(BigInt(seed))
  }
  below(bound: number): number {
    const [a = 0, b = 0] = this.#random.bytes(2)
    return (a * 256 + b) % bound
  }
}

function keyOf(draws: Draws): Bytes {
  const table = TABLES[draws.below(TABLES.length)] ?? TABLE.state
  return Uint8Array.of(table, 0x70 + draws.below(12), draws.below(3))
}

function put(key: Bytes, value: Bytes): Mutation {
  return { key, value: seal(key, value) }
}

function batchOf(draws: Draws, seq: number): Mutation[] {
  const key = factKey(FACT.durableSeq)
  const batch = [put(key, new FieldWriter().uint64(BigInt(seq)).finish())]
  for (let left = draws.below(12); left > 0; left--) {
    const at = keyOf(draws)
    const value = Uint8Array.from({ length: draws.below(80) }, () => draws.below(256))
    batch.push(draws.below(3) === 0 ? { key: at, value: undefined } : put(at, value))
  }
  return batch
}

function walkAll(store: SummedStore): readonly Damage[] {
  const walk = store.walk()
  for (;;) {
    const step = walk.step(200)
    if (step.isDone) return step.damage
  }
}

describe('a store with sums', () => {
  it('finds nothing after any writes, with reads, slow walks and restarts between', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const draws = new Draws(seed)
      const raw = new MemoryStore()
      let store = await SummedStore.open(raw)
      let walk: SumWalk | undefined
      for (let round = 1; round <= 120; round++) {
        for (let reads = draws.below(6); reads > 0; reads--) store.get(keyOf(draws))
        const written = store.write(batchOf(draws, round))
        for (let reads = draws.below(6); reads > 0; reads--) store.get(keyOf(draws))
        if (draws.below(4) === 0) walk ??= store.walk()
        await written
        const step = walk?.step(1 + draws.below(300))
        if (step?.isDone === true) {
          expect(step.damage).toEqual([])
          walk = undefined
        }
        if (draws.below(20) !== 0) continue
        walk?.close()
        walk = undefined
        store = await SummedStore.open(raw)
        expect(store.found).toBe('kept')
      }
      expect(walkAll(store)).toEqual([])
    }
  })

  it('computes them for a store that was written to without', async () => {
    const draws = new Draws(5)
    const raw = new MemoryStore()
    await (await SummedStore.open(raw)).write(batchOf(draws, 1))
    await raw.write(batchOf(draws, 2))
    const store = await SummedStore.open(raw)
    expect(store.found).toBe('computed')
    expect(walkAll(store)).toEqual([])
    expect((await SummedStore.open(raw)).found).toBe('kept')
  })

  it('refuses a number of the last write that is older than the sums', async () => {
    const raw = new MemoryStore()
    const store = await SummedStore.open(raw)
    for (let seq = 1; seq <= 2; seq++) await store.write(batchOf(new Draws(seq), seq))
    const key = factKey(FACT.durableSeq)
    await raw.write([put(key, new FieldWriter().uint64(1n).finish())])
    await expect(SummedStore.open(raw)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('older than the sums') as unknown,
    })
  })

  it('knows the sum of a restored table again once a walk has read it', async () => {
    const raw = new MemoryStore()
    const store = await SummedStore.open(raw)
    const [a, b] = [Uint8Array.of(TABLE.log, 1), Uint8Array.of(TABLE.log, 2)]
    await store.write([put(a, Uint8Array.of(1)), put(b, Uint8Array.of(2))])
    await raw.write([put(a, Uint8Array.of(3))])
    expect(walkAll(store)).toMatchObject([{ table: 'log entry' }])
    const writing = store.write([put(Uint8Array.of(TABLE.log, 3), Uint8Array.of(4))])
    await Promise.all([store.restore([put(a, Uint8Array.of(1, 1))]), writing])
    expect(walkAll(store)).toEqual([])
    await store.write([put(Uint8Array.of(TABLE.log, 4), Uint8Array.of(4))])
    expect(walkAll(store)).toEqual([])
    await raw.write([put(a, Uint8Array.of(3))])
    expect(walkAll(store)).toMatchObject([{ table: 'log entry' }])
  })

  it('restores nothing after a write that failed', async () => {
    const raw = new MemoryStore()
    const store = await SummedStore.open(raw)
    const key = Uint8Array.of(TABLE.log, 1)
    await store.write([put(key, Uint8Array.of(1))])
    const failed = new Error('disk')
    raw.write = () => Promise.reject(failed)
    const writing = store.write([put(key, Uint8Array.of(2))])
    let calls = 0
    raw.write = () => Promise.resolve(void calls++)
    const restoring = store.restore([put(key, Uint8Array.of(1))])
    await expect(writing).rejects.toBe(failed)
    await expect(restoring).rejects.toBe(failed)
    expect(calls).toBe(0)
  })
})
