/**
 * The bytes of version 1, written down. A difference here is a change of the wire or of the disk:
 * it needs a new version, not a new vector.
 */

import { describe, expect, test } from 'vitest'
import { millis } from '../brand.ts'
import { NO_CLAIMS } from '../topology/features.ts'
import { fieldsOf, frameOf, fromHex, toHex } from '../test/frame-bytes.ts'
import type { LogEntry, Message } from '../message/message.ts'
import { BALLOT_ZERO } from '../time/ballot.ts'
import { epoch, hlc, nodeSerial, timestampOf, type Timestamp } from '../time/timestamp.ts'
import { conflictKey, DEFAULT_KEYS, keysOf } from '../txn/keys.ts'
import type { Txn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import {
  decodeLogEntry,
  decodeMarks,
  decodeRecord,
  decodeTxn,
  encodeLogEntry,
  encodeMarks,
  encodeRecord,
  encodeTxn,
} from './record-codec.ts'

/** Epoch 1, nanos 0x1122334455667788, this sequence, this node. */
function at(sequence: number, node: number): Timestamp {
  const value = (0x1122_3344_5566_7788n << 16n) | BigInt(sequence)
  return timestampOf({ epoch: epoch(1), hlc: hlc(value), node: nodeSerial(node) })
}

const T1 = '0001 1122334455667788 0001 0001 0000'
const T2 = '0001 1122334455667788 0002 0002 0000'
const T3 = '0001 1122334455667788 0003 0003 0000'
const DEFAULT = '07 64656661756c74'

const id = at(2, 2)
const early = at(1, 1)
const later = at(3, 3)
const digest = Uint8Array.of(0xd1, 0xd2)
const payload = Uint8Array.of(0xaa, 0xbb, 0xcc)
const txn: Txn = { kind: 'application', keys: DEFAULT_KEYS, payload, digest }
const TXN = `01 01 ${DEFAULT} 02 d1d2 03 aabbcc`
const deps = {
  ids: [early],
  marks: [
    { key: 'all', id: early, at: early },
    { key: conflictKey('k'), id: early, at: later },
  ],
} as const
const DEPS = `01 ${T1} 02 00 ${T1} ${T1} 01 6b ${T1} ${T3}`
const raised = { round: 0x01020304, node: nodeSerial(0x0506) }

const MESSAGES: readonly (readonly [Message, string])[] = [
  [{ kind: 'preAccept', id, txn }, `${T2} ${TXN}`],
  [{ kind: 'preAcceptOk', id, witnessedAt: id, deps }, `${T2} ${T2} 01 ${DEPS}`],
  [{ kind: 'preAcceptOk', id, witnessedAt: later, deps: undefined }, `${T2} ${T3} 00`],
  [{ kind: 'refused', id, reason: 'busy' }, `${T2} 04`],
  [
    { kind: 'accept', ballot: raised, id, keys: keysOf(['a', 'b']), executeAt: later },
    `01020304 0506 ${T2} ${T3} 02 01 61 01 62`,
  ],
  [
    {
      kind: 'recoverOk',
      id,
      ballot: raised,
      vote: { witnessedAt: id, yes: true },
      accepted: { ballot: BALLOT_ZERO, value: later },
      keys: 'all',
      refused: false,
      txn: undefined,
    },
    `${T2} 01020304 0506 01 01 ${T2} 01 00000000 0000 01 ${T3} 01 00 00 00`,
  ],
  [
    { kind: 'stable', id, keys: DEFAULT_KEYS, executeAt: later, deps, digest, txn: undefined },
    `${T2} ${T3} 01 ${DEFAULT} ${DEPS} 02 d1d2 00`,
  ],
  [{ kind: 'query', ids: [early, id], wantTxn: true }, `02 ${T1} ${T2} 01`],
  [
    { kind: 'queryOk', items: [{ id, known: 'inProgress', token: 300, txn: undefined }] },
    `01 ${T2} 01 822c 00`,
  ],
  [{ kind: 'wrongEpoch', open: epoch(3), ends: 'snapshot' }, '0003 00'],
  [
    {
      kind: 'heartbeat',
      storeId: Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i),
      durableSeq: 5n,
      knownStoreId: new Uint8Array(0),
      openEpoch: epoch(1),
      finishedEpoch: 0,
      floor: early,
      closedBefore: early,
      lastAll: id,
      applied: {
        position: 9n,
        executeAt: later,
        txnHash: Uint8Array.of(1),
        execHash: Uint8Array.of(2),
      },
      oldestPosition: 1n,
      wallNanos: 0x1122_3344_5566_7788n,
      sentAt: millis(128),
      echo: { sentAt: millis(1), heldMs: millis(2) },
      inFlight: 7,
      phase: 'serving',
      features: NO_CLAIMS,
    },
    `10 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff 0000000000000005 00 0001 0000 ${T1} ${T1} ${T2}
     0000000000000009 ${T3} 01 01 01 02 0000000000000001 1122334455667788 8100 01 01 02 07 01`,
  ],
]

