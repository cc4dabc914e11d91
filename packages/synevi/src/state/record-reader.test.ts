/** What a store says of places that its log does not hold. */

import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory-store.ts'
import { placeOf } from '../test/lane-under-test.ts'
import { formatBase } from './node-facts.ts'
import { recordReader } from './record-reader.ts'

describe('recordReader', () => {
  it('has no hashes for where the log begins: they may be behind a Barrier', async () => {
    const store = new MemoryStore()
    const hash = new Uint8Array(32).fill(7)
    await store.write([
      formatBase({ position: 6n, executeAt: placeOf(9), txnHash: hash, execHash: hash }),
    ])
    const reader = recordReader(store, () => {})
    expect(reader.logStart()).toBe(placeOf(9))
    expect(reader.watermarkAt(6n)).toBe(undefined)
  })
})
