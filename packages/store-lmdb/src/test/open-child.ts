/**
 * Opens a store, reads everything, writes something, closes, and prints how that went as one line
 * of JSON: `open-child.ts PATH`.
 */

import { isSyneviError } from 'synevi'
import { LmdbStore } from '../lmdb-store.ts'

const [path = ''] = process.argv.slice(2)

try {
  const store = await LmdbStore.open({ path })
  let count = 0
  for (const [key] of store.scan({})) {
    store.get(key)
    count++
  }
  await store.write([{ key: Uint8Array.of(255, 1), value: Uint8Array.of(1) }])
  await store.close()
  print(JSON.stringify({ count }))
} catch (error) {
  if (!isSyneviError(error)) throw error
  const { code, message, details } = error
  print(JSON.stringify({ code, message, details }))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
