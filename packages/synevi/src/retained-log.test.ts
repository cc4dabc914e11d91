/** A log that is shortened: behind everybody, never below what is retained or not closed. */

import { describe, expect, it } from 'vitest'
import { Node } from './node.ts'
import { TABLE } from './state/key-layout.ts'
import type { MemoryStore } from './store/memory-store.ts'
import { Add, Count, openCluster, type Cluster } from './test/local-cluster.ts'

const RETAIN = 20

function entriesIn(store: MemoryStore | undefined): number {
  const range = { from: Uint8Array.of(TABLE.place), until: Uint8Array.of(TABLE.place + 1) }
  return store === undefined ? 0 : [...store.scan(range)].length
}

async function clusterWith(staleAfterMs: number): Promise<Cluster> {
  return openCluster(3, () => ({
    timeouts: { floorIntervalMs: 200, closeLagMs: 20 },
    retain: { entries: RETAIN, staleAfterMs },
  }))
}

async function addMany({ clock, node }: Cluster, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await clock.until(node(i % 2).submit(Add('a')))
    await clock.advance(3)
  }
  await clock.advance(2_000)
}

describe('a log that holds no more than so much for others', () => {
  it('is not held back by a member that speaks and lags; that takes a snapshot', async () => {
    const cluster = await openCluster(3, () => ({
      timeouts: { floorIntervalMs: 200, closeLagMs: 20 },
      retain: { entries: RETAIN, entriesMax: 2 * RETAIN },
    }))
    const { clock, node, hub, stores } = cluster
    const changes: string[] = []
    node(0).on('member', ({ id, stale }) => changes.push(`${id} ${stale}`))
    await addMany(cluster, 10)
    // Heartbeats come from n2, and nothing of what the others agree on reaches it.
    hub.lose = (_, to) => to === 2
    await addMany(cluster, 25)
    expect(entriesIn(stores[0])).toBe(25)
    expect(node(0).members()[2]).not.toHaveProperty('stale')
    await addMany(cluster, 60)
    expect(entriesIn(stores[0])).toBe(RETAIN)
    expect(node(0).members()[2]).toMatchObject({ id: 'n2', reachable: true, stale: true })
    expect(changes).toContain('n2 true')
    hub.lose = () => false
    await clock.advance(5_000)
    expect(await clock.until(node(2).read(Count('a')))).toBe(95n)
    expect(node(2).stateDigest()).toBe(node(0).stateDigest())
    expect(node(0).members()[2]).not.toHaveProperty('stale')
    await cluster.close()
  })
})

describe('a log of which only the end is retained', () => {
  it('keeps so many entries, verifies, and goes on after a restart', async () => {
    const cluster = await clusterWith(3_600_000)
    const { clock, node, stores, options } = cluster
    await addMany(cluster, 80)
    for (const [i, store] of stores.entries()) {
      expect(entriesIn(store)).toBe(RETAIN)
      const report = await clock.until(node(i).verify())
      expect(report).toMatchObject({ ok: true, to: 80n })
      expect(report.from).toBe(61n)
    }
    await clock.until(node(2).close({ drainMs: 0 }))
    const again = await clock.until(Node.open(options(2)))
    expect(await clock.until(again.read(Count('a')))).toBe(80n)
    expect(await clock.until(again.submit(Add('a')))).toMatchObject({ value: 80n })
    await clock.until(again.close({ drainMs: 0 }))
    await cluster.close()
  })

  it('waits for a member that is away until it is stale; a snapshot brings it back', async () => {
    const cluster = await clusterWith(10_000)
    const { clock, node, stores, options } = cluster
    await addMany(cluster, 10)
    await clock.until(node(2).close({ drainMs: 0 }))
    await addMany(cluster, 60)
    expect(entriesIn(stores[0])).toBeGreaterThan(58)
    await clock.advance(12_000)
    expect(entriesIn(stores[0])).toBe(RETAIN)
    const late = await clock.until(Node.open(options(2)))
    expect(await clock.until(late.read(Count('a')))).toBe(70n)
    expect(late.stateDigest()).toBe(node(0).stateDigest())
    await clock.until(late.close({ drainMs: 0 }))
    await cluster.close()
  })
})
