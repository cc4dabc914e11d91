/** Arbitrary messages of every kind, for property tests: well formed and no more. */
import fc from 'fast-check'
import { millis } from '../brand.ts'
import type { MessageKind, MessageOf } from '../message/message-kind.ts'
import type { EpochEnd, Message, NodePhase, QueryItem, RefusedReason } from '../message/message.ts'
import {
  anyAccepted,
  anyBallot,
  anyCount,
  anyDecidedEntry,
  anyDeps,
  anyEpoch,
  anyHash,
  anyKeys,
  anyLogEntry,
  anyMember,
  anyTimestamp,
  anyTxn,
  anyUint64,
  anyVote,
  anyWatermark,
  maybe,
} from './arbitrary.ts'

const REASONS: readonly RefusedReason[] = ['belowFloor', 'epochClosing', 'tooFarAhead', 'busy']
const PHASES: readonly NodePhase[] = ['serving', 'diverged', 'blocked', 'learner', 'starting']
const KNOWN: readonly QueryItem['known'][] = ['inProgress', 'known', 'unknown']

const anyEpochEnd: fc.Arbitrary<EpochEnd> = fc.record({
  kind: fc.constant('epochEnd' as const),
  epoch: anyEpoch,
  reconfig: fc.record({ id: anyTimestamp, executeAt: anyTimestamp }),
  tail: fc.array(anyDecidedEntry, { maxLength: 3 }),
  members: fc.array(anyMember, { maxLength: 3 }),
})

