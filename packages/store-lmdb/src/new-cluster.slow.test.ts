/** A survivor's data directory becomes that of a new cluster (`protocol.md` 10.6). */

import { cpSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  inspectSurvivor,
  Kv,
  KvExecutor,
  LocalHub,
  LocalNetwork,
  Node,
  startNewCluster,
} from 'synevi'
import { LmdbStore } from './lmdb-store.ts'
import { scratchPath, text } from './test/scratch.ts'

test('one of three goes on alone, and its old directory stays of the old cluster', async () => {
  const hub = new LocalHub()
  const paths = [0, 1, 2].map(() => scratchPath())
  const members = paths.map((_, serial) => ({ id: `n${serial}`, serial, address: '' }))
  const nodes = await Promise.all(
    paths.map(async (path, i) =>
      Node.open({
        ...{ self: { id: `n${i}` }, members, store: await LmdbStore.open({ path }) },
        ...{ network: new LocalNetwork(hub), executors: [KvExecutor] },
      }),
    ),
  )
  for (let i = 0; i < 20; i++)
    await nodes[i % 3]?.submit(Kv.write({ key: `key ${i}`, value: text(`${i}`) }))
  await nodes[0]?.barrier()
  const digest = nodes[0]?.stateDigest()
  for (const node of nodes) await node.close({ drainMs: 0 })
  const [path = ''] = paths
  const copy = scratchPath()
  cpSync(path, copy, { recursive: true })

  const closed = await LmdbStore.open({ path })
  const before = inspectSurvivor(closed)
  expect(before).toMatchObject({ id: 'n0', serial: 0, position: 20n, unapplied: 0 })
  await expect(startNewCluster({ store: closed })).rejects.toMatchObject({
    code: 'MEMBERSHIP_UNSAFE',
    details: { confirm: before.confirm },
  })
  const { cluster } = await startNewCluster({ store: closed, confirm: before.confirm })
  await closed.close()

  const store = await LmdbStore.open({ path })
  const parts = { self: { id: 'n0' }, executors: [KvExecutor] }
  const alone = await Node.open({ ...parts, store, network: new LocalNetwork(new LocalHub()) })
  expect(alone.members().map(({ id }) => id)).toEqual(['n0'])
  expect(alone.stateDigest()).toBe(digest)
  const next = await alone.submit(Kv.write({ key: 'new', value: text('new') }))
  expect(next).toMatchObject({ ok: true, position: 21n })
  expect(await alone.verify()).toMatchObject({ ok: true, to: 21n })
  await alone.close()

  const old = await LmdbStore.open({ path: copy })
  expect(inspectSurvivor(old).cluster).toBe(before.cluster)
  expect(before.cluster).not.toBe(cluster)
  await old.close()
}, 60_000)
