/** Stores go from 0.1.0 to this version and back, as long as nothing requires a feature. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { LmdbStore } from '@synevi/store-lmdb'
import { Kv, KvExecutor, LocalNetwork, MemoryStore, Node, type NodeOptions } from 'synevi'
import { afterEach, describe, expect, test } from 'vitest'
import { unpackRelease } from './release.ts'

const release = unpackRelease('0.1.0')
// The same names as today's: a release is the package of its time.
interface Synevi {
  readonly Kv: typeof Kv
  readonly KvExecutor: typeof KvExecutor
  readonly Node: typeof Node
}
const before: Synevi = await import(release.module('synevi'))
const lmdbBefore: { readonly LmdbStore: typeof LmdbStore } = await import(
  release.module('@synevi/store-lmdb')
)

/** Every value of a store is sealed, whoever wrote it. */
const sealed: { readonly seal: (key: Uint8Array, value: Uint8Array) => Uint8Array } = await import(
  join(dirname(release.module('synevi')), 'state', 'sealed.js')
)

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

type Life = 'before' | 'hold' | 'auto'

interface Left {
  readonly position: bigint
  readonly digest: string
  readonly hash: string
  readonly features: readonly string[] | undefined
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'synevi-release-'))
  folders.push(path)
  return path
}

/** Opens the store as that version, looks, writes once more, and closes. */
async function live(path: string, life: Life): Promise<{ found: Left; left: Left }> {
  const { Node: Opened, Kv: Client, KvExecutor: Executor } = life === 'before' ? before : TODAY
  const Lmdb = life === 'before' ? lmdbBefore.LmdbStore : LmdbStore
  const options: NodeOptions = {
    self: { id: 'one' },
    store: await Lmdb.open({ path: join(path, 'store') }),
    network: new LocalNetwork(),
    executors: [Executor],
    ...(life === 'before' ? {} : { features: life }),
  }
  const node = await Opened.open(options)
  try {
    const found = looked(node)
    const applied = await node.submit(
      Client.write({ key: `${found.position}`, value: Uint8Array.of(7) }),
    )
    expect(applied.ok).toBe(true)
    expect(await node.verify()).toMatchObject({ ok: true })
    return { found, left: looked(node) }
  } finally {
    await node.close()
  }
}

const TODAY = { Node, Kv, KvExecutor }

function looked(node: Node): Left {
  const { applied, features } = node.status()
  const { position, hash } = applied
  return { position, hash, digest: node.stateDigest(), features }
}

const same = ({ position, digest, hash }: Left): object => ({ position, digest, hash })

describe('one store in many hands', () => {
  test('0.1.0, this version, and so on: each goes on where the other stopped', async () => {
    const path = folder()
    let last: Left | undefined
    for (const life of ['before', 'hold', 'before', 'hold'] as const) {
      const { found, left } = await live(path, life)
      if (last !== undefined) expect(same(found)).toEqual(same(last))
      expect(left.features).toEqual(life === 'before' ? undefined : [])
      last = left
    }
    expect(last?.position).toBe(4n)
  })

  test('once a feature is in use, 0.1.0 refuses the store and says why', async () => {
    const path = folder()
    await live(path, 'before')
    const { left } = await live(path, 'auto')
    expect(left.features).toEqual(['floors', 'reads', 'epochs', 'snapshots'])
    await expect(live(path, 'before')).rejects.toMatchObject({
      code: 'INCOMPATIBLE_VERSION',
      definite: true,
      message: expect.stringContaining('written by format 2, this version reads 1; upgrade first'),
    })
    const { found } = await live(path, 'hold')
    expect(found.features).toEqual(left.features)
    expect(same(found)).toEqual(same(left))
  })

  test('both pass over facts and tables of a later version that nothing requires', async () => {
    const path = folder()
    await live(path, 'before')
    const store = await LmdbStore.open({ path: join(path, 'store') })
    const records = [0x01, 0x0f, 0x13, 0x2f, 0x7f].map((table) => {
      const key = Uint8Array.of(table, 0xee)
      return { key, value: sealed.seal(key, Uint8Array.of(1, 2, 3)) }
    })
    await store.write(records)
    await store.close()
    await live(path, 'before')
    await live(path, 'hold')
    expect((await live(path, 'auto')).left.position).toBe(4n)
  })

  test('a store of memory is no different', async () => {
    const store = new MemoryStore()
    const node = await before.Node.open({
      ...{ self: { id: 'one' }, network: new LocalNetwork(), store },
      executors: [before.KvExecutor],
    })
    await node.submit(before.Kv.write({ key: 'a', value: Uint8Array.of(1) }))
    expect(node.status().applied.position).toBe(1n)
    await node.close()
  })
})
