/**
 * `verify` finds what was changed, is missing, was added or stands elsewhere, by whoever could seal
 * it again.
 */

import { describe, expect, it } from 'vitest'
import { decodeLogEntry, encodeLogEntry, type LogEntry } from '@synevi/accord'
import { defineExecutor } from '../define/define-executor.ts'
import { bytesCodec } from '../define/plain-codecs.ts'
import { ok } from '../define/result.ts'
import { defineTransaction, on } from '../define/transaction.ts'
import { decodeBatch, encodeBatch } from '../request.ts'
import { TABLE, positionKey, timestampKey, type Table } from '../state/key-layout.ts'
import { formatPlace, logKey, placeKey, readPlace, type TxnPlace } from '../state/log-table.ts'
import { formatApplied } from '../state/node-facts.ts'
import { SEAL_BYTES, seal } from '../state/sealed.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { LaneUnderTest, bytesOf, executionOf, placeOf, request } from '../test/lane-under-test.ts'

const Echo = defineTransaction('echo/run', { input: bytesCodec, ok: bytesCodec })
const echo = defineExecutor('echo', {
  transactions: [
    on(Echo, (input) => {
      if (input.length === 3) throw new Error('three')
      return ok(input)
    }),
  ],
})

/** Twelve entries in transactions of 1, 2, 3, none (a duplicate), 1, 2 and 3. */
async function history(): Promise<LaneUnderTest> {
  const node = await LaneUnderTest.open(new MemoryStore(), [echo])
  let id = 0
  const fresh = (count: number): ReturnType<typeof request>[] =>
    Array.from({ length: count }, () => request(++id, 'echo/run', 'x'.repeat(++id)))
  for (const [i, count] of [1, 2, 3, 0, 1, 2, 3].entries()) {
    const requests = count === 0 ? [request(1, 'echo/run', 'xx')] : fresh(count)
    await node.apply(executionOf(i + 1, requests))
  }
  return node
}

async function put(
  node: LaneUnderTest,
  key: Uint8Array,
  value: Uint8Array | undefined,
): Promise<void> {
  await node.store.write([{ key, value: value === undefined ? undefined : seal(key, value) }])
}

function unsealed(node: LaneUnderTest, key: Uint8Array): Uint8Array {
  return node.store.get(key)?.subarray(SEAL_BYTES) ?? bytesOf('')
}

function entryAt(node: LaneUnderTest, place: number): LogEntry {
  const decoded = decodeLogEntry(unsealed(node, logKey(placeOf(place))))
  if (!decoded.ok) throw new Error(decoded.why)
  return decoded.value
}

async function changeEntry(
  node: LaneUnderTest,
  place: number,
  change: Partial<LogEntry>,
): Promise<void> {
  await put(node, logKey(placeOf(place)), encodeLogEntry({ ...entryAt(node, place), ...change }))
}

async function changePlace(
  node: LaneUnderTest,
  position: bigint,
  change: (place: TxnPlace) => Partial<TxnPlace>,
): Promise<void> {
  const place = readPlace(node.store, position)
  if (place === undefined) throw new Error('no place')
  await put(node, placeKey(position), formatPlace({ ...place, ...change(place) }))
}

function withPayload(
  entry: LogEntry,
  change: (payload: Uint8Array) => Uint8Array,
): Partial<LogEntry> {
  if (entry.txn.kind !== 'application') throw new Error('a batch')
  return { txn: { ...entry.txn, payload: change(entry.txn.payload.slice()) } }
}

function lastByte(payload: Uint8Array): Uint8Array {
  payload[payload.length - 1] = 1
  return payload
}

