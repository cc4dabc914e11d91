/**
 * Request memory against a plain list of the last dedupMax ids, however it is batched, stored and
 * reopened.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timestamp } from '@synevi/accord'
import { PendingState } from '../drive/pending-state.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { bytesOf, contents, request } from '../test/lane-under-test.ts'
import { durableSource } from './state-source.ts'
import { TABLE, positionKey } from './key-layout.ts'
import { RequestMemory, recall, type Remembered } from './request-memory.ts'

const TXN = timestamp(5n << 16n)

function first(position: bigint, value: string): Remembered & { readonly value: Uint8Array } {
  const digest = 'd'.repeat(16)
  return {
    position,
    time: position,
    txnId: TXN,
    digest,
    kind: 'applied',
    ok: true,
    value: bytesOf(value),
  }
}

/**
 * Adds ids in batches of these sizes; after a batch it is stored, or not yet, or the process ends
 * and begins anew.
 */
async function play(
  dedupMax: number,
  batches: readonly { readonly size: number; readonly next: 'store' | 'go on' | 'reopen' }[],
): Promise<MemoryStore> {
  const store = new MemoryStore()
  const limits = { dedupMax, dedupResultMaxBytes: 4 }
  let position = 0n
  let pending = new PendingState(store)
  const open = (): RequestMemory =>
    new RequestMemory({ sink: pending, durable: durableSource(store), limits, position })
  let memory = open()
  let unstored: ReturnType<PendingState['finish']>[] = []
  for (const { size, next } of batches) {
    pending.begin()
    for (let i = 0; i < size; i++) {
      position++
      const { id } = request(Number(position), 'x')
      expect(memory.recall(id)).toBe(undefined)
      memory.remember(id, first(position, 'v'))
    }
    memory.finishPage(position)
    unstored.push(pending.finish())
    for (let at = position; at > 0n && position - at < BigInt(dedupMax); at--) {
      expect(memory.recall(request(Number(at), 'x').id)?.position).toBe(at)
    }
    const forgotten = position - BigInt(dedupMax)
    if (forgotten > 0n) expect(memory.recall(request(Number(forgotten), 'x').id)).toBe(undefined)
    if (next === 'go on') continue
    for (const writes of unstored) {
      await store.write(writes.mutations)
      writes.stored()
    }
    unstored = []
    if (next === 'store') continue
    pending = new PendingState(store)
    memory = open()
  }
  for (const writes of unstored) await store.write(writes.mutations)
  return store
}

describe('RequestMemory', () => {
  it('remembers exactly the last dedupMax entries', async () => {
    const batch = fc.record({
      size: fc.integer({ min: 1, max: 12 }),
      next: fc.constantFrom('store' as const, 'go on' as const, 'reopen' as const),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 15 }),
        fc.array(batch, { maxLength: 12 }),
        async (max, batches) => {
          const store = await play(max, batches)
          const total = batches.reduce((sum, { size }) => sum + size, 0)
          const ids = [...contents(store).keys()].filter((key) => key.startsWith('30'))
          expect(ids).toHaveLength(Math.min(max, total))
          // The same batches, stored all at once, leave the same bytes.
          const calm = await play(
            max,
            batches.map(({ size }) => ({ size, next: 'go on' })),
          )
          expect(contents(store)).toEqual(contents(calm))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('misses a page that is gone, and forgets nothing else in its place', async () => {
    const store = await play(4, [
      { size: 2, next: 'store' },
      { size: 2, next: 'store' },
    ])
    await store.write([{ key: positionKey(TABLE.requestPage, 2n), value: undefined }])
    const pending = new PendingState(store)
    const limits = { dedupMax: 4, dedupResultMaxBytes: 4 }
    const memory = new RequestMemory({
      sink: pending,
      durable: durableSource(store),
      limits,
      position: 4n,
    })
    pending.begin()
    expect(() => memory.remember(request(5, 'x').id, first(5n, 'v'))).toThrow(
      expect.objectContaining({
        code: 'STORE_FAILED',
        details: { table: 'request page', key: '310000000000000001' },
      }),
    )
  })

  it('keeps outcomes up to the limit, and of larger ones the fact', () => {
    const store = new MemoryStore()
    const pending = new PendingState(store)
    const limits = { dedupMax: 10, dedupResultMaxBytes: 4 }
    const memory = new RequestMemory({
      sink: pending,
      durable: durableSource(store),
      limits,
      position: 0n,
    })
    pending.begin()
    memory.remember(request(1, 'x').id, { ...first(1n, 'four'), ok: false, kind: 'failed' })
    memory.remember(request(2, 'x').id, first(2n, 'fives'))
    expect(recall(pending, request(1, 'x').id)).toEqual({
      ...first(1n, 'four'),
      ok: false,
      kind: 'failed',
    })
    expect(recall(pending, request(2, 'x').id)).toEqual({ ...first(2n, ''), value: undefined })
  })
})
