/** What the store cases are made of: a store beside its model, and small bytes. */

import type { Bytes, Mutation, Range, Store } from 'synevi'
import type { ConformanceCase } from './conformance-case.ts'
import type { SeededNumbers } from './seeded-numbers.ts'
import type { MakeStore } from './store-fixture.ts'
import { StoreModel } from './store-model.ts'

/** A store and what it must hold. */
export interface Trial {
  readonly store: Store
  /** What must be there, after each `write`. */
  readonly model: StoreModel
  /** Writes to the store and, once that resolves, to the model. */
  readonly write: (batch: readonly Mutation[]) => Promise<void>
  readonly reopened: () => Promise<Store | undefined>
}

/** A case on a fresh store, which is disposed of whatever happens. */
export function storeCase(
  name: string,
  attempt: (trial: Trial) => Promise<void>,
): ConformanceCase<MakeStore> {
  return {
    name,
    run: async (make) => {
      const fixture = await make()
      const { store } = fixture
      const model = new StoreModel()
      const write = async (batch: readonly Mutation[]): Promise<void> => {
        await store.write(batch)
        model.apply(batch)
      }
      try {
        await attempt({ store, model, write, reopened: async () => fixture.reopen?.() })
      } finally {
        await fixture.dispose()
      }
    },
  }
}

/** Once the event loop has come round. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The numbers as bytes. */
export function bytes(...values: readonly number[]): Bytes {
  return Uint8Array.from(values)
}

/** Sets a key. */
export function put(key: Bytes, value: Bytes): Mutation {
  return { key, value }
}

/** Deletes a key. */
export function remove(key: Bytes): Mutation {
  return { key, value: undefined }
}

/** Four bytes, in the order of the numbers. */
export function key(number: number): Bytes {
  return bytes(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255)
}

/** So many keys in order, with values of 40 bytes. */
export function numbered(count: number): Mutation[] {
  return Array.from({ length: count }, (_, number) =>
    put(key(number), new Uint8Array(40).fill(number % 256)),
  )
}

/** Between keys of one byte. */
export function range(from: number | undefined, until: number | undefined, more: Range): Range {
  return {
    ...more,
    ...(from === undefined ? {} : { from: bytes(from) }),
    ...(until === undefined ? {} : { until: bytes(until) }),
  }
}

/** From so few that hits and misses are both common, and with the bytes at the edges. */
export function randomKey(numbers: SeededNumbers): Bytes {
  const edge = [0, 1, 127, 128, 254, 255]
  return Uint8Array.from(
    { length: 1 + numbers.below(3) },
    () => edge[numbers.below(edge.length)] ?? 0,
  )
}

/** Up to 11 mutations, a third of them deletions. */
export function randomBatch(numbers: SeededNumbers): Mutation[] {
  return Array.from({ length: numbers.below(12) }, () => {
    const name = randomKey(numbers)
    if (numbers.chance(35)) return remove(name)
    const large = numbers.chance(3)
    return put(name, numbers.bytes(large ? 20_000 : numbers.below(60)))
  })
}

/** Any range, often an empty one. */
export function randomRange(numbers: SeededNumbers): Range {
  return {
    ...(numbers.chance(70) ? { from: randomKey(numbers) } : {}),
    ...(numbers.chance(70) ? { until: randomKey(numbers) } : {}),
    ...(numbers.chance(50) ? { reverse: numbers.chance(70) } : {}),
    ...(numbers.chance(40) ? { limit: numbers.below(20) } : {}),
  }
}
