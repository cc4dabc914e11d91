import {
  conflictKey,
  emptyRecord,
  epoch,
  hlc,
  keysOf,
  NO_DEPS,
  nodeSerial,
  timestampOf,
  type LogEntry,
  type Timestamp,
  type Txn,
  type TxnRecord,
} from '@synevi/accord'
import { describe, expect, it } from 'vitest'
import { DurableStore, membersOf } from './durable-store.ts'

const TXN: Txn = {
  kind: 'application',
  keys: keysOf(['k']),
  payload: Uint8Array.of(1),
  digest: Uint8Array.of(1),
}
const at = (tick: number): Timestamp =>
  timestampOf({ epoch: epoch(1), hlc: hlc(BigInt(tick)), node: nodeSerial(0) })
const record = (id: Timestamp, parts: Partial<TxnRecord> = {}): TxnRecord => ({
  ...emptyRecord(id),
  txn: TXN,
  ...parts,
})
const newStore = (): DurableStore => new DurableStore(nodeSerial(0), membersOf(3))

function applied(id: Timestamp, position: bigint): { record: TxnRecord; entry: LogEntry } {
  const watermark = {
    position,
    executeAt: id,
    txnHash: Uint8Array.of(1),
    execHash: Uint8Array.of(1),
  }
  return {
    record: record(id, {
      applied: true,
      outcome: { kind: 'decided', executeAt: id, deps: NO_DEPS },
    }),
    entry: { id, executeAt: id, txn: TXN, deps: NO_DEPS, watermark },
  }
}

describe('DurableStore', () => {
  it('gives back what is neither applied nor invalidated, by id', () => {
    const store = newStore()
    store.write([
      { kind: 'record', record: record(at(2)), txnIsNew: true },
      { kind: 'record', record: record(at(1)), txnIsNew: true },
      {
        kind: 'record',
        record: record(at(3), { outcome: { kind: 'invalidated' } }),
        txnIsNew: true,
      },
      { kind: 'applied', ...applied(at(4), 1n), marks: [], mutations: [] },
    ])
    expect(store.state().live.map((each) => each.id)).toEqual([at(1), at(2)])
    expect(store.state().applied.position).toBe(1n)
  })

  it('keeps a payload that was written once, and refuses one that never was', () => {
    const store = newStore()
    expect(() => store.write([{ kind: 'record', record: record(at(1)), txnIsNew: false }])).toThrow(
      /^payload stored/,
    )
    store.write([{ kind: 'record', record: record(at(1)), txnIsNew: true }])
    store.write([{ kind: 'record', record: record(at(1), { txn: undefined }), txnIsNew: false }])
    expect(store.record(at(1))?.txn).toBe(TXN)
  })

  it('keeps the log by executeAt and serves it in portions', () => {
    const store = newStore()
    store.write([{ kind: 'applied', ...applied(at(5), 1n), marks: [], mutations: [] }])
    store.write([{ kind: 'applied', ...applied(at(3), 2n), marks: [], mutations: [] }])
    expect(store.entriesAfter(at(1), 1)).toMatchObject({ entries: [{ id: at(3) }], more: true })
    expect(store.entriesAfter(at(3), 9)).toMatchObject({ entries: [{ id: at(5) }], more: false })
    expect(store.watermarkAt(2n)?.executeAt).toBe(at(3))
    expect(store.oldestPosition()).toBe(1n)
  })

  it('lets an all mark clear the others', () => {
    const store = newStore()
    const mark = (key: 'all' | ReturnType<typeof conflictKey>, tick: number) => ({
      key,
      id: at(tick),
      at: at(tick),
    })
    store.write([
      { kind: 'applied', ...applied(at(1), 1n), marks: [mark(conflictKey('k'), 1)], mutations: [] },
    ])
    store.write([
      { kind: 'applied', ...applied(at(2), 2n), marks: [mark('all', 2)], mutations: [] },
    ])
    expect(store.state().marks).toEqual([mark('all', 2)])
  })

  it('refuses a reserve or a count that falls', () => {
    const store = newStore()
    store.write([
      { kind: 'hlcReserve', hlc: hlc(5n) },
      { kind: 'durableSeq', seq: 2n },
    ])
    expect(() => store.write([{ kind: 'hlcReserve', hlc: hlc(5n) }])).toThrow(/^clock reserve/)
    expect(() => store.write([{ kind: 'durableSeq', seq: 1n }])).toThrow(/^durableSeq/)
  })
})
