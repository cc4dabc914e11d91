/**
 * Damage found while nodes work: by the scrubber, or by a read for a peer. What the log proves is
 * restored; nothing wrong is served; what cannot be proved stops the node, and the others go on.
 */

import { describe, expect, it } from 'vitest'
import type { Bytes } from '@synevi/accord'
import type { NodeOptions } from '../options.ts'
import { TABLE, type Table } from '../state/key-layout.ts'
import type { MemoryStore } from '../store/memory-store.ts'
import { Add, Count, openCluster, type Cluster } from '../test/local-cluster.ts'
import type { DamageEvent } from './damage.ts'

const scrubbing: Partial<NodeOptions> = {
  scrub: { bytesPerSecond: 100_000, intervalMs: 2_000 },
  // Nothing is erased meanwhile.
  timeouts: { floorIntervalMs: 86_400_000 },
}

interface Trial {
  readonly cluster: Cluster
  readonly store: MemoryStore
  readonly events: DamageEvent[]
}

/** Three nodes with a history of 12 transactions; the store and the events are those of n1. */
async function trial(size = 3): Promise<Trial> {
  const cluster = await openCluster(size, () => scrubbing)
  for (let i = 0; i < 12; i++) {
    const submitted = cluster.node(i % size).submit(Add(`k${i % 5}`))
    await cluster.clock.until(submitted)
  }
  await cluster.clock.advance(3_000)
  const at = Math.min(1, size - 1)
  const store = cluster.stores[at]
  if (store === undefined) throw new Error('no store')
  const events: DamageEvent[] = []
  cluster.node(at).on('damage', (event) => events.push(event))
  return { cluster, store, events }
}

function keysIn(store: MemoryStore, table: Table): readonly Bytes[] {
  const range = { from: Uint8Array.of(table), until: Uint8Array.of(table + 1) }
  return [...store.scan(range)].map(([key]) => key)
}

async function flip(store: MemoryStore, key: Bytes | undefined): Promise<Bytes> {
  const value = key === undefined ? undefined : store.get(key)
  if (key === undefined || value === undefined) throw new Error('no such record')
  const bad = value.slice()
  bad[bad.length - 1] = (bad[bad.length - 1] ?? 0) ^ 4
  await store.write([{ key, value: bad }])
  return value
}

describe('the scrubber', () => {
  it.each([
    ['log', TABLE.log],
    ['settled', TABLE.settled],
    ['place', TABLE.place],
    ['request page', TABLE.requestPage],
  ] as const)('finds any flipped record of table %s, and it is restored', async (_, table) => {
    const { cluster, store, events } = await trial()
    const count = keysIn(store, table).length
    expect(count).toBeGreaterThan(5)
    for (let i = 0; i < count; i++) {
      const key = keysIn(store, table)[i]
      events.length = 0
      await flip(store, key)
      await cluster.clock.advance(6_000)
      expect(events.map(({ state }) => state)).toEqual(['found', 'repaired'])
    }
    const node = cluster.node(1)
    expect(node.status()).toMatchObject({
      phase: 'ready',
      damage: { found: count, repaired: count, open: 0 },
    })
    const verified = node.verify()
    expect(await cluster.clock.until(verified)).toMatchObject({ ok: true, to: 12n })
    await cluster.close()
  })

  it('has several neighbours in the log restored, one after the other', async () => {
    const { cluster, store, events } = await trial()
    for (const key of keysIn(store, TABLE.log).slice(3, 6)) await flip(store, key)
    await cluster.clock.advance(12_000)
    expect(events.filter(({ state }) => state === 'repaired')).toHaveLength(3)
    expect(await cluster.clock.until(cluster.node(1).verify())).toMatchObject({ ok: true })
    await cluster.close()
  })

  it.each([
    ['mark', TABLE.mark],
    ['fact', TABLE.fact],
  ] as const)(
    'stops a node with a flipped record of table %s, the others go on',
    async (_, table) => {
      const { cluster, store } = await trial()
      await flip(store, keysIn(store, table)[0])
      await cluster.clock.advance(6_000)
      const { phase, reason } = cluster.node(1).status()
      expect(phase).toBe('failed')
      expect(reason).toContain('no other record says what it was; replace this member')
      await expect(cluster.clock.until(cluster.node(1).submit(Add('k1')))).rejects.toMatchObject({
        code: 'STORE_FAILED',
      })
      const submitted = cluster.node(0).submit(Add('k1'))
      expect(await cluster.clock.until(submitted)).toMatchObject({ ok: true })
      await cluster.close()
    },
  )

  it.each(['flipped', 'missing', 'older'] as const)(
    'has a peer give its state to a node with a %s record of state, and serves nothing till then',
    async (fault) => {
      const { cluster, store, events } = await trial()
      const [key] = keysIn(store, TABLE.state)
      if (key === undefined) throw new Error('no state')
      const older = store.get(key)
      await cluster.clock.until(cluster.node(0).submit(Add('k0')))
      await cluster.clock.advance(200)
      if (fault === 'flipped') await flip(store, key)
      else await store.write([{ key, value: fault === 'missing' ? undefined : older }])
      const phases: string[] = []
      cluster.node(1).on('phase', ({ phase, reason }) => phases.push(`${phase}: ${reason ?? ''}`))
      await cluster.clock.advance(15_000)
      expect(phases[0]).toContain('readOnly: the store is damaged')
      expect(events.map(({ state }) => state)).toEqual(['found', 'repaired'])
      expect(cluster.node(1).status().phase).toBe('ready')
      expect(cluster.node(1).stateDigest()).toBe(cluster.node(0).stateDigest())
      const submitted = cluster.node(1).submit(Add('k0'))
      expect(await cluster.clock.until(submitted)).toMatchObject({ ok: true, value: 4n })
      await cluster.clock.advance(15_000)
      const verified = cluster.node(1).verify()
      expect(await cluster.clock.until(verified)).toMatchObject({ ok: true, to: 14n })
      await cluster.close()
    },
  )

  it('stops a node alone that lost a record', async () => {
    const { cluster, store } = await trial(1)
    const [key] = keysIn(store, TABLE.state)
    if (key !== undefined) await store.write([{ key, value: undefined }])
    await cluster.clock.advance(6_000)
    expect(cluster.node(0).status()).toMatchObject({ phase: 'failed' })
    expect(cluster.node(0).status().reason).toContain('1 records of table state are missing')
    await cluster.close()
  })

  it('is off when its speed is 0, and never finds anything in a good store', async () => {
    const { cluster } = await trial()
    await cluster.clock.advance(20_000)
    const { passes, found } = cluster.node(2).status().damage
    expect(passes).toBeGreaterThan(3)
    expect(found).toBe(0)
    await cluster.close()
    const off = await openCluster(1, () => ({ scrub: { bytesPerSecond: 0 } }))
    await off.clock.advance(20_000)
    expect(off.node(0).status().damage.passes).toBe(0)
    await off.close()
  })
})

describe('a damaged record', () => {
  it('is never served to a reader', async () => {
    const { cluster, store } = await trial(1)
    const key = keysIn(store, TABLE.state).find((one) => Buffer.from(one).includes('k3'))
    await flip(store, key)
    await expect(
      cluster.clock.until(cluster.node(0).read(Count('k3'), { consistency: 'local' })),
    ).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await cluster.close()
  })
})
