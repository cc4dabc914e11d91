/**
 * Writers that are killed at any moment: what was acknowledged is there, nothing in part, and no
 * lock is left.
 */

import { describe, expect, it } from 'vitest'
import { LmdbStore } from './lmdb-store.ts'
import { batchOf, countBatches } from './test/batch.ts'
import { Child } from './test/child.ts'
import { put, scratchPath } from './test/scratch.ts'

describe('a killed writer', () => {
  for (const durability of ['sync', 'process']) {
    it(`leaves every acknowledged batch, whole, and no lock (${durability})`, async () => {
      const path = scratchPath()
      let count = 0
      for (let round = 0; round < 5; round++) {
        const child = new Child('writer-child.ts', [path, String(count), durability])
        // Killed while it writes, at a moment that nothing else depends on.
        const lines = await child.lines(1 + ((round * 37) % 50))
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
        child.process.kill('SIGKILL')
        const ended = await child.ended
        expect(ended.signal, ended.stderr).toBe('SIGKILL')
        const acknowledged = Number(ended.stdout.trimEnd().split('\n').at(-1)) + 1
        expect(acknowledged).toBeGreaterThanOrEqual(count + lines.length)
        await using store = await LmdbStore.open({ path })
        const found = countBatches(store)
        // One more may be there: it was on the disk and had not been reported.
        expect([acknowledged, acknowledged + 1]).toContain(found)
        await store.write(batchOf(found))
        count = countBatches(store)
        expect(count).toBe(found + 1)
      }
    })
  }

  it('holds the directory as long as it lives, also stopped by a signal', async () => {
    const path = scratchPath()
    const child = new Child('writer-child.ts', [path, '0', 'sync'])
    await child.lines(1)
    const locked = expect.objectContaining({
      code: 'STORE_FAILED',
      retryable: true,
      message: expect.stringContaining(`process ${child.process.pid} has it open`),
      details: { reason: 'locked', path },
    })
    await expect(LmdbStore.open({ path })).rejects.toThrow(locked)
    child.process.kill('SIGSTOP')
    await expect(LmdbStore.open({ path })).rejects.toThrow(locked)
    child.process.kill('SIGCONT')
    await child.lines(100)
    child.process.kill('SIGKILL')
    await child.ended
    await using store = await LmdbStore.open({ path })
    await store.write([put('mine', 'now')])
  })
})
