/** Takes the beginning of a log away, as a node does that truncates: for tests. */

import type { Mutation } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { logAfter, logKey, placeKey, placesFrom } from '../state/log-table.ts'
import { formatBase } from '../state/node-facts.ts'
import { readSlots, storeOfSlot } from '../state/slots.ts'

/** Leaves the last `keep` transactions. Nobody else may write meanwhile. */
export async function cutLog(store: Store, keep: number): Promise<void> {
  const current = storeOfSlot(store, readSlots(store).current)
  const entries = [...logAfter(current, undefined)].map(({ entry }) => entry)
  const gone = entries.slice(0, Math.max(0, entries.length - keep))
  const last = gone.at(-1)
  if (last === undefined) return
  const batch: Mutation[] = gone.map(({ executeAt }) => ({
    key: logKey(executeAt),
    value: undefined,
  }))
  for (const place of placesFrom(current, 0n, entries.length)) {
    if (place.executeAt > last.executeAt) break
    const entry = gone.find(({ executeAt }) => executeAt === place.executeAt)
    if (entry !== undefined) {
      batch.push({ key: placeKey(entry.watermark.position), value: undefined })
    }
  }
  batch.push(formatBase(last.watermark))
  await current.write(batch)
}
