/**
 * Opens images as it is told, in a process that may die of one: each message is a path, each answer
 * says what was found there. Whatever throws is an answer; a signal is the parent's to notice.
 */

import { LmdbStore } from '../src/lmdb-store.ts'
import { batchOf, countBatches } from '../src/test/batch.ts'

/** Batches found, or what went wrong. */
export type Finding =
  | { readonly kind: 'opened'; readonly count: number }
  | { readonly kind: 'failed'; readonly why: string }

process.on('message', (path: unknown) => {
  void find(String(path)).then((finding) => process.send?.(finding))
})

async function find(path: string): Promise<Finding> {
  try {
    const store = await LmdbStore.open({ path, reserveBytes: 0 })
    const count = countBatches(store)
    await store.write(batchOf(count))
    await store.close()
    const again = await LmdbStore.open({ path, reserveBytes: 0 })
    const after = countBatches(again)
    await again.close()
    if (after !== count + 1)
      return { kind: 'failed', why: `a new write is not there: ${after} batches after ${count}` }
    return { kind: 'opened', count }
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : String(error) }
  }
}