describe('verify', () => {
  it('finds nothing in a good log, from any position on', async () => {
    const node = await history()
    const head = Buffer.from(node.state.applied.watermark.txnHash).toString('hex')
    for (let from = 1n; from <= 12n; from++) {
      expect(node.state.verify(from)).toEqual({ ok: true, from, to: 12n, head })
    }
    expect(node.state.verify()).toEqual(node.state.verify(1n))
    expect(node.state.verify(-5n)).toEqual(node.state.verify(1n))
    expect(node.state.verify(13n)).toEqual({ ok: true, from: 13n, to: 12n, head })
  })

  it.each<[string, bigint, (node: LaneUnderTest) => Promise<void>]>([
    [
      'a changed payload',
      4n,
      (node) => changeEntry(node, 3, withPayload(entryAt(node, 3), lastByte)),
    ],
    [
      'a changed payload of the last',
      10n,
      (node) => changeEntry(node, 7, withPayload(entryAt(node, 7), lastByte)),
    ],
    [
      'a changed request id',
      1n,
      (node) =>
        changeEntry(
          node,
          1,
          withPayload(entryAt(node, 1), (bytes) => ((bytes[18] = 9), bytes)),
        ),
    ],
    [
      'requests in another order',
      2n,
      (node) =>
        changeEntry(
          node,
          2,
          withPayload(entryAt(node, 2), (bytes) =>
            encodeBatch((decodeBatch(bytes) ?? []).toReversed()),
          ),
        ),
    ],
    ['a missing transaction', 4n, (node) => put(node, logKey(placeOf(3)), undefined)],
    ['a missing first transaction', 1n, (node) => put(node, logKey(placeOf(1)), undefined)],
    ['a missing last transaction', 10n, (node) => put(node, logKey(placeOf(7)), undefined)],
    [
      'a last transaction that is missing with its place',
      10n,
      async (node) => {
        await put(node, logKey(placeOf(7)), undefined)
        await put(node, placeKey(12n), undefined)
      },
    ],
    ['a missing place', 4n, (node) => put(node, placeKey(6n), undefined)],
    [
      'a missing record',
      7n,
      (node) => put(node, timestampKey(TABLE.settled, placeOf(5)), undefined),
    ],
    ['a missing remembered request', 7n, (node) => put(node, remembered(13), undefined)],
    [
      'a swapped pair of transactions',
      7n,
      async (node) => {
        const [five, six] = [entryAt(node, 5), entryAt(node, 6)]
        await changeEntry(node, 5, { txn: six.txn })
        await changeEntry(node, 6, { txn: five.txn })
      },
    ],
    [
      'an added transaction',
      7n,
      async (node) => {
        const key = logKey(placeOf(4.5))
        const entry = { ...entryAt(node, 5), id: placeOf(4.5), executeAt: placeOf(4.5) }
        await put(node, key, encodeLogEntry(entry))
      },
    ],
    ['an added place', 13n, (node) => changePlaceTo(node, 13n)],
    ['another executeAt', 7n, (node) => changePlace(node, 7n, () => ({ executeAt: placeOf(6) }))],
    ['another TxnId', 7n, (node) => changePlace(node, 7n, () => ({ txnId: placeOf(6) }))],
    ['another kind of outcome', 1n, (node) => changePlace(node, 1n, failedNotes)],
    [
      'a hidden duplicate',
      8n,
      (node) => changePlace(node, 9n, ({ outcomes }) => ({ outcomes: outcomes.toReversed() })),
    ],
    [
      'another head',
      13n,
      async (node) => {
        const { watermark, time } = node.state.applied
        const other = { ...watermark, txnHash: new Uint8Array(32) }
        await node.store.write([formatApplied({ watermark: other, time })])
      },
    ],
    [
      'a flipped bit',
      4n,
      async (node) => {
        const key = logKey(placeOf(3))
        const value = node.store.get(key) ?? bytesOf('')
        value[20] = (value[20] ?? 0) ^ 1
        await node.store.write([{ key, value }])
      },
    ],
  ])('finds %s', async (_, position, damage) => {
    const node = await history()
    await damage(node)
    const report = node.state.verify()
    expect(report).toMatchObject({ ok: false, to: position - 1n, firstBad: { position } })
    expect(report.firstBad?.why.length).toBeGreaterThan(10)
  })

  it('finds an outcome that differs between request memory and log', async () => {
    const node = await history()
    const key = remembered(1)
    const value = unsealed(node, key)
    value[value.length - 1] = 0x7a
    await put(node, key, value)
    expect(node.state.verify().firstBad).toEqual({
      position: 1n,
      why: 'the request memory has another outcome',
    })
  })

  it('goes on in short turns while the log grows', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [echo])
    for (let i = 1; i <= 150; i++) await node.apply(executionOf(i, [request(i, 'echo/run', 'y')]))
    const steps = node.state.verifySteps()
    expect(steps.next()).toEqual({ done: false, value: 64n })
    await node.apply(executionOf(151, [request(151, 'echo/run', 'y')]))
    expect(steps.next()).toEqual({ done: false, value: 128n })
    expect(steps.next()).toMatchObject({ done: true, value: { ok: true, to: 151n } })
  })
})

function remembered(id: number): Uint8Array {
  const table: Table = TABLE.request
  return Uint8Array.of(table, ...request(id, 'x').id)
}

function failedNotes({ outcomes }: TxnPlace): Partial<TxnPlace> {
  return { outcomes: outcomes.map((one) => one && { ...one, kind: 'failed', ok: false }) }
}

async function changePlaceTo(node: LaneUnderTest, position: bigint): Promise<void> {
  const place = readPlace(node.store, 7n)
  if (place === undefined) throw new Error('no place')
  await put(
    node,
    positionKey(TABLE.place, position),
    formatPlace({ ...place, firstPosition: position }),
  )
}