describe('fields of messages', () => {
  test.each(MESSAGES.map(([message, hex], i) => [i, message.kind, message, hex] as const))(
    '%i: %s',
    (_, __, message, hex) => {
      expect(toHex(fieldsOf(message, 1))).toBe(toHex(fromHex(hex)))
    },
  )
})

test('a frame', () => {
  const frame = frameOf([
    { kind: 'invalidated', id },
    { kind: 'nack', id, promised: raised },
  ])
  const bytes = fromHex(`
    5379 01 000102030405060708090a0b0c0d0e0f 0001 0001 02
    00000011 0c ${T2}
    00000017 0a ${T2} 01020304 0506
    92bafe4a`)
  expect(toHex(encodeFrame(frame, 1))).toBe(toHex(bytes))
  expect(decodeFrame(bytes, { messagesMax: 2, payloadMaxBytes: 0 })).toEqual({
    ok: true,
    value: { ...frame, unknown: [] },
  })
})

describe('stored values', () => {
  const record: TxnRecord = {
    id,
    txn: undefined,
    keys: DEFAULT_KEYS,
    vote: { witnessedAt: later, yes: false },
    promised: raised,
    accepted: { ballot: raised, value: 'invalid' },
    outcome: { kind: 'decided', executeAt: later, deps },
    applied: true,
  }
  const entry: LogEntry = {
    id,
    executeAt: later,
    txn,
    deps: { ids: [], marks: [] },
    watermark: {
      position: 9n,
      executeAt: later,
      txnHash: Uint8Array.of(1),
      execHash: Uint8Array.of(2),
    },
  }

  test('a record', () => {
    const bytes = fromHex(
      `01 ${T2} 01 01 ${DEFAULT} 01 00 ${T3} 01020304 0506 01 01020304 0506 00 01 01 ${T3} ` +
        `01 ${DEPS} 01`,
    )
    expect(toHex(encodeRecord(record))).toBe(toHex(bytes))
    expect(decodeRecord(bytes)).toEqual({ ok: true, value: record })
  })

  test('a log entry', () => {
    const bytes = fromHex(`01 ${T2} ${T3} 00 00 0000000000000009 ${T3} 01 01 01 02 ${TXN}`)
    expect(toHex(encodeLogEntry(entry))).toBe(toHex(bytes))
    expect(decodeLogEntry(bytes)).toEqual({ ok: true, value: entry })
  })

  test('a transaction of each kind', () => {
    const barrier: Txn = { kind: 'barrier', closedBefore: early }
    const reconfig: Txn = {
      kind: 'reconfig',
      expectEpoch: epoch(1),
      members: [{ serial: nodeSerial(4), id: 'n4', address: 'h' }],
    }
    const roles: Txn = {
      kind: 'reconfig',
      expectEpoch: epoch(2),
      members: [
        { serial: nodeSerial(4), id: 'n4', address: 'h', storeId: new Uint8Array(16).fill(9) },
        { serial: nodeSerial(5), id: 'n5', address: '', role: 'learner', replaces: nodeSerial(4) },
      ],
    }
    const all: readonly (readonly [Txn, string])[] = [
      [txn, `01 ${TXN}`],
      [
        roles,
        `01 03 0002 8102 0004 02 6e34 01 68 02 10 ${'09'.repeat(16)} 0005 02 6e35 00 05 0004`,
      ],
      [barrier, `01 02 ${T1}`],
      [reconfig, '01 03 0001 01 0004 02 6e34 01 68'],
    ]
    for (const [value, hex] of all) {
      expect(toHex(encodeTxn(value))).toBe(toHex(fromHex(hex)))
      expect(decodeTxn(fromHex(hex))).toEqual({ ok: true, value })
    }
  })

  test('members in a longer form than they need are refused', () => {
    const longer = decodeTxn(fromHex('01 03 0001 8101 0004 02 6e34 01 68 00'))
    expect(longer).toMatchObject({ ok: false })
    const unknown = decodeTxn(fromHex('01 03 0001 8101 0004 02 6e34 01 68 08'))
    expect(unknown).toMatchObject({ ok: false })
  })

  test('marks', () => {
    const bytes = fromHex(`01 02 00 ${T1} ${T1} 01 6b ${T1} ${T3}`)
    expect(toHex(encodeMarks(deps.marks))).toBe(toHex(bytes))
    expect(decodeMarks(bytes)).toEqual({ ok: true, value: deps.marks })
  })
})
