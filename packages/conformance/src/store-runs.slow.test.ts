/** Our stores against the store cases. The LMDB ones touch the disk. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LmdbStore, type LmdbDurability } from '@synevi/store-lmdb'
import { MemoryStore } from 'synevi'
import { describe, it } from 'vitest'
import { storeCases } from './store-cases.ts'
import type { MakeStore } from './store-fixture.ts'

const memory: MakeStore = async () => {
  const store = new MemoryStore()
  return { store, reopen: async () => store, dispose: () => store.close() }
}

const lmdb =
  (durability: LmdbDurability): MakeStore =>
  async () => {
    const parent = mkdtempSync(join(tmpdir(), 'synevi-conformance-'))
    const path = join(parent, 'data')
    const store = await LmdbStore.open({ path, durability })
    const opened = [store]
    return {
      store,
      reopen: async () => {
        const again = await LmdbStore.open({ path, durability })
        opened.push(again)
        return again
      },
      dispose: async () => {
        for (const each of opened) await each.close()
        rmSync(parent, { recursive: true })
      },
    }
  }

const stores: Readonly<Record<string, MakeStore>> = {
  MemoryStore: memory,
  LmdbStore: lmdb('sync'),
  "LmdbStore, durability 'process'": lmdb('process'),
}

for (const [name, make] of Object.entries(stores)) {
  describe(name, () => {
    for (const { name: claim, run } of storeCases) it(claim, () => run(make))
  })
}
