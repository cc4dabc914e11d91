/** Batches that can be recognised: what a killed or crashed writer wrote, whole or in part. */

import type { Bytes, Mutation, Store } from 'synevi'

const KEYS_PER_BATCH = 5

/**
 * Batch `number`: its own keys with values of several sizes, a deletion of older ones, and the key
 * `last`.
 */
export function batchOf(number: number): Mutation[] {
  const own = Array.from({ length: KEYS_PER_BATCH }, (_, index) => ({
    key: keyOf(number, index),
    value: valueOf(number, index),
  }))
  const old = number >= 20 ? [{ key: keyOf(number - 20, 0), value: undefined }] : []
  return [...own, ...old, { key: new Uint8Array(Buffer.from('last')), value: valueOf(number, 0) }]
}

/**
 * How many batches are there, from 0 on. Throws if one is there in part, one is missing below
 * another, or a value is not what was written.
 */
export function countBatches(store: Store): number {
  const last = store.get(new Uint8Array(Buffer.from('last')))
  const count = last === undefined ? 0 : Buffer.from(last).readUInt32LE(0) + 1
  for (let number = 0; number < count + 2; number++) {
    for (let index = 0; index < KEYS_PER_BATCH; index++) {
      const found = store.get(keyOf(number, index))
      const deleted = index === 0 && number + 20 < count
      const expected = number < count && !deleted ? valueOf(number, index) : undefined
      const same =
        found === undefined || expected === undefined
          ? found === expected
          : Buffer.compare(found, expected) === 0
      if (!same)
        throw new Error(`batch ${number} of ${count} is there in part, or wrong: key ${index}`)
    }
  }
  const keys = [...store.scan({})].length
  const expected = count === 0 ? 0 : count * KEYS_PER_BATCH - Math.max(0, count - 20) + 1
  if (keys !== expected)
    throw new Error(`${keys} keys after ${count} batches, expected ${expected}`)
  return count
}

function keyOf(number: number, index: number): Bytes {
  return new Uint8Array(Buffer.from(`${index} ${String(number).padStart(8, '0')}`))
}

/** From a few bytes to several pages. */
function valueOf(number: number, index: number): Bytes {
  const value = new Uint8Array(8 + ((number * 7919 + index * 104_729) % 5) ** 5)
  value.fill((number + index) % 256)
  Buffer.from(value.buffer).writeUInt32LE(number, 0)
  return value
}
