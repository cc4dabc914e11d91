/** Which features a disk requires, by what was written to it. */

import { expect, test } from 'vitest'
import { EventQueue } from '../event-queue.ts'
import { Prng } from '../prng.ts'
import { Trace } from '../trace.ts'
import type { RecordDamage } from './disk-past.ts'
import { SimDisk } from './disk.ts'
import { SimProcess } from './process.ts'
import { opensWithout, requiredBy } from './version.ts'

/** A disk whose only record says, behind its seal, that these features are required. */
async function requiring(features: number): Promise<SimDisk> {
  const queue = new EventQueue()
  const disk = new SimDisk({
    ...{ queue, random: Prng.of(1n), trace: new Trace(0), keepsPast: true },
    speed: { syncMin: 1_000, syncMax: 1_001 },
  })
  const store = disk.port(new SimProcess({ node: 0, incarnation: 1, queue }))
  for (const value of [0, features]) {
    const sealed = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, value, 0, 0, 0, 0)
    const writing = store.write([{ key: Uint8Array.of(0x01, 0x0b), value: sealed }])
    while (queue.step(Infinity)) await Promise.resolve()
    await writing
  }
  return disk
}

test('a build without a feature opens a disk that does not require it', async () => {
  const disk = await requiring(0b01)
  expect(opensWithout(disk, 0b01)).toBe(false)
  expect(opensWithout(disk, 0b11)).toBe(true)
})

test.each(['lost', 'older'] satisfies RecordDamage[])(
  'no build opens a disk whose requirement is %s',
  async (how) => {
    const disk = await requiring(0b01)
    expect(disk.damage(how)).toBeDefined()
    expect(requiredBy(disk)).toBe(0)
    expect(opensWithout(disk, 0b01)).toBe(false)
  },
)
