/**
 * Arbitrary values of everything that is sent and stored, for property tests.
 *
 * `any…` are well formed and no more: what a decoder must take. `fitting…` are in
 * `arbitrary-fitting.ts`: what honest members of a topology may say.
 */
import fc from 'fast-check'
import { type Bytes } from '../brand.ts'
import type { DecidedEntry, LogEntry, Watermark } from '../message/message.ts'
import { BALLOT_ZERO, type Ballot } from '../time/ballot.ts'
import {
  epoch,
  nodeSerial,
  timestamp,
  TIMESTAMP_ZERO,
  type Epoch,
  type NodeSerial,
  type Timestamp,
} from '../time/timestamp.ts'
import type { Deps, Mark } from '../txn/deps.ts'
import { keysOf, type Keys } from '../txn/keys.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import type { Txn } from '../txn/txn.ts'
import type { Accepted, Outcome, TxnRecord, Vote } from '../txn/txn-record.ts'

/** Words that a careless object would take for something else, and the usual ones. */
const KEY_WORDS = [
  'default',
  'a',
  'b',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '0',
  '\u0000',
  'ÿ',
]

const UINT64_MAX = (1n << 64n) - 1n

/** Now and then undefined. */
export function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined, freq: 3 })
}

export function anyBytes(maxLength: number, minLength = 0): fc.Arbitrary<Bytes> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Uint8Array.from(bytes))
}

export const anyNode: fc.Arbitrary<NodeSerial> = fc.integer({ min: 0, max: 0xffff }).map(nodeSerial)
export const anyEpoch: fc.Arbitrary<Epoch> = fc.integer({ min: 1, max: 0xffff }).map(epoch)
export const anyUint64: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: UINT64_MAX })
export const anyCount: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.constantFrom(0x7f, 0x80, 0x3fff, 0x4000, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
)
export const anyHash: fc.Arbitrary<Bytes> = anyBytes(64)

export const anyTimestamp: fc.Arbitrary<Timestamp> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 112n) - 1n }).map((value) => timestamp(value << 16n)),
  fc.constantFrom(TIMESTAMP_ZERO, timestamp(((1n << 112n) - 1n) << 16n)),
)

export const anyBallot: fc.Arbitrary<Ballot> = fc.oneof(
  fc.constant(BALLOT_ZERO),
  fc.record({ round: fc.integer({ min: 0, max: 0xffff_ffff }), node: anyNode }),
)

const anyKeyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...KEY_WORDS),
  fc
    .array(fc.integer({ min: 0, max: 0xff }), { minLength: 1, maxLength: 255 })
    .map((codes) => String.fromCharCode(...codes))
    .filter((text) => text !== 'all'),
)

const anyLatin1 = (min: number, max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 0, max: 0xff }), { minLength: min, maxLength: max })
    .map((codes) => String.fromCharCode(...codes))

export const anyKeys: fc.Arbitrary<Keys> = fc.oneof(
  { arbitrary: fc.constant<Keys>('all'), weight: 1 },
  { arbitrary: fc.array(anyKeyText, { minLength: 1, maxLength: 5 }).map(keysOf), weight: 4 },
)

/** One key, or all, as a mark has it. */
const anyMarkKey: fc.Arbitrary<Mark['key']> = anyKeys.map((keys) =>
  keys === 'all' ? keys : (keys[0] ?? 'all'),
)

export const anyMark: fc.Arbitrary<Mark> = fc.record({
  key: anyMarkKey,
  id: anyTimestamp,
  at: anyTimestamp,
})

/** In any order: a decoder does not look. */
export const anyDeps: fc.Arbitrary<Deps> = fc.record({
  ids: fc.array(anyTimestamp, { maxLength: 8 }),
  marks: fc.array(anyMark, { maxLength: 4 }),
})

export const anyMember: fc.Arbitrary<MemberEntry> = fc.record(
  {
    serial: anyNode,
    id: anyLatin1(1, 64),
    address: anyLatin1(0, 255),
    role: fc.constant('learner' as const),
    storeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    replaces: anyNode,
  },
  { requiredKeys: ['serial', 'id', 'address'] },
)

export const anyTxn: fc.Arbitrary<Txn> = fc.oneof(
  fc.record({
    kind: fc.constant('application' as const),
    keys: anyKeys,
    payload: anyBytes(300),
    digest: anyHash,
  }),
  fc.record({ kind: fc.constant('barrier' as const), closedBefore: anyTimestamp }),
  fc.record({
    kind: fc.constant('reconfig' as const),
    expectEpoch: anyEpoch,
    members: fc.array(anyMember, { maxLength: 4 }),
  }),
)

export const anyVote: fc.Arbitrary<Vote> = fc.record({
  witnessedAt: anyTimestamp,
  yes: fc.boolean(),
})

export const anyAccepted: fc.Arbitrary<Accepted> = fc.record({
  ballot: anyBallot,
  value: fc.oneof(anyTimestamp, fc.constant('invalid' as const)),
})

export const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({
    kind: fc.constant('decided' as const),
    executeAt: anyTimestamp,
    deps: maybe(anyDeps),
  }),
  fc.constant<Outcome>({ kind: 'invalidated' }),
)

/** As a store keeps it: the transaction is stored apart. */
export const anyRecord: fc.Arbitrary<TxnRecord> = fc.record({
  id: anyTimestamp,
  txn: fc.constant(undefined),
  keys: maybe(anyKeys),
  vote: maybe(anyVote),
  promised: anyBallot,
  accepted: maybe(anyAccepted),
  outcome: maybe(anyOutcome),
  applied: fc.boolean(),
})

export const anyWatermark: fc.Arbitrary<Watermark> = fc.record({
  position: anyUint64,
  executeAt: anyTimestamp,
  txnHash: anyHash,
  execHash: anyHash,
})

export const anyLogEntry: fc.Arbitrary<LogEntry> = fc.record({
  id: anyTimestamp,
  executeAt: anyTimestamp,
  txn: anyTxn,
  deps: anyDeps,
  watermark: anyWatermark,
})

export const anyDecidedEntry: fc.Arbitrary<DecidedEntry> = fc.record({
  id: anyTimestamp,
  executeAt: anyTimestamp,
  keys: anyKeys,
})
