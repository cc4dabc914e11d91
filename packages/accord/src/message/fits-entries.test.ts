/** What no honest peer sends of transactions, the log and the rest is named. */

import { describe, expect, test } from 'vitest'
import {
  epoch,
  hlc,
  nodeSerial,
  TIMESTAMP_ZERO,
  timestampOf,
  type NodeSerial,
  type Timestamp,
} from '../time/timestamp.ts'
import { conflictKey, DEFAULT_KEYS } from '../txn/keys.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import type { Txn } from '../txn/txn.ts'
import { testEpoch } from '../test/test-epoch.ts'
import { fits } from './fits.ts'
import type { Heartbeat, LogEntry, Message } from './message.ts'

const [n1, n2, n3] = [1, 2, 3].map(nodeSerial) as [NodeSerial, NodeSerial, NodeSerial]
const topology = testEpoch(epoch(2), [n1, n2, n3])

/** The tick of a node in epoch 2, or another. */
function at(tick: number, node: NodeSerial = n1, ofEpoch = 2): Timestamp {
  return timestampOf({ epoch: epoch(ofEpoch), hlc: hlc(BigInt(tick)), node })
}

const id = at(10)
const early = at(5, n2)
const late = at(20, n2)
const digest = Uint8Array.of(1)
const key = conflictKey('k')
const txn: Txn = { kind: 'application', keys: DEFAULT_KEYS, payload: Uint8Array.of(7), digest }

/** Why not. Messages are from node 2 unless said otherwise: it coordinates nothing here. */
function why(message: Message, from = n2): string | undefined {
  return fits(message, from, topology)
}

describe('transactions', () => {
  const of = (sent: Txn): string | undefined => why({ kind: 'preAccept', id, txn: sent }, n1)
  const member = (serial: NodeSerial): MemberEntry => ({ serial, id: 'm', address: '' })

  test('a digest has 1 to 64 bytes', () => {
    expect(of({ ...txn, digest: new Uint8Array(0) })).toBe('a hash that is not 1 to 64 bytes')
    expect(of({ ...txn, digest: new Uint8Array(65) })).toBe('a hash that is not 1 to 64 bytes')
  })

  test('a barrier closes what is below it', () => {
    expect(of({ kind: 'barrier', closedBefore: early })).toBe(undefined)
    expect(of({ kind: 'barrier', closedBefore: id })).toBe('a barrier that closes its own id')
    expect(of({ kind: 'barrier', closedBefore: TIMESTAMP_ZERO })).toBe('a barrier of no epoch')
  })

  test('a membership has 1 to 64 members, each once', () => {
    const reconfig = (members: readonly MemberEntry[]): Txn => ({
      kind: 'reconfig',
      expectEpoch: epoch(2),
      members,
    })
    expect(of(reconfig([member(n1), member(n2)]))).toBe(undefined)
    expect(of(reconfig([]))).toBe('not 1 to 64 members')
    expect(of(reconfig([member(n1), member(n1)]))).toBe('a member named twice')
  })
})

describe('the log', () => {
  const entry = (tick: number): LogEntry => ({
    id: at(tick),
    executeAt: at(tick),
    txn,
    deps: { ids: [], marks: [{ key, id: at(1), at: at(1) }] },
    watermark: {
      position: BigInt(tick),
      executeAt: at(tick),
      txnHash: Uint8Array.of(1),
      execHash: Uint8Array.of(2),
    },
  })
  const of = (entries: readonly LogEntry[], more = false): string | undefined =>
    why({ kind: 'logChunk', since: at(5), entries, more })

  test('entries rise strictly from above since', () => {
    expect(of([entry(6), entry(7)], true)).toBe(undefined)
    expect(of([])).toBe(undefined)
    expect(of([entry(5)])).toBe('log entries that do not rise')
    expect(of([entry(7), entry(6)])).toBe('log entries that do not rise')
    expect(of([entry(6), entry(6)])).toBe('log entries that do not rise')
    expect(of([], true)).toBe('more to come, and nothing here')
  })

  test('positions may fall: what has no key in common is applied in any order', () => {
    const same = { ...entry(7), watermark: { ...entry(7).watermark, position: 6n } }
    const less = { ...entry(7), watermark: { ...entry(7).watermark, position: 5n } }
    expect(of([entry(6), same])).toBe(undefined)
    expect(of([entry(6), less])).toBe(undefined)
  })

  test('an entry has marks below it, no ids, and its own watermark', () => {
    expect(of([{ ...entry(6), deps: { ids: [at(1)], marks: [] } }])).toMatch(/name ids/)
    expect(
      of([{ ...entry(6), deps: { ids: [], marks: [{ key, id: at(6), at: at(6) }] } }]),
    ).toMatch(/bound/)
    expect(of([{ ...entry(6), watermark: entry(7).watermark }])).toMatch(/watermark/)
    const { watermark } = entry(6)
    expect(of([{ ...entry(6), watermark: { ...watermark, execHash: new Uint8Array(0) } }])).toMatch(
      /hash/,
    )
    expect(of([{ ...entry(6), id: at(7) }])).toBe('a place below the id')
    expect(of([{ ...entry(6), id: at(6, n1, 1) }])).toMatch(/another epoch/)
  })
})

