/** Parts of a cut: whole, in order, and each pair read once. */

import { describe, expect, test } from 'vitest'
import type { Bytes } from '@synevi/accord'
import type { Range } from '../contract/store.ts'
import type { Source } from '../state/sealed.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { CutReader, type CutBytes } from './cut-reader.ts'
import { pairBytes, readPairs, type Pair } from './pairs.ts'

const RANGES: readonly Range[] = [
  { from: Uint8Array.of(1), until: Uint8Array.of(2) },
  { from: Uint8Array.of(2), until: Uint8Array.of(3) },
  { from: Uint8Array.of(3), until: Uint8Array.of(4) },
]

/** Values of 0 to 40 bytes in the first range and the last. */
const PAIRS: readonly Pair[] = [1, 3].flatMap((table) =>
  [0, 1, 40, 7, 13].map((length, i): Pair => {
    const key = Uint8Array.of(table, i)
    return [key, Uint8Array.from({ length }, (_, at) => 10 * i + at)]
  }),
)

/** Counts what is read from it. */
class CountingSource implements Source {
  pairsRead = 0
  readonly #store: MemoryStore

  constructor(store: MemoryStore) {
    this.#store = store
  }

  get(key: Bytes): Bytes | undefined {
    return this.#store.get(key)
  }

  *scan(range: Range): Iterable<Pair> {
    for (const pair of this.#store.scan(range)) {
      this.pairsRead++
      yield pair
    }
  }
}

async function sourceOf(pairs: readonly Pair[]): Promise<CountingSource> {
  const store = new MemoryStore()
  await store.write(pairs.map(([key, value]) => ({ key, value })))
  return new CountingSource(store)
}

function readAll(source: Source, partBytes: number, isAnew: boolean): readonly CutBytes[] {
  const parts: CutBytes[] = []
  let reader = new CutReader(source, RANGES, { range: 0, after: undefined, skip: 0 })
  for (;;) {
    const part = reader.next(partBytes)
    parts.push(part)
    if (part.ends === 'last') return parts
    if (isAnew) reader = new CutReader(source, RANGES, reader.place)
  }
}

describe('the parts of a cut', () => {
  test('of any size are all pairs in order, whole where they fit', async () => {
    const source = await sourceOf(PAIRS)
    const total = PAIRS.reduce((sum, pair) => sum + pairBytes(pair), 0)
    for (let partBytes = 1; partBytes <= total + 1; partBytes++) {
      const parts = readAll(source, partBytes, false)
      expect(readPairs(Buffer.concat(parts.map(({ bytes }) => bytes)))?.map(plain)).toEqual(
        PAIRS.map(plain),
      )
      for (const { bytes } of parts) expect(bytes.byteLength).toBeLessThanOrEqual(partBytes)
    }
  })

  test('are the same for who begins in the middle', async () => {
    const source = await sourceOf(PAIRS)
    for (const partBytes of [1, 5, 9, 20, 48, 60, 500])
      expect(readAll(source, partBytes, true)).toEqual(readAll(source, partBytes, false))
  })

  test('are read once, values of many parts as well', async () => {
    const large: Pair = [Uint8Array.of(2, 9), new Uint8Array(5_000).fill(7)]
    const source = await sourceOf([...PAIRS, large])
    readAll(source, 50, false)
    expect(source.pairsRead).toBe(PAIRS.length + 1)
  })
})

function plain([key, value]: Pair): readonly [string, string] {
  return [Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')]
}
