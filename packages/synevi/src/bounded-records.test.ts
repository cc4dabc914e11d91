/** Records of transactions stay flat, whatever was executed (`protocol.md` 8). */

import { describe, expect, it } from 'vitest'
import { TABLE } from './state/key-layout.ts'
import type { MemoryStore } from './store/memory-store.ts'
import { Add, openCluster } from './test/local-cluster.ts'

const ROUNDS = 5
const TXNS = 80

function recordsIn(store: MemoryStore): number {
  const range = { from: Uint8Array.of(TABLE.live), until: Uint8Array.of(TABLE.txn + 1) }
  return [...store.scan(range)].length
}

describe('a cluster that works on', () => {
  it('keeps the records of one interval and the lag, and forgets nothing else', async () => {
    const cluster = await openCluster(3, () => ({
      timeouts: { floorIntervalMs: 200, closeLagMs: 50 },
    }))
    const { clock, node, nodes, stores } = cluster
    const peaks: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < TXNS; i++) {
        await clock.until(node(i % 3).submit(Add(`k${i % 7}`)))
        await clock.advance(2)
      }
      peaks.push(Math.max(...stores.map((store) => recordsIn(store))))
    }
    // What 450 ms hold, at a transaction in 2 ms and more: not the history of the rounds.
    for (const peak of peaks) expect(peak).toBeLessThan(3 * TXNS)
    await clock.advance(2_000)
    for (const [i, store] of stores.entries()) {
      // The last Barrier, and perhaps the one before: an idle cluster closes nothing more.
      expect(recordsIn(store)).toBeLessThanOrEqual(2)
      const { consensus, applied } = node(i).status()
      expect(consensus.records).toBeLessThanOrEqual(2)
      expect(consensus.closedBefore).toBeGreaterThan(applied.time - 1_000_000_000n)
      expect(applied.position).toBe(BigInt(ROUNDS * TXNS))
      expect(await clock.until(node(i).verify())).toMatchObject({ ok: true, from: 1n })
    }
    const hash = node(0).status().applied.hash
    await clock.advance(5_000)
    for (const each of nodes) expect(each.status().applied.hash).toBe(hash)
    await cluster.close()
  })
})