describe('the rest', () => {
  test('a Query is of 1 to 256 ids', () => {
    const query = (count: number): string | undefined =>
      why({ kind: 'query', ids: Array.from({ length: count }, () => id), wantTxn: false })
    expect(query(256)).toBe(undefined)
    expect(query(0)).toBe('not 1 to 256 ids')
    expect(query(257)).toBe('not 1 to 256 ids')
  })

  test('a floor closes something, and lists ids and places that fit', () => {
    expect(why({ kind: 'raiseFloor', round: 1, floor: late, since: early })).toBe(undefined)
    expect(why({ kind: 'raiseFloor', round: 1, floor: late, since: late })).toMatch(
      /closes nothing/,
    )
    const floorOk = (entry: Timestamp, place: Timestamp): string | undefined =>
      why({
        kind: 'floorOk',
        round: 1,
        undecided: [early],
        decided: [{ id: entry, executeAt: place, keys: 'all' }],
      })
    expect(floorOk(id, late)).toBe(undefined)
    expect(floorOk(id, early)).toBe('a place below the id')
    expect(floorOk(TIMESTAMP_ZERO, TIMESTAMP_ZERO)).toBe('an id of no epoch')
  })

  test('what is unknown comes without its transaction, and 256 items are the most', () => {
    const items = Array.from({ length: 257 }, () => ({
      id,
      known: 'known' as const,
      token: 0,
      txn: undefined,
    }))
    expect(why({ kind: 'queryOk', items: items.slice(1) })).toBe(undefined)
    expect(why({ kind: 'queryOk', items })).toBe('more than 256 items')
    expect(why({ kind: 'queryOk', items: [{ id, known: 'unknown', token: 0, txn }] })).toMatch(
      /unknown/,
    )
  })

  test('a heartbeat names a store, and hashes where it has a position', () => {
    const heartbeat: Heartbeat = {
      kind: 'heartbeat',
      storeId: new Uint8Array(16),
      durableSeq: 1n,
      knownStoreId: new Uint8Array(0),
      openEpoch: epoch(2),
      finishedEpoch: 1,
      floor: TIMESTAMP_ZERO,
      closedBefore: TIMESTAMP_ZERO,
      lastAll: TIMESTAMP_ZERO,
      applied: {
        position: 0n,
        executeAt: TIMESTAMP_ZERO,
        txnHash: new Uint8Array(0),
        execHash: new Uint8Array(0),
      },
      oldestPosition: 0n,
      wallNanos: 1n,
      sentAt: 1 as Heartbeat['sentAt'],
      echo: undefined,
      inFlight: 0,
      phase: 'serving',
      features: { offers: 1, requires: 0, active: 0 },
    }
    expect(why(heartbeat)).toBe(undefined)
    expect(why({ ...heartbeat, storeId: new Uint8Array(15) })).toMatch(/16 bytes/)
    expect(why({ ...heartbeat, knownStoreId: new Uint8Array(1) })).toMatch(/16 bytes/)
    expect(why({ ...heartbeat, finishedEpoch: 3 })).toMatch(/finished/)
    expect(why({ ...heartbeat, applied: { ...heartbeat.applied, position: 1n } })).toMatch(
      /without hashes/,
    )
    expect(why({ ...heartbeat, features: { offers: 1, requires: 1, active: 3 } })).toMatch(
      /feature/,
    )
    expect(why({ kind: 'amnesia', storeId: new Uint8Array(0), durableSeq: 1n })).toMatch(/16 bytes/)
  })

  test('hashes come in twos', () => {
    expect(why({ kind: 'hashAtOk', position: 1n, txnHash: undefined, execHash: undefined })).toBe(
      undefined,
    )
    expect(why({ kind: 'hashAtOk', position: 1n, txnHash: digest, execHash: undefined })).toBe(
      'one hash of two',
    )
  })

  test('ends of epochs rise, below the open one, each speaking of itself', () => {
    const end = (of: number) =>
      ({
        kind: 'epochEnd',
        epoch: epoch(of),
        reconfig: { id: at(1, n1, of), executeAt: at(1, n1, of) },
        tail: [{ id: at(2, n1, of), executeAt: at(2, n1, of), keys: 'all' }],
        members: [{ serial: n1, id: 'm', address: '' }],
      }) as const
    const wrong = (...ends: readonly ReturnType<typeof end>[]): string | undefined =>
      why({ kind: 'wrongEpoch', open: epoch(4), ends })
    expect(wrong(end(2), end(3))).toBe(undefined)
    expect(wrong(end(3), end(2))).toMatch(/out of order/)
    expect(wrong(end(4))).toMatch(/out of order/)
    const many = Array.from({ length: 17 }, (_, i) => end(i + 1))
    expect(why({ kind: 'wrongEpoch', open: epoch(40), ends: many.slice(1) })).toBe(undefined)
    expect(why({ kind: 'wrongEpoch', open: epoch(40), ends: many })).toMatch(/more than 16/)
    expect(why({ ...end(2), epoch: epoch(3) })).toMatch(/another/)
    expect(why({ ...end(2), tail: end(3).tail })).toBe('a tail of another epoch')
    expect(why({ ...end(2), members: [] })).toBe('not 1 to 64 members')
    const learner = { serial: n1, id: 'm', address: '', role: 'learner' } as const
    expect(why({ ...end(2), members: [learner] })).toBe('members without a voter')
    const last = { ...end(2), reconfig: end(2).reconfig }
    const [all] = last.tail
    const keyed = (ms: number) => ({ ...all, id: at(ms), executeAt: at(ms), keys: DEFAULT_KEYS })
    expect(why({ ...last, tail: [all, keyed(3), keyed(4)] })).toBe(undefined)
    expect(why({ ...last, tail: [] })).toMatch(/does not begin/)
    expect(why({ ...last, tail: [keyed(3)] })).toMatch(/does not begin/)
    expect(why({ ...last, tail: [all, keyed(4), keyed(3)] })).toMatch(/does not rise/)
    expect(why({ ...last, tail: [all, { ...all, executeAt: at(3) }] })).toMatch(/does not rise/)
    expect(why({ ...end(0xffff) })).toBe('an end of the last epoch')
  })
})
