/** Snapshots between nodes of one process (`protocol.md` 8.4). */

import { describe, expect, test } from 'vitest'
import { LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { cutLog } from '../test/cut-log.ts'
import { Add, Count, counter, openCluster, take, type Cluster } from '../test/local-cluster.ts'

const REQUEST = '01JAAAAAAAAAAAAAAAAAAAAAAA'

/** Adds one by one, so that each is a transaction of its own. */
async function addMany({ clock, node }: Cluster, count: number, name = 'a'): Promise<void> {
  for (let i = 0; i < count; i++) await clock.until(node(i % 2).submit(Add(name)))
}

/** n2 is away while others go on; what it lacks is then no longer in their logs. */
async function withAbsent(cluster: Cluster, count: number): Promise<void> {
  const { clock, node, stores } = cluster
  await clock.until(node(2).close({ drainMs: 0 }))
  await addMany(cluster, count)
  await clock.advance(1_000)
  for (const i of [0, 1]) await cutLog(stores[i] ?? new MemoryStore(), 3)
}

describe('a node whose past is no longer in the logs of others', () => {
  test('takes a snapshot and follows the log behind it', async () => {
    const cluster = await openCluster(3)
    const { clock, node, options, stores } = cluster
    await addMany(cluster, 5)
    const first = await clock.until(node(0).submit(Add('once'), { id: REQUEST }))
    await withAbsent(cluster, 40)
    const late = await clock.until(Node.open(options(2)))
    const position = await clock.until(node(0).barrier())
    expect(await clock.until(late.read(Count('a')))).toBe(45n)
    expect(late.stateDigest()).toBe(node(0).stateDigest())
    // The request memory came with it.
    const again = await clock.until(late.submit(Add('once'), { id: REQUEST }))
    expect(again).toMatchObject({ duplicate: true, position: first.position })
    const report = await clock.until(late.verify())
    expect(report).toMatchObject({ ok: true })
    expect(report.from).toBeGreaterThan(40n)
    // What stood in the old slot is gone.
    await clock.advance(2_000)
    const store = stores[2] ?? new MemoryStore()
    expect([...store.scan({ from: Uint8Array.of(0x20), until: Uint8Array.of(0x42) })]).toEqual([])
    const after = await clock.until(late.submit(Add('a')))
    expect(after).toMatchObject({ ok: true, value: 45n })
    expect((await clock.until(take(late, 1, position)))[0]?.position).toBe(position + 1n)
    await clock.until(late.close({ drainMs: 10 }))
    await cluster.close()
  })

  test('and starts again from what it took, also a second time', async () => {
    const cluster = await openCluster(3)
    const { clock, node, options } = cluster
    await withAbsent(cluster, 20)
    for (const rounds of [1n, 2n]) {
      const late = await clock.until(Node.open(options(2)))
      await clock.until(late.barrier())
      expect(await clock.until(late.read(Count('a')))).toBe(20n * rounds)
      expect(late.stateDigest()).toBe(node(0).stateDigest())
      await clock.advance(1_000)
      await clock.until(late.close({ drainMs: 10 }))
      await addMany(cluster, 20)
      await clock.advance(1_000)
      for (const i of [0, 1]) await cutLog(cluster.stores[i] ?? new MemoryStore(), 3)
    }
    await cluster.close()
  })
})

describe('a fresh node', () => {
  test('joins by a snapshot, follows, and becomes a voter', async () => {
    const limits = { snapshotLeadMin: 5, snapshotTail: 4 }
    const cluster = await openCluster(3, () => ({ limits }))
    const { clock, node, hub } = cluster
    await addMany(cluster, 40)
    await clock.advance(1_000)
    await clock.until(node(0).addMember({ id: 'n3', address: 'n3' }))
    const notices: string[] = []
    const opening = Node.open(
      {
        ...{ self: { id: 'n3' }, join: ['n0', 'n1'], clock, limits, executors: [counter] },
        ...{ network: new LocalNetwork(hub), store: new MemoryStore(), seed: 3n },
        onNotice: ({ kind }) => void notices.push(kind),
      },
      { timeoutMs: 60_000 },
    )
    await addMany(cluster, 10)
    const joined = await clock.until(opening)
    expect(notices).toContain('restartedInPlace')
    expect(await clock.until(joined.submit(Add('a')))).toMatchObject({ ok: true, value: 50n })
    await clock.until(node(0).barrier())
    expect(joined.stateDigest()).toBe(node(0).stateDigest())
    expect(joined.members().find(({ id }) => id === 'n3')?.role).toBe('voter')
    expect(await clock.until(joined.verify())).toMatchObject({ ok: true })
    await clock.until(joined.close({ drainMs: 10 }))
    await cluster.close()
  })
})
