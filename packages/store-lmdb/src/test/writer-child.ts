/**
 * Writes batches for ever, and prints the number of each that has resolved: `writer-child.ts PATH
 * FIRST DURABILITY`. Batch n: five keys of its own, and the key `last`, all with values made from
 * n.
 */

import { writeSync } from 'node:fs'
import { LmdbStore } from '../lmdb-store.ts'
import { batchOf } from './batch.ts'

const [path = '', first = '0', durability = 'sync'] = process.argv.slice(2)

const store = await LmdbStore.open({ path, durability: durability === 'sync' ? 'sync' : 'process' })
for (let number = Number(first); ; number++) {
  await store.write(batchOf(number))
  writeSync(1, `${number}\n`)
}