/** Of each kind, well formed. A new kind does not compile until it is here. */
export const ANY_MESSAGE: { readonly [K in MessageKind]: fc.Arbitrary<MessageOf[K]> } = {
  preAccept: fc.record({ kind: fc.constant('preAccept' as const), id: anyTimestamp, txn: anyTxn }),
  preAcceptOk: fc.record({
    kind: fc.constant('preAcceptOk' as const),
    id: anyTimestamp,
    witnessedAt: anyTimestamp,
    deps: maybe(anyDeps),
  }),
  refused: fc.record({
    kind: fc.constant('refused' as const),
    id: anyTimestamp,
    reason: fc.constantFrom(...REASONS),
  }),
  accept: fc.record({
    kind: fc.constant('accept' as const),
    ballot: anyBallot,
    id: anyTimestamp,
    keys: anyKeys,
    executeAt: anyTimestamp,
  }),
  acceptOk: fc.record({
    kind: fc.constant('acceptOk' as const),
    id: anyTimestamp,
    ballot: anyBallot,
    deps: maybe(anyDeps),
  }),
  acceptInvalid: fc.record({
    kind: fc.constant('acceptInvalid' as const),
    ballot: anyBallot,
    id: anyTimestamp,
  }),
  acceptInvalidOk: fc.record({
    kind: fc.constant('acceptInvalidOk' as const),
    id: anyTimestamp,
    ballot: anyBallot,
  }),
  recover: fc.record({
    kind: fc.constant('recover' as const),
    ballot: anyBallot,
    id: anyTimestamp,
    txn: maybe(anyTxn),
  }),
  recoverOk: fc.record({
    kind: fc.constant('recoverOk' as const),
    id: anyTimestamp,
    ballot: anyBallot,
    vote: maybe(anyVote),
    accepted: maybe(anyAccepted),
    keys: maybe(anyKeys),
    refused: fc.boolean(),
    txn: maybe(anyTxn),
  }),
  nack: fc.record({ kind: fc.constant('nack' as const), id: anyTimestamp, promised: anyBallot }),
  decided: fc.record({
    kind: fc.constant('decided' as const),
    id: anyTimestamp,
    keys: anyKeys,
    executeAt: anyTimestamp,
    deps: maybe(anyDeps),
    txn: maybe(anyTxn),
  }),
  invalidated: fc.record({ kind: fc.constant('invalidated' as const), id: anyTimestamp }),
  truncated: fc.record({
    kind: fc.constant('truncated' as const),
    id: anyTimestamp,
    closedBefore: anyTimestamp,
  }),
  wrongEpoch: fc.record({
    kind: fc.constant('wrongEpoch' as const),
    open: anyEpoch,
    ends: fc.oneof(fc.constant('snapshot' as const), fc.array(anyEpochEnd, { maxLength: 2 })),
  }),
  stable: fc.record({
    kind: fc.constant('stable' as const),
    id: anyTimestamp,
    keys: anyKeys,
    executeAt: anyTimestamp,
    deps: anyDeps,
    digest: anyHash,
    txn: maybe(anyTxn),
  }),
  query: fc.record({
    kind: fc.constant('query' as const),
    ids: fc.array(anyTimestamp, { maxLength: 8 }),
    wantTxn: fc.boolean(),
  }),
  queryOk: fc.record({
    kind: fc.constant('queryOk' as const),
    items: fc.array(
      fc.record({
        id: anyTimestamp,
        known: fc.constantFrom(...KNOWN),
        token: anyCount,
        txn: maybe(anyTxn),
      }),
      { maxLength: 3 },
    ),
  }),
  raiseFloor: fc.record({
    kind: fc.constant('raiseFloor' as const),
    round: anyCount,
    floor: anyTimestamp,
    since: maybe(anyTimestamp),
  }),
  floorOk: fc.record({
    kind: fc.constant('floorOk' as const),
    round: anyCount,
    undecided: fc.array(anyTimestamp, { maxLength: 5 }),
    decided: fc.array(anyDecidedEntry, { maxLength: 3 }),
  }),
  epochEnd: anyEpochEnd,
  readDeps: fc.record({
    kind: fc.constant('readDeps' as const),
    round: anyCount,
    epoch: anyEpoch,
    keys: anyKeys,
  }),
  readDepsOk: fc.record({
    kind: fc.constant('readDepsOk' as const),
    round: anyCount,
    deps: anyDeps,
  }),
  epochClosing: fc.record({ kind: fc.constant('epochClosing' as const), round: anyCount }),
  catchUp: fc.record({ kind: fc.constant('catchUp' as const), since: anyTimestamp }),
  logChunk: fc.record({
    kind: fc.constant('logChunk' as const),
    since: anyTimestamp,
    entries: fc.array(anyLogEntry, { maxLength: 3 }),
    more: fc.boolean(),
  }),
  snapshotOffer: fc.record({
    kind: fc.constant('snapshotOffer' as const),
    position: anyUint64,
    bytes: anyUint64,
    digest: anyHash,
  }),
  snapshotFetch: fc.record({
    kind: fc.constant('snapshotFetch' as const),
    cut: anyHash,
    part: anyCount,
  }),
  snapshotPart: fc.record({
    kind: fc.constant('snapshotPart' as const),
    cut: anyHash,
    part: anyCount,
    ends: fc.constantFrom('pair' as const, 'more' as const, 'last' as const),
    digest: anyHash,
    bytes: fc.uint8Array({ maxLength: 100 }),
  }),
  snapshotGone: fc.record({
    kind: fc.constant('snapshotGone' as const),
    cut: anyHash,
    why: fc.constantFrom('unknown' as const, 'unable' as const),
  }),
  heartbeat: fc.record({
    kind: fc.constant('heartbeat' as const),
    storeId: anyHash,
    durableSeq: anyUint64,
    knownStoreId: anyHash,
    openEpoch: anyEpoch,
    finishedEpoch: fc.integer({ min: 0, max: 0xffff }),
    floor: anyTimestamp,
    closedBefore: anyTimestamp,
    lastAll: anyTimestamp,
    applied: anyWatermark,
    oldestPosition: anyUint64,
    wallNanos: anyUint64,
    sentAt: anyCount.map(millis),
    echo: maybe(fc.record({ sentAt: anyCount.map(millis), heldMs: anyCount.map(millis) })),
    inFlight: anyCount,
    phase: fc.constantFrom(...PHASES),
    features: fc.record({ offers: anyCount, requires: anyCount, active: anyCount }),
  }),
  amnesia: fc.record({
    kind: fc.constant('amnesia' as const),
    storeId: anyHash,
    durableSeq: anyUint64,
  }),
  hashAt: fc.record({ kind: fc.constant('hashAt' as const), position: anyUint64 }),
  hashAtOk: fc.record({
    kind: fc.constant('hashAtOk' as const),
    position: anyUint64,
    txnHash: maybe(anyHash),
    execHash: maybe(anyHash),
  }),
  unsupported: fc.record({
    kind: fc.constant('unsupported' as const),
    tag: fc.integer({ min: 0, max: 255 }),
  }),
}

/** Of any kind. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(ANY_MESSAGE))
