/**
 * Arbitrary messages that honest members of a topology may say, for property tests of the core:
 * `fits` finds nothing against them, and yet they may be of any ballot, status and order.
 */

import fc from 'fast-check'
import { millis } from '../brand.ts'
import type { MessageKind, MessageOf } from '../message/message-kind.ts'
import type { LogEntry, Message } from '../message/message.ts'
import { BALLOT_ZERO, type Ballot } from '../time/ballot.ts'
import {
  compareTimestamps,
  epoch,
  nodeOf,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import { keysOfTxn, type Txn } from '../txn/txn.ts'
import type { Accepted } from '../txn/txn-record.ts'
import { above, partsOf, type FittingWorld } from './arbitrary-fitting-parts.ts'
import { maybe } from './arbitrary.ts'
import { ANY_MESSAGE } from './arbitrary-message.ts'

export type { FittingWorld } from './arbitrary-fitting-parts.ts'

/** A message and its sender. */
export interface FittingMessage<M extends Message = Message> {
  readonly from: NodeSerial
  readonly message: M
}

/** Of any kind. */
export function fittingMessage(world: FittingWorld): fc.Arbitrary<FittingMessage> {
  return fc.oneof(...Object.values(fittingMessages(world)))
}

/** Of each kind. A new kind does not compile until it is here. */
export function fittingMessages(world: FittingWorld): {
  readonly [K in MessageKind]: fc.Arbitrary<FittingMessage<MessageOf[K]>>
} {
  return { ...requests(world), ...answers(world), ...outcomes(world), ...upkeep(world) }
}

type Fitting<Kinds extends MessageKind> = {
  readonly [K in Kinds]: fc.Arbitrary<FittingMessage<MessageOf[K]>>
}

function requests(
  world: FittingWorld,
): Fitting<'preAccept' | 'accept' | 'acceptInvalid' | 'recover'> {
  const { ids, from, keys, txn, ballot, place } = partsOf(world)
  return {
    preAccept: ids.chain((id) =>
      txn(id).map((chosen) => ({
        from: nodeOf(id),
        message: { kind: 'preAccept' as const, id, txn: chosen },
      })),
    ),
    accept: fc.tuple(from, ids, keys, fc.boolean()).chain(([sender, id, chosen, first]) =>
      fc.tuple(place(id), ballot(sender)).map(([executeAt, raised]) => ({
        from: first ? nodeOf(id) : sender,
        message: {
          kind: 'accept' as const,
          ballot: first ? BALLOT_ZERO : raised,
          id,
          keys: chosen,
          executeAt,
        },
      })),
    ),
    acceptInvalid: fc.tuple(from, ids).chain(([sender, id]) =>
      ballot(sender).map((raised) => ({
        from: sender,
        message: { kind: 'acceptInvalid' as const, ballot: raised, id },
      })),
    ),
    recover: fc.tuple(from, ids).chain(([sender, id]) =>
      fc.tuple(ballot(sender), maybe(txn(id))).map(([raised, chosen]) => ({
        from: sender,
        message: { kind: 'recover' as const, ballot: raised, id, txn: chosen },
      })),
    ),
  }
}

function answers(
  world: FittingWorld,
): Fitting<'preAcceptOk' | 'refused' | 'acceptOk' | 'acceptInvalidOk' | 'recoverOk' | 'nack'> {
  const { ids, from, keys, txn, ballot, deps, vote, place } = partsOf(world)
  const anyones = from.chain(ballot)
  const recoverOk = fc.tuple(from, ids, anyones).chain(([sender, id, raised]) =>
    fc
      .record({
        vote: maybe(vote(sender, id)),
        accepted: maybe(accepted(raised, place(id))),
        txn: maybe(txn(id)),
        keys: maybe(keys),
        refused: fc.boolean(),
      })
      .map((parts) => ({
        from: sender,
        message: {
          kind: 'recoverOk' as const,
          id,
          ballot: raised,
          ...parts,
          keys: parts.txn === undefined ? parts.keys : keysOfTxn(parts.txn),
          refused: parts.refused && parts.vote === undefined && parts.accepted === undefined,
        },
      })),
  )
  return {
    preAcceptOk: fc.tuple(from, ids).chain(([sender, id]) =>
      fc.tuple(vote(sender, id), deps(id, id)).map(([{ yes, witnessedAt }, found]) => ({
        from: sender,
        message: {
          kind: 'preAcceptOk' as const,
          id,
          witnessedAt,
          deps: yes ? found : undefined,
        },
      })),
    ),
    refused: fc
      .tuple(from, ids, ANY_MESSAGE.refused)
      .map(([sender, id, message]) => ({ from: sender, message: { ...message, id } })),
    acceptOk: fc
      .tuple(from, ids, fc.oneof(anyones, fc.constant(BALLOT_ZERO)))
      .chain(([sender, id, raised]) =>
        maybe(deps(id, undefined)).map((found) => ({
          from: sender,
          message: { kind: 'acceptOk' as const, id, ballot: raised, deps: found },
        })),
      ),
    acceptInvalidOk: fc.tuple(from, ids, anyones).map(([sender, id, raised]) => ({
      from: sender,
      message: { kind: 'acceptInvalidOk' as const, id, ballot: raised },
    })),
    recoverOk,
    nack: fc.tuple(from, ids, anyones).map(([sender, id, promised]) => ({
      from: sender,
      message: { kind: 'nack' as const, id, promised },
    })),
  }
}

function outcomes(
  world: FittingWorld,
): Fitting<'decided' | 'invalidated' | 'truncated' | 'stable' | 'query' | 'queryOk'> {
  const { ids, from, keys, txn, deps, place } = partsOf(world)
  const decision = ids.chain((id) =>
    place(id).chain((executeAt) =>
      fc.record({ keys, deps: deps(id, executeAt), txn: maybe(txn(id)) }).map((parts) => ({
        id,
        executeAt,
        ...parts,
        keys: parts.txn === undefined ? parts.keys : keysOfTxn(parts.txn),
      })),
    ),
  )
  return {
    decided: fc.tuple(from, decision, fc.boolean()).map(([sender, parts, known]) => ({
      from: sender,
      message: { kind: 'decided' as const, ...parts, deps: known ? parts.deps : undefined },
    })),
    invalidated: fc.tuple(from, ids).map(([sender, id]) => ({
      from: sender,
      message: { kind: 'invalidated' as const, id },
    })),
    truncated: fc.tuple(from, ids, ids).map(([sender, id, closed]) => ({
      from: sender,
      message: { kind: 'truncated' as const, id, closedBefore: above(id, closed) },
    })),
    stable: fc.tuple(from, decision).map(([sender, parts]) => ({
      from: sender,
      message: { kind: 'stable' as const, ...parts, digest: digestOf(parts.txn) },
    })),
    query: fc
      .tuple(from, fc.array(ids, { minLength: 1, maxLength: 5 }), fc.boolean())
      .map(([sender, list, wantTxn]) => ({
        from: sender,
        message: { kind: 'query' as const, ids: list, wantTxn },
      })),
    queryOk: fc
      .tuple(from, fc.array(queryItem(ids, txn), { maxLength: 3 }))
      .map(([sender, items]) => ({
        from: sender,
        message: { kind: 'queryOk' as const, items },
      })),
  }
}

function queryItem(
  ids: fc.Arbitrary<TxnId>,
  txn: (id: TxnId) => fc.Arbitrary<Txn>,
): fc.Arbitrary<MessageOf['queryOk']['items'][number]> {
  return ids.chain((id) =>
    fc
      .record({
        id: fc.constant(id),
        known: fc.constantFrom('inProgress' as const, 'known' as const, 'unknown' as const),
        token: fc.nat({ max: 3 }),
        txn: maybe(txn(id)),
      })
      .map((item) => (item.known === 'unknown' ? { ...item, txn: undefined } : item)),
  )
}

function upkeep(
  world: FittingWorld,
): Fitting<
  | 'wrongEpoch'
  | 'raiseFloor'
  | 'floorOk'
  | 'epochEnd'
  | 'readDeps'
  | 'readDepsOk'
  | 'epochClosing'
  | 'catchUp'
  | 'logChunk'
  | 'snapshotOffer'
  | 'snapshotFetch'
  | 'snapshotPart'
  | 'snapshotGone'
  | 'heartbeat'
  | 'amnesia'
  | 'hashAt'
  | 'hashAtOk'
  | 'unsupported'
> {
  const { ids, from, keys, deps, decidedEntry, epochEnd, hash, storeId, watermark } = partsOf(world)
  const say = <M extends Message>(message: fc.Arbitrary<M>): fc.Arbitrary<FittingMessage<M>> =>
    fc.record({ from, message })
  return {
    wrongEpoch: say(
      maybe(epochEnd).map((end) => ({
        kind: 'wrongEpoch' as const,
        open: epoch(world.topology.epoch + 1),
        ends: end === undefined ? ('snapshot' as const) : [end],
      })),
    ),
    raiseFloor: say(
      fc.tuple(ids, fc.nat({ max: 3 })).map(([floor, round]) => ({
        kind: 'raiseFloor' as const,
        round,
        floor,
        since: undefined,
      })),
    ),
    floorOk: say(
      fc.record({
        kind: fc.constant('floorOk' as const),
        round: fc.nat({ max: 3 }),
        undecided: fc.array(ids, { maxLength: 3 }),
        decided: fc.array(decidedEntry, { maxLength: 3 }),
      }),
    ),
    epochEnd: say(epochEnd),
    readDeps: say(
      fc.record({
        kind: fc.constant('readDeps' as const),
        round: fc.nat({ max: 3 }),
        epoch: fc.constant(world.topology.epoch),
        keys,
      }),
    ),
    readDepsOk: say(
      fc.record({
        kind: fc.constant('readDepsOk' as const),
        round: fc.nat({ max: 3 }),
        deps: deps(undefined, undefined),
      }),
    ),
    epochClosing: say(ANY_MESSAGE.epochClosing),
    catchUp: say(ids.map((since) => ({ kind: 'catchUp' as const, since }))),
    logChunk: say(logChunk(world)),
    snapshotOffer: say(
      fc
        .tuple(ANY_MESSAGE.snapshotOffer, hash)
        .map(([message, digest]) => ({ ...message, digest })),
    ),
    snapshotFetch: say(
      ANY_MESSAGE.snapshotFetch.map((message) => ({ ...message, cut: new Uint8Array(16) })),
    ),
    snapshotPart: say(
      ANY_MESSAGE.snapshotPart.map((message) => ({
        ...message,
        cut: new Uint8Array(16),
        digest: new Uint8Array(32),
      })),
    ),
    snapshotGone: say(
      ANY_MESSAGE.snapshotGone.map((message) => ({ ...message, cut: new Uint8Array(16) })),
    ),
    heartbeat: say(
      fc
        .record({ base: ANY_MESSAGE.heartbeat, storeId, knows: fc.boolean(), applied: watermark })
        .map(({ base, storeId: own, knows, applied }) => ({
          ...base,
          storeId: own,
          knownStoreId: knows ? own : new Uint8Array(0),
          openEpoch: world.topology.epoch,
          finishedEpoch: world.topology.epoch - 1,
          applied,
          sentAt: millis(base.inFlight % 10_000),
          features: {
            ...base.features,
            active: (base.features.active & base.features.requires) >>> 0,
          },
        })),
    ),
    amnesia: say(
      fc.tuple(ANY_MESSAGE.amnesia, storeId).map(([message, id]) => ({ ...message, storeId: id })),
    ),
    hashAt: say(ANY_MESSAGE.hashAt),
    hashAtOk: say(
      fc
        .record({ at: ANY_MESSAGE.hashAt, txnHash: hash, execHash: hash, known: fc.boolean() })
        .map(({ at, txnHash, execHash, known }) => ({
          kind: 'hashAtOk' as const,
          position: at.position,
          txnHash: known ? txnHash : undefined,
          execHash: known ? execHash : undefined,
        })),
    ),
    unsupported: say(ANY_MESSAGE.unsupported),
  }
}

/** Entries that rise from above `since`; positions rise with them. */
function logChunk(world: FittingWorld): fc.Arbitrary<MessageOf['logChunk']> {
  const { ids, txn, deps, place, hash } = partsOf(world)
  const entry: fc.Arbitrary<LogEntry> = ids.chain((id) =>
    place(id).chain((executeAt) =>
      fc
        .record({ txn: txn(id), found: deps(id, executeAt), txnHash: hash, execHash: hash })
        .map((parts) => ({
          id,
          executeAt,
          txn: parts.txn,
          deps: { ids: [], marks: parts.found.marks },
          watermark: { position: 0n, executeAt, txnHash: parts.txnHash, execHash: parts.execHash },
        })),
    ),
  )
  return fc
    .record({ since: ids, entries: fc.array(entry, { maxLength: 4 }), more: fc.boolean() })
    .map(({ since, entries, more }) => {
      const rising = [...new Map(entries.map((one) => [one.executeAt, one])).values()]
        .filter((one) => one.executeAt > since)
        .sort((a, b) => compareTimestamps(a.executeAt, b.executeAt))
        .map((one, i) => ({ ...one, watermark: { ...one.watermark, position: BigInt(i + 1) } }))
      return { kind: 'logChunk', since, entries: rising, more: more && rising.length > 0 }
    })
}

function accepted(highest: Ballot, place: fc.Arbitrary<Timestamp>): fc.Arbitrary<Accepted> {
  return fc.oneof(
    place.map((value) => ({ ballot: BALLOT_ZERO, value })),
    place.map((value) => ({ ballot: highest, value })),
    fc.constant<Accepted>({ ballot: highest, value: 'invalid' }),
  )
}

function digestOf(txn: Txn | undefined): Uint8Array {
  return txn?.kind === 'application' ? txn.digest : new Uint8Array(0)
}
