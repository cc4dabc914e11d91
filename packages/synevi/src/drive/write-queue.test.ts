/** One write at a time, and none after the queue is closed. */

import { describe, expect, it } from 'vitest'
import type { Mutation } from '@synevi/accord'
import { MemoryStore } from '../store/memory-store.ts'
import { WriteQueue } from './write-queue.ts'

/** Every write ends when it is told to. */
class SlowStore extends MemoryStore {
  readonly begun: (() => void)[] = []

  override async write(batch: readonly Mutation[]): Promise<void> {
    await new Promise<void>((resolve) => this.begun.push(resolve))
    await super.write(batch)
  }
}

const mutation: Mutation = { key: Uint8Array.of(1), value: Uint8Array.of(2) }

describe('WriteQueue', () => {
  it('waits for the write under way when it is closed, and begins no other', async () => {
    const store = new SlowStore()
    const queue = new WriteQueue(store)
    const first = queue.urgent([mutation])
    void queue.urgent([mutation])
    let isClosed = false
    const closed = queue.close().then(() => {
      isClosed = true
    })
    void queue.patient([mutation])
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    store.begun[0]?.()
    await Promise.all([first, closed])
    void queue.urgent([mutation])
    await new Promise((resolve) => setImmediate(resolve))
    expect(store.begun).toHaveLength(1)
  })

  it('is closed when the last write failed', async () => {
    const store = new MemoryStore()
    store.write = () => Promise.reject(new Error('no'))
    const queue = new WriteQueue(store)
    await expect(queue.urgent([mutation])).rejects.toThrow('no')
    await expect(queue.close()).resolves.toBeUndefined()
  })
})
