/**
 * Writes batches and prints the number of each that has resolved: `writer.ts PATH COUNT PLANT`. The
 * plants are lies that the images must show: `early` prints a batch before it has resolved,
 * `unsynced` never syncs.
 */

import { writeSync } from 'node:fs'
import { batchOf } from '../src/test/batch.ts'
import { LmdbStore } from '../src/lmdb-store.ts'

const [path = '', count = '0', plant = 'none'] = process.argv.slice(2)

const store = await LmdbStore.open({ path, durability: plant === 'unsynced' ? 'process' : 'sync' })
for (let number = 0; number < Number(count); number++) {
  const writing = store.write(batchOf(number))
  if (plant !== 'early') await writing
  writeSync(1, `acknowledged ${number}\n`)
  await writing
}
await store.close()
