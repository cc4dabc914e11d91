/** What an operator can do when a majority is lost for good (`protocol.md` 10.6). */

import { describe, expect, test } from 'vitest'
import { LocalHub, LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import type { Store } from '../contract/store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  Add,
  Count,
  counter,
  failureOf,
  openCluster,
  raise,
  type Cluster,
} from '../test/local-cluster.ts'
import { inspectSurvivor, startNewCluster } from './start-new-cluster.ts'

const REQUEST = '00000000-0000-4000-8000-000000000001'

const contents = (store: MemoryStore): readonly string[] =>
  [...store.scan({})].map((pair) => pair.map((bytes) => Buffer.from(bytes).toString('hex')).join())

/** n0 and n1 agree on five more after n2 is gone; then they are lost, and n2 is all there is. */
async function survivor(): Promise<{ cluster: Cluster; store: MemoryStore }> {
  const cluster = await openCluster(3)
  const { clock, node, stores } = cluster
  await clock.until(node(0).submit(Add('a'), { id: REQUEST }))
  for (let i = 0; i < 9; i++) await clock.until(node(i % 3).submit(Add('a')))
  await clock.until(node(2).barrier())
  await clock.until(node(2).close({ drainMs: 0 }))
  for (let i = 0; i < 5; i++) await clock.until(node(i % 2).submit(Add('a')))
  return { cluster, store: stores[2] ?? raise('no store') }
}

describe('when a majority is lost for good', () => {
  test('no removal helps, not even one that is forced', async () => {
    const { clock, node } = await openCluster(3)
    for (const i of [0, 1]) await clock.until(node(i).close({ drainMs: 0 }))
    await clock.advance(5_000)
    const forced = node(2).removeMember('n0', { force: true, timeoutMs: 5_000 })
    expect(await clock.until(failureOf(forced))).toMatchObject({ code: 'NO_QUORUM' })
    await clock.until(node(2).close({ drainMs: 0 }))
  })

  test('a survivor begins a new cluster with all that it has applied', async () => {
    const { cluster, store } = await survivor()
    const { clock, hub, options } = cluster
    const before = inspectSurvivor(store)
    expect(before).toMatchObject({ id: 'n2', epoch: 1, position: 10n, divergedAt: undefined })
    expect(before.members.map(({ id }) => id)).toEqual(['n0', 'n1', 'n2'])
    const said: string[] = []
    const logger = { debug() {}, info() {}, warn: (_: object, text = '') => void said.push(text) }
    const made = await startNewCluster({
      ...{ store, confirm: before.confirm, seed: 5n },
      logger: { ...logger, error() {} },
    })
    expect(said).toEqual([expect.stringContaining('gave up a cluster')])
    expect(made.cluster).not.toBe(before.cluster)
    expect(made.survivor).toEqual(before)
    // What the lost ones acknowledged beyond it is gone; the old ones are still there, and do not
    // reach the new one.
    const alone = { ...options(2), network: new LocalNetwork(hub), store }
    const { members: _, ...again } = alone
    const node = await clock.until(Node.open(again))
    expect(node.members().map(({ id }) => id)).toEqual(['n2'])
    expect(await clock.until(node.read(Count('a')))).toBe(10n)
    const repeated = await clock.until(node.submit(Add('a'), { id: REQUEST }))
    expect(repeated).toMatchObject({ duplicate: true, position: 1n })
    const next = await clock.until(node.submit(Add('a')))
    expect(next).toMatchObject({ position: 11n, value: 10n })
    await clock.advance(5_000)
    expect(await clock.until(cluster.node(0).read(Count('a')))).toBe(15n)
    expect(await clock.until(node.read(Count('a')))).toBe(11n)
    expect(await clock.until(node.verify())).toMatchObject({ ok: true, to: 11n })
    await clock.until(node.close({ drainMs: 10 }))
    for (const i of [0, 1]) await clock.until(cluster.node(i).close({ drainMs: 10 }))
  })

  test('others join the new cluster, also under the name of a lost one', async () => {
    const { cluster, store } = await survivor()
    const { clock } = cluster
    for (const i of [0, 1]) await clock.until(cluster.node(i).close({ drainMs: 0 }))
    await startNewCluster({ store, confirm: inspectSurvivor(store).confirm })
    const hub = new LocalHub({ clock, delayMs: 1 })
    const parts = { clock, executors: [counter] }
    const network = (): LocalNetwork => new LocalNetwork(hub)
    const self = { id: 'n2' }
    const node = await clock.until(Node.open({ ...parts, self, store, network: network() }))
    await clock.until(node.addMember({ id: 'n0', address: 'n0' }))
    await clock.until(node.addMember({ id: 'n1', address: 'n1' }))
    const others = await clock.until(
      Promise.all(
        ['n0', 'n1'].map((id) =>
          Node.open(
            {
              ...{ ...parts, self: { id }, join: ['n2'], network: network() },
              store: new MemoryStore(),
            },
            { timeoutMs: 50_000 },
          ),
        ),
      ),
    )
    await clock.until(node.submit(Add('a')))
    for (const other of others) {
      await clock.until(other.barrier())
      expect(await clock.until(other.read(Count('a')))).toBe(11n)
      expect(other.stateDigest()).toBe(node.stateDigest())
    }
    expect(node.members().map(({ role }) => role)).toEqual(['voter', 'voter', 'voter'])
    for (const one of [node, ...others]) await clock.until(one.close({ drainMs: 10 }))
  })

  test('the survivor of a cluster that had changed its members begins a later epoch', async () => {
    const cluster = await openCluster(3)
    const { clock, node, stores, options } = cluster
    await clock.until(node(0).removeMember('n0'))
    await clock.until(node(2).submit(Add('a')))
    for (const i of [1, 2]) await clock.until(node(i).close({ drainMs: 0 }))
    const store = stores[2] ?? raise('no store')
    const before = inspectSurvivor(store)
    expect(before.epoch).toBe(2)
    expect(before.members.map(({ id }) => id)).toEqual(['n1', 'n2'])
    const made = await startNewCluster({ store, confirm: before.confirm })
    expect(made.epoch).toBe(3)
    const { members: _, ...again } = options(2)
    const alone = await clock.until(Node.open(again))
    expect(await clock.until(alone.submit(Add('a')))).toMatchObject({ value: 1n })
    await clock.until(alone.close({ drainMs: 10 }))
    const reopened = await clock.until(Node.open({ ...again, network: options(2).network }))
    expect(await clock.until(reopened.read(Count('a')))).toBe(2n)
    await clock.until(reopened.close({ drainMs: 10 }))
    await clock.until(node(0).close({ drainMs: 0 }))
  })
})

