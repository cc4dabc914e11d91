/** What a disk held before: to give back an older value, or an older image, as a faulty one may. */

import type { Bytes } from '@synevi/accord'
import type { Mutation } from 'synevi'
import type { Prng } from '../prng.ts'
import type { OrderedBytes } from './ordered-bytes.ts'

/**
 * `flipped`: a bit of its value. `misplaced`: another record of its table stands under its key.
 * `lost`, `older`: it is gone, or has the value from before its last change; these strike records
 * with promises while the node is down.
 */
export const RECORD_DAMAGES = ['flipped', 'misplaced', 'lost', 'older'] as const
/** One of {@link RECORD_DAMAGES}. */
export type RecordDamage = (typeof RECORD_DAMAGES)[number]

/** An image is kept after so many writes, the one before given up. */
const SAVED_EVERY = 48

/** Where promises stand (`docs/reference/storage-layout.md`): checked when a store is opened. */
const PROMISE_TABLES: ReadonlySet<number> = new Set([0x01, 0x02, 0x03, 0x10, 0x12])
/** The sums of the tables themselves: without them they are computed anew. */
const SUMS = '0120'

/** A record that was altered. */
export interface Damaged {
  readonly key: Bytes
  /** What stands there now; undefined: nothing. */
  readonly value: Bytes | undefined
}

/** One for each disk that may be damaged. */
export class DiskPast {
  readonly #older = new Map<string, Bytes>()
  #images: OrderedBytes[] = []
  #writes = 0

  /** An image of at least {@link SAVED_EVERY} writes ago. */
  get saved(): OrderedBytes | undefined {
    return this.#images.length < 2 ? undefined : this.#images[0]
  }

  /** The disk is about to apply this. */
  changing(image: OrderedBytes, batch: readonly Mutation[]): void {
    for (const { key } of batch) {
      const before = image.get(key)
      if (before !== undefined) this.#older.set(hex(key), before)
    }
    if (++this.#writes % SAVED_EVERY === 0) this.#images = [...this.#images.slice(-1), image.copy()]
  }

  damage(image: OrderedBytes, how: RecordDamage, random: Prng): Damaged | undefined {
    const all = image.scan({})
    const struck = how === 'lost' || how === 'older' ? all.filter(isPromise) : all
    const changed = struck.filter(([key, value]) => how !== 'older' || this.#isOlder(key, value))
    if (changed.length === 0) return undefined
    const [key, value] = random.pick(changed)
    const bad = this.#altered(how, [key, value], all, random)
    if (bad !== undefined && Buffer.compare(bad, value) === 0) return undefined
    image.apply([{ key, value: bad }])
    return { key, value: bad }
  }

  #altered(
    how: RecordDamage,
    [key, value]: readonly [Bytes, Bytes],
    all: readonly (readonly [Bytes, Bytes])[],
    random: Prng,
  ): Bytes | undefined {
    switch (how) {
      case 'flipped': {
        const bad = Uint8Array.from(value)
        const at = random.below(bad.length)
        bad[at] = (bad[at] ?? 0) ^ (1 << random.below(8))
        return bad
      }
      case 'misplaced':
        return random.pick(all.filter(([other]) => other[0] === key[0]))[1]
      case 'lost':
        return undefined
      case 'older':
        return this.#older.get(hex(key))
    }
  }

  #isOlder(key: Bytes, value: Bytes): boolean {
    const older = this.#older.get(hex(key))
    return older !== undefined && Buffer.compare(older, value) !== 0
  }
}

function isPromise([key]: readonly [Bytes, Bytes]): boolean {
  return PROMISE_TABLES.has(key[0] ?? 0) && hex(key) !== SUMS
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex')
}
