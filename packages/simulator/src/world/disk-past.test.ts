/** A disk that alters records does so as it says, and only then. */

import { expect, test } from 'vitest'
import { Prng } from '../prng.ts'
import { DiskPast, RECORD_DAMAGES } from './disk-past.ts'
import { OrderedBytes } from './ordered-bytes.ts'

const key = (table: number, i: number): Uint8Array => Uint8Array.of(table, i)

/** Twenty votes and twenty records of state, each written twice. */
function written(): { past: DiskPast; image: OrderedBytes } {
  const past = new DiskPast()
  const image = new OrderedBytes()
  for (let round = 1; round <= 120; round++) {
    for (const table of [0x10, 0x40]) {
      const batch = [{ key: key(table, round % 20), value: Uint8Array.of(round, table) }]
      past.changing(image, batch)
      image.apply(batch)
    }
  }
  return { past, image }
}

test.each(RECORD_DAMAGES)('a record that is %s is the only one that changes', (how) => {
  for (let seed = 1n; seed <= 20n; seed++) {
    const { past, image } = written()
    const before = image.copy()
    const damaged = past.damage(image, how, Prng.of(seed))
    if (damaged === undefined) continue
    const changed = before
      .scan({})
      .filter(([name, value]) => Buffer.compare(image.get(name) ?? Buffer.alloc(0), value) !== 0)
    expect(changed.map(([name]) => Buffer.from(name))).toEqual([Buffer.from(damaged.key)])
    if (how === 'lost' || how === 'older') expect(damaged.key[0]).toBe(0x10)
    if (how === 'lost') expect(image.get(damaged.key)).toBe(undefined)
  }
})

test('an image that is put back is some writes old', () => {
  const { past, image } = written()
  expect(past.saved?.size).toBe(image.size)
  expect(past.saved?.get(key(0x10, 0))).not.toEqual(image.get(key(0x10, 0)))
  expect(new DiskPast().saved).toBe(undefined)
})
