/** A peer's log entry is taken only when the chain here proves it. */

import { describe, expect, it } from 'vitest'
import type { LogEntry } from '@synevi/accord'
import { payloadDigest } from '../chain/hash-chain.ts'
import { logKey, readLogEntry } from '../state/log-table.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  done,
  executionOf,
  executorOf,
  placeOf,
  request,
} from '../test/lane-under-test.ts'
import { repairOf } from './record-repair.ts'

async function history(): Promise<LaneUnderTest> {
  const node = await LaneUnderTest.open(new MemoryStore(), [executorOf((text) => done(text))])
  for (let i = 1; i <= 5; i++) await node.apply(executionOf(i, [request(i, 'x/run', `${i}`)]))
  return node
}

function entryAt(node: LaneUnderTest, place: number): LogEntry {
  const entry = readLogEntry(node.store, placeOf(place))
  if (entry === undefined) throw new Error('no entry')
  return entry
}

/** Another payload of the same length. */
function otherwise(entry: LogEntry): LogEntry {
  if (entry.txn.kind !== 'application') throw new Error('not of an application')
  const payload = entry.txn.payload.slice()
  payload[payload.length - 1] = 0x7a
  return { ...entry, txn: { ...entry.txn, payload, digest: payloadDigest(payload) } }
}

describe('a damaged log entry', () => {
  it.each([1, 3, 5])('number %i is asked for, and only the right one is taken', async (place) => {
    const node = await history()
    const entry = entryAt(node, place)
    const key = logKey(entry.executeAt)
    await node.store.write([{ key, value: Uint8Array.of(1, 2, 3, 4, 5) }])
    expect(repairOf(node.store, key, new Map())).toMatchObject({ kind: 'ask' })
    const take = (given: LogEntry): string =>
      repairOf(node.store, key, new Map([[given.executeAt, given]])).kind
    expect(take(otherwise(entry))).toBe('none')
    // A peer whose chain agrees with what it says, and not with this one.
    const { watermark } = entry
    const made = { ...watermark, txnHash: new Uint8Array(32).fill(7) }
    expect(take({ ...entry, watermark: made })).toBe('none')
    expect(take({ ...entry, watermark: { ...watermark, position: 9n } })).toBe('none')
    expect(take(entry)).toBe('write')
  })
})
