/**
 * What the sums of the tables cost (ADR 0032): the same writes to the same store with and without
 * them, a transaction of one request each. Run it built: `node bench/dist/sums-cost.js`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LmdbStore } from '@synevi/store-lmdb'
import { MemoryStore, SummedStore, type Mutation, type Store } from 'synevi'

const TXNS = 20_000
const ROUNDS = 5

/** Tables and keys as one applied transaction of a key-value executor touches them. */
function writesOf(txn: number): readonly Mutation[] {
  const id = new Uint8Array(16)
  new DataView(id.buffer).setUint32(4, txn)
  const scattered = new Uint8Array(16)
  new DataView(scattered.buffer).setUint32(0, Math.imul(txn, 0x9e37_79b1) >>> 0)
  const position = id.slice(0, 8)
  const key = (table: number, bytes: Uint8Array): Uint8Array => Uint8Array.of(table, ...bytes)
  const put = (table: number, bytes: Uint8Array, size: number): Mutation => ({
    key: key(table, bytes),
    value: new Uint8Array(size).fill(txn),
  })
  return [
    { key: key(0x10, id), value: undefined },
    put(0x11, id, 120),
    put(0x20, id, 420),
    { key: key(0x12, id), value: undefined },
    put(0x30, scattered, 60),
    put(0x31, position, 20),
    put(0x21, position, 80),
    put(0x40, scattered.slice(0, 3), 280),
    put(0x03, Uint8Array.of(0), 36),
    put(0x01, Uint8Array.of(0x0a), 110),
  ]
}

async function microsPerTxn(store: Store): Promise<number> {
  const batches = Array.from({ length: TXNS / 50 }, (_, i) =>
    Array.from({ length: 50 }, (_, j) => writesOf(50 * i + j)).flat(),
  )
  const begin = process.cpuUsage()
  for (const batch of batches) {
    // As the lane does: the request memory is asked, and the state it changes is read.
    for (const { key } of batch) if (key[0] === 0x30 || key[0] === 0x40) store.get(key)
    await store.write(batch)
  }
  const { user, system } = process.cpuUsage(begin)
  return (user + system) / TXNS
}

async function lmdb(): Promise<{ store: Store; dispose: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'synevi-sums-'))
  const store = await LmdbStore.open({ path: join(directory, 'store'), durability: 'process' })
  return {
    store,
    dispose: async () => {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function memory(): Promise<{ store: Store; dispose: () => Promise<void> }> {
  return { store: new MemoryStore(), dispose: async () => {} }
}

for (const [name, make] of [
  ['memory', memory],
  ['LMDB', lmdb],
] as const) {
  const plain: number[] = []
  const summed: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const [isSummed, figures] of [
      [false, plain],
      [true, summed],
    ] as const) {
      const { store, dispose } = await make()
      figures.push(await microsPerTxn(isSummed ? await SummedStore.open(store) : store))
      await dispose()
    }
  }
  const median = (figures: number[]): number => figures.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
  const [a, b] = [median(plain), median(summed)]
  console.log(
    `${name}: ${a.toFixed(1)} µs of CPU a transaction without sums, ${b.toFixed(1)} with ` +
      `(${(b - a).toFixed(1)} more), median of ${ROUNDS}, ${TXNS} transactions, 50 a write`,
  )
}
