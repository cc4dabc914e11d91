/**
 * One flipped bit, anywhere in the file of a node: opening refuses, or verifying finds it, or it
 * stands where nothing is kept, and then every read is right.
 */

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kv, KvExecutor, LocalHub, LocalNetwork, Node, isSyneviError, verifyStore } from 'synevi'
import { expect, it } from 'vitest'
import { LmdbStore } from './lmdb-store.ts'
import { scratchPath } from './test/scratch.ts'

const PAGE = 4096
const FLIPS_A_PAGE = 6

/** What became of the flips in one kind of page. */
interface Tally {
  flips: number
  refused: number
  verified: number
  harmless: number
}

it('is refused, or found, or harms nothing, in every region of the file', async () => {
  const path = scratchPath()
  const good = await historyAt(path)
  const file = readFileSync(join(path, 'data.mdb'))
  const tallies = new Map<string, Tally>()
  const numbers = randomNumbers(11)
  let served = 0
  for (let page = 0; page * PAGE < file.length; page++) {
    const region = regionOf(file, page)
    const tally = tallies.get(region) ?? { flips: 0, refused: 0, verified: 0, harmless: 0 }
    tallies.set(region, tally)
    for (let flip = 0; flip < FLIPS_A_PAGE; flip++) {
      const altered = Buffer.from(file)
      // Half in the first bytes of the page, where it says what it holds.
      const at = page * PAGE + (flip % 2 === 0 ? numbers() % 64 : numbers() % PAGE)
      altered[at] = (altered[at] ?? 0) ^ (1 << (numbers() % 8))
      const outcome = await outcomeOf(path, altered, good)
      tally.flips++
      if (outcome === 'wrong') served++
      else tally[outcome]++
    }
  }
  const lines = [...tallies].map(
    ([region, { flips, refused, verified, harmless }]) =>
      `${region}: ${flips} flips, ${refused} refused by open, ${verified} found by verify, ` +
      `${harmless} where nothing is kept`,
  )
  process.stdout.write(`${lines.join('\n')}\n${served} served wrong\n`)
  expect(served).toBe(0)
  for (const region of ['leaf', 'branch', 'meta']) expect(tallies.has(region)).toBe(true)
}, 300_000)

/** A node's history, in a store that is closed again; everything in it. */
async function historyAt(path: string): Promise<ReadonlyMap<string, string>> {
  const store = await LmdbStore.open({ path, durability: 'process' })
  const network = new LocalNetwork(new LocalHub())
  const node = await Node.open({ self: { id: 'a' }, store, network, executors: [KvExecutor] })
  for (let i = 0; i < 40; i++) {
    const writes = Array.from({ length: 6 }, (_, j) =>
      node.submit(Kv.write({ key: `key ${(7 * i + j) % 60}`, value: new Uint8Array(20 + i) })),
    )
    await Promise.all(writes)
  }
  // Values that take pages of their own.
  await node.submit(Kv.write({ key: 'large', value: new Uint8Array(3 * PAGE).fill(7) }))
  await node.close()
  const again = await LmdbStore.open({ path })
  const contents = contentsOf(again)
  await again.close()
  return contents
}

function contentsOf(store: LmdbStore): ReadonlyMap<string, string> {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return new Map([...store.scan({})].map(([key, value]) => [hex(key), hex(value)]))
}

async function outcomeOf(
  path: string,
  altered: Buffer,
  good: ReadonlyMap<string, string>,
): Promise<'refused' | 'verified' | 'harmless' | 'wrong'> {
  const copy = `${path}-flipped`
  cpSync(path, copy, { recursive: true })
  writeFileSync(join(copy, 'data.mdb'), altered)
  let store: LmdbStore | undefined
  try {
    store = await LmdbStore.open({ path: copy, durability: 'process' })
    const report = await verifyStore(store)
    if (!report.ok) return 'verified'
    const found = contentsOf(store)
    const isSame =
      found.size === good.size && [...found].every(([key, value]) => good.get(key) === value)
    return isSame ? 'harmless' : 'wrong'
  } catch (error) {
    if (!isSyneviError(error, 'STORE_FAILED')) throw error
    return 'refused'
  } finally {
    await store?.close()
    rmSync(copy, { recursive: true })
  }
}

/** By the flags in the head of a page (LMDB's `mp_flags`). */
function regionOf(file: Buffer, page: number): string {
  const flags = file.readUInt16LE(page * PAGE + 18)
  if (page < 2) return 'meta'
  if ((flags & 1) !== 0) return 'branch'
  if ((flags & 2) !== 0) return 'leaf'
  if ((flags & 4) !== 0) return 'overflow'
  return 'other'
}

/** 23 bits at a time, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state >>> 8
  }
}
