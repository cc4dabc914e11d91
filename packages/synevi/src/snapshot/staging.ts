/**
 * The snapshot that is being staged, as the store knows it: whose it is and how far it came.
 * Written together with what it states, so that staging goes on after a crash where it stopped.
 */

import { nodeSerial, type Bytes, type Mutation, type NodeSerial } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { FieldReader, FieldWriter } from '../state/fields.ts'
import { FACT, factKey } from '../state/key-layout.ts'
import { factMutation } from '../state/node-facts.ts'
import { getSealed, reading } from '../state/sealed.ts'
import { damagedKeyOf } from '../state/sum-walk.ts'
import { SLOT_TABLES, formatSlots, otherSlot, readSlots, tableRange } from '../state/slots.ts'

/** How far a snapshot is staged. */
export interface Staging {
  readonly from: NodeSerial
  /** 16 bytes. */
  readonly cut: Bytes
  /** The first part that is not staged. Never one that begins within a pair. */
  readonly next: number
  /** Of the part before `next`. */
  readonly digest: Bytes
  /** The last key staged, of slot A; empty before the first. Keys rise. */
  readonly lastKey: Bytes
  /** Of keys and values. */
  readonly bytes: bigint
  readonly isComplete: boolean
  /** Part 0. */
  readonly manifest: Bytes
}

/** Keys in one write that clears. */
const SLICE_KEYS = 1_000

/** Says how far it is. */
export function formatStaging(staging: Staging): Mutation {
  const writer = new FieldWriter(256).uint16(staging.from).raw(staging.cut)
  writer.uint32(staging.next).raw(staging.digest).uint64(staging.bytes)
  writer.uint16(staging.lastKey.byteLength).raw(staging.lastKey)
  writer.byte(staging.isComplete ? 1 : 0).raw(staging.manifest)
  return factMutation(FACT.staging, writer.finish())
}

/** Forgets it. */
export function noStaging(): Mutation {
  return { key: factKey(FACT.staging), value: undefined }
}

/** Undefined when none is being staged. Throws `STORE_FAILED`. */
export function readStaging(store: Store): Staging | undefined {
  const key = factKey(FACT.staging)
  const value = getSealed(store, key)
  if (value === undefined) return undefined
  return reading(key, () => {
    const reader = new FieldReader(value)
    return {
      from: nodeSerial(reader.uint16()),
      cut: reader.raw(16).slice(),
      next: reader.uint32(),
      digest: reader.raw(32).slice(),
      bytes: reader.uint64(),
      lastKey: reader.raw(reader.uint16()).slice(),
      isComplete: reader.byte() === 1,
      manifest: reader.rest().slice(),
    }
  })
}

/**
 * Empties the slot that is not current, a slice at a time: `write` may let others write in between,
 * and `pause` gives the thread away. Harmless when repeated or broken off; what was staged there is
 * gone with the first slice. Rejects as `write` does.
 */
export async function clearOtherSlot(
  store: Store,
  parts: {
    readonly write: (batch: readonly Mutation[]) => Promise<void>
    readonly pause: () => Promise<void>
    readonly isOver: () => boolean
  },
): Promise<void> {
  const { current, otherIsEmpty } = readSlots(store)
  if (otherIsEmpty) return
  await parts.write([noStaging()])
  for (const table of SLOT_TABLES) {
    const range = { ...tableRange(table, otherSlot(current)), limit: SLICE_KEYS }
    for (;;) {
      if (parts.isOver()) return
      const batch: Mutation[] = []
      try {
        for (const [key] of store.scan(range)) batch.push({ key, value: undefined })
      } catch (error) {
        // It may be why the snapshot was taken.
        const key = damagedKeyOf(error)
        if (key === undefined) throw error
        batch.push({ key, value: undefined })
      }
      if (batch.length === 0) break
      await parts.write(batch)
      await parts.pause()
    }
  }
  if (!parts.isOver()) await parts.write([formatSlots({ current, otherIsEmpty: true })])
}
