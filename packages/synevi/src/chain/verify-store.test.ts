/**
 * Whatever a disk does to one record, in whatever table, opening or verifying finds it: each record
 * of a history is flipped, lost, duplicated, swapped and taken back in time.
 */

import { describe, expect, it } from 'vitest'
import {
  DEFAULT_KEYS,
  emptyRecord,
  hlc,
  nodeSerial,
  type Bytes,
  type Mutation,
} from '@synevi/accord'
import { KvExecutor } from '../executor/kv.ts'
import { TABLE, TABLE_NAMES, tableOf, textOfBytes } from '../state/key-layout.ts'
import { NodeState } from '../state/node-state.ts'
import { seal, unseal } from '../state/sealed.ts'
import { SummedStore } from '../state/summed-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { isSyneviError } from '../synevi-error.ts'
import { LaneUnderTest, executionOf, request, stateOptions } from '../test/lane-under-test.ts'
import { Kv } from '../executor/kv.ts'
import type { VerifyReport } from './verify.ts'
import { verifyStoreSteps } from './verify-store.ts'

type Pair = readonly [Bytes, Bytes]

/** A memory store that remembers every value a key ever had. */
class RecordedStore extends MemoryStore {
  readonly older = new Map<string, Bytes[]>()

  override async write(batch: readonly Mutation[]): Promise<void> {
    for (const { key } of batch) {
      const before = this.get(key)
      const name = textOfBytes(key)
      if (before !== undefined) this.older.set(name, [...(this.older.get(name) ?? []), before])
    }
    return super.write(batch)
  }
}

async function history(): Promise<RecordedStore> {
  const raw = new RecordedStore()
  const node = await LaneUnderTest.open(await SummedStore.open(raw), [KvExecutor])
  for (let i = 1; i <= 8; i++) {
    const payload = Kv.write({ key: `k${i % 3}`, value: new Uint8Array(10).fill(i) }).payload
    await node.apply(
      executionOf(i, [request(2 * i, 'kv/write', payload), request(1, 'kv/write', payload)]),
    )
  }
  for (const place of [20, 21]) {
    const { id, txn } = executionOf(place, [request(place, 'kv/write', 'x')])
    const record = { ...emptyRecord(id), txn, keys: DEFAULT_KEYS }
    const vote = { witnessedAt: id, yes: true }
    const peer = { serial: nodeSerial(1), storeId: new Uint8Array(16).fill(place), durableSeq: 4n }
    await node.store.write(node.state.encode([{ kind: 'record', record, txnIsNew: true }]))
    await node.store.write(
      node.state.encode([
        { kind: 'record', record: { ...record, vote }, txnIsNew: false },
        { kind: 'peer', peer },
        { kind: 'hlcReserve', hlc: hlc(BigInt(place)) },
      ]),
    )
  }
  const { id } = executionOf(22, [request(22, 'kv/write', 'x')])
  const gone = { ...emptyRecord(id), outcome: { kind: 'invalidated' } } as const
  await node.store.write(node.state.encode([{ kind: 'record', record: gone, txnIsNew: false }]))
  return raw
}

async function verify(raw: MemoryStore): Promise<VerifyReport> {
  const store = await SummedStore.open(raw)
  const { settings } = await NodeState.open(store, stateOptions())
  const steps = verifyStoreSteps({ whole: store, store, dedupMax: settings.dedupMax })
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * Whether opening refuses or says so, or verifying reports. The sums themselves may be gone or old:
 * that looks like a version that keeps none, and they are computed anew, aloud.
 */
async function isFound(pairs: readonly Pair[], fault: readonly Mutation[]): Promise<boolean> {
  const raw = new MemoryStore()
  await raw.write([...pairs.map(([key, value]) => ({ key, value })), ...fault])
  try {
    if ((await SummedStore.open(raw)).found === 'computed') return true
    return !(await verify(raw)).ok
  } catch (error) {
    if (isSyneviError(error, 'STORE_FAILED')) return true
    throw error
  }
}

function flipped(value: Bytes, bit: number): Bytes {
  const copy = value.slice()
  const at = (bit >> 3) % copy.length
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** What a disk may do to the record at an index; `older`: what its key held before. */
function* faults(
  pairs: readonly Pair[],
  index: number,
  older: readonly Bytes[],
): Iterable<readonly [string, readonly Mutation[]]> {
  const [key, value] = pairs[index] ?? fail()
  for (const bit of [0, 77, 1_003, 8 * value.length - 1])
    yield ['flipped', [{ key, value: flipped(value, bit) }]]
  yield ['missing', [{ key, value: undefined }]]
  const elsewhere = key.slice()
  elsewhere[key.length - 1] = (elsewhere[key.length - 1] ?? 0) ^ 0x40
  yield ['duplicated under another key', [{ key: elsewhere, value }]]
  // As no disk can: with the checksum of its new place.
  const forged = seal(elsewhere, unseal(key, value))
  yield ['duplicated and sealed again', [{ key: elsewhere, value: forged }]]
  const [next, nextValue] = pairs[(index + 1) % pairs.length] ?? fail()
  yield [
    'swapped',
    [
      { key, value: nextValue },
      { key: next, value },
    ],
  ]
  for (const old of older)
    if (Buffer.compare(old, value) !== 0) yield ['an older value', [{ key, value: old }]]
}

function fail(): never {
  throw new Error('no such record')
}

describe('verifying a store', () => {
  it('finds nothing in a good one', async () => {
    const raw = await history()
    expect(await verify(raw)).toMatchObject({ ok: true, to: 9n })
    expect((await SummedStore.open(raw)).found).toBe('kept')
  })

  it('finds every fault of every record of every table', async () => {
    const raw = await history()
    const pairs = [...raw.scan({})]
    const counts = new Map<string, { tried: number; found: number }>()
    const missed: string[] = []
    const tables = new Set<string>()
    for (const [index, [key]] of pairs.entries()) {
      tables.add(tableOf(key))
      for (const [fault, batch] of faults(pairs, index, raw.older.get(textOfBytes(key)) ?? [])) {
        const count = counts.get(fault) ?? { tried: 0, found: 0 }
        counts.set(fault, count)
        count.tried++
        if (await isFound(pairs, batch)) count.found++
        else missed.push(`${fault}: ${tableOf(key)} ${Buffer.from(key).toString('hex')}`)
      }
    }
    const lines = [...counts].map(([fault, { tried, found }]) => `${fault} ${found} of ${tried}`)
    process.stdout.write(`faults found: ${lines.join(', ')}\n`)
    expect(missed).toEqual([])
    expect([...tables].sort()).toEqual(Object.values(TABLE_NAMES).sort())
  }, 60_000)

  it('says which table lost a record', async () => {
    const raw = await history()
    const [key] = [...raw.scan({ from: Uint8Array.of(TABLE.state) })].at(-1) ?? fail()
    await raw.write([{ key, value: undefined }])
    const report = await verify(raw)
    const why = '1 records of table state are missing'
    expect(report.damage).toEqual([{ table: 'state', tableByte: TABLE.state, why }])
  })
})
