/** What a store says of places that its log does not hold. */

import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory-store.ts'
import { placeOf } from '../test/lane-under-test.ts'
import { Add, openAlone } from '../test/local-cluster.ts'
import { TABLE } from './key-layout.ts'
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

  it('reads an entry once, however often peers say that they are there as well', async () => {
    let read = 0
    class CountingStore extends MemoryStore {
      override get(key: Uint8Array): Uint8Array | undefined {
        if (key[0] === TABLE.log) read++
        return super.get(key)
      }
    }
    const store = new CountingStore()
    const { clock, node } = await openAlone({ store })
    await clock.until(node.submit(Add('a')))
    await clock.until(node.submit(Add('a')))
    const reader = recordReader(store, () => {})
    read = 0
    const hashes = [2n, 2n, 2n, 1n].map((position) => reader.watermarkAt(position)?.position)
    expect(hashes).toEqual([2n, 2n, 2n, 1n])
    expect(read).toBe(2)
    expect(reader.watermarkAt(9n)).toBe(undefined)
    await clock.until(node.close({ drainMs: 0 }))
  })
})