describe('nothing is written', () => {
  test('unless the store as it is was confirmed; the failure says what is lost', async () => {
    const { cluster, store } = await survivor()
    const { confirm, cluster: old } = inspectSurvivor(store)
    const was = contents(store)
    for (const said of [undefined, 'yes', confirm.replace('at 10', 'at 9')]) {
      const given = said === undefined ? {} : { confirm: said }
      const failure = await failureOf(startNewCluster({ store, ...given }))
      expect(failure).toMatchObject({
        code: 'MEMBERSHIP_UNSAFE',
        definite: true,
        details: { confirm, position: '10', cluster: old, id: 'n2' },
      })
      expect(failure.message).toContain(confirm)
    }
    expect(contents(store)).toEqual(was)
    await startNewCluster({ store, confirm })
    // It is of another state now.
    expect(await failureOf(startNewCluster({ store, confirm }))).toMatchObject({
      code: 'MEMBERSHIP_UNSAFE',
    })
    for (const i of [0, 1]) await cluster.clock.until(cluster.node(i).close({ drainMs: 0 }))
  })

  test('to a store that is empty, or is damaged, or to what is no store', async () => {
    expect(await failureOf(startNewCluster({ store: new MemoryStore() }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      definite: true,
    })
    expect(
      await failureOf(Reflect.apply(startNewCluster, undefined, [{ store: {}, confirm: 7 }])),
    ).toMatchObject({ code: 'INVALID_ARGUMENT' })
    const { cluster, store } = await survivor()
    const [key] =
      [...store.scan({ from: Uint8Array.of(0x40), until: Uint8Array.of(0x41) })][0] ?? []
    await store.write([{ key: key ?? raise('no state'), value: undefined }])
    const was = contents(store)
    const { confirm } = inspectSurvivor(store)
    expect(await failureOf(startNewCluster({ store, confirm }))).toMatchObject({
      code: 'STORE_FAILED',
      definite: true,
    })
    expect(contents(store)).toEqual(was)
    for (const i of [0, 1]) await cluster.clock.until(cluster.node(i).close({ drainMs: 0 }))
  })
})

test('what is no store is refused with a code, at both doors', async () => {
  for (const store of [undefined, null, {}, 'a path'] as unknown as Store[]) {
    const refused = { code: 'INVALID_ARGUMENT', definite: true }
    expect(() => inspectSurvivor(store)).toThrow(expect.objectContaining(refused))
    await expect(startNewCluster({ store, confirm: 'yes' })).rejects.toMatchObject(refused)
  }
})
