/** protocol.md 8.4: what records become when a snapshot is installed, and who is behind. */

import { describe, expect, it } from 'vitest'
import {
  NO_DEPS,
  TIMESTAMP_ZERO,
  emptyRecord,
  marksReach,
  nodeSerial,
  recordsAfterSnapshot,
  type LogEntry,
  type Mark,
  type Timestamp,
  type TxnRecord,
} from '../../index.ts'
import { DEFAULT_KEYS, conflictKey } from '../../txn/keys.ts'
import { at, txnOf } from '../replica-under-test.ts'

const KEY = conflictKey('default')

function mark(ms: number, key: Mark['key'] = KEY): Mark {
  return { key, id: at(ms, 1), at: at(ms, 1) }
}

/** Voted on, promised and accepted, without an outcome. */
function undecided(ms: number): TxnRecord {
  const id = at(ms, 2)
  const ballot = { round: 3, node: nodeSerial(1) }
  return {
    ...emptyRecord(id),
    txn: txnOf(ms),
    keys: DEFAULT_KEYS,
    vote: { witnessedAt: id, yes: true },
    promised: ballot,
    accepted: { ballot, value: id },
  }
}

function decided(ms: number, executeAt: Timestamp = at(ms, 2)): TxnRecord {
  return { ...undecided(ms), outcome: { kind: 'decided', executeAt, deps: NO_DEPS } }
}

function entryOf(record: TxnRecord): LogEntry {
  const none = new Uint8Array(0)
  const watermark = { position: 1n, executeAt: record.id, txnHash: none, execHash: none }
  return { id: record.id, executeAt: record.id, txn: txnOf(1), deps: NO_DEPS, watermark }
}

function after(
  live: readonly TxnRecord[],
  more: {
    readonly entries?: readonly LogEntry[]
    readonly marks?: readonly Mark[]
    readonly closedBefore?: Timestamp
    readonly stored?: readonly TxnRecord[]
  } = {},
): ReturnType<typeof recordsAfterSnapshot> {
  const { entries = [], marks = [mark(500)], closedBefore = TIMESTAMP_ZERO, stored = [] } = more
  const all = [...live, ...stored]
  return recordsAfterSnapshot({
    ...{ live, entries, marks, closedBefore },
    stored: (id) => all.find((record) => record.id === id),
  })
}

describe('8.4: records at or above closedBefore', () => {
  it('keep vote, promised and accepted, though the snapshot covers them', () => {
    // Undecided and covered: whether it is applied in there, its recovery will find out.
    expect(after([undecided(100)])).toEqual({ applied: [], dropped: [] })
    expect(after([undecided(600)])).toEqual({ applied: [], dropped: [] })
  })

  it('that are decided below become applied, with all they promised', () => {
    expect(after([decided(100)])).toEqual({
      applied: [{ ...decided(100), applied: true }],
      dropped: [],
    })
  })

  it('that are decided above are executed as before', () => {
    expect(after([decided(600)])).toEqual({ applied: [], dropped: [] })
    expect(after([decided(100, at(600, 2))])).toEqual({ applied: [], dropped: [] })
  })

  it('that are in its log become applied, vote and promise kept', () => {
    const known = undecided(100)
    const entry = entryOf(known)
    const outcome = { kind: 'decided', executeAt: entry.executeAt, deps: entry.deps }
    expect(after([known], { entries: [entry] })).toEqual({
      applied: [{ ...known, txn: entry.txn, outcome, applied: true }],
      dropped: [],
    })
    const settled = { ...decided(100), applied: true }
    expect(after([], { entries: [entry], stored: [settled] })).toEqual({ applied: [], dropped: [] })
    const unknown = after([], { entries: [entry] })
    expect(unknown?.applied).toMatchObject([{ id: entry.id, applied: true, vote: undefined }])
  })
})

describe('8.4: records below closedBefore', () => {
  it('are dropped: applied in the snapshot, or never to happen', () => {
    const parts = { closedBefore: at(300, 0) }
    expect(after([undecided(100), decided(200), undecided(400)], parts)).toEqual({
      applied: [],
      dropped: [at(100, 2), at(200, 2)],
    })
  })
})

describe('8.4: a snapshot that contradicts what is known for sure', () => {
  it('is not installed', () => {
    const invalidated: TxnRecord = { ...undecided(100), outcome: { kind: 'invalidated' } }
    const entry = entryOf(undecided(100))
    expect(after([], { entries: [entry], stored: [invalidated] })).toBe(undefined)
    expect(after([decided(100, at(150, 2))], { entries: [entry] })).toBe(undefined)
  })
})

describe('8.4: behind for no key', () => {
  it('is who has a mark at or above each of the other, or above it for all', () => {
    const [a, b] = [conflictKey('a'), conflictKey('b')]
    expect(marksReach([mark(5, a), mark(5, b)], [mark(5, a), mark(4, b)])).toBe(true)
    expect(marksReach([mark(5, a)], [mark(5, a), mark(4, b)])).toBe(false)
    expect(marksReach([mark(5, a), mark(3, b)], [mark(4, b)])).toBe(false)
    expect(marksReach([mark(6, 'all')], [mark(5, a), mark(4, b)])).toBe(true)
    expect(marksReach([mark(6, a), mark(6, b)], [mark(5, 'all')])).toBe(false)
    expect(marksReach([], [])).toBe(true)
  })
})
