/**
 * What `arbitrary-fitting.ts` makes its messages of: ids, places, votes, deps that honest members
 * may name.
 */

import fc from 'fast-check'
import type { DecidedEntry, EpochEnd, Watermark } from '../message/message.ts'
import type { Ballot } from '../time/ballot.ts'
import {
  compareTimestamps,
  epoch,
  epochOf,
  hlc,
  hlcOf,
  nodeOf,
  timestampOf,
  type Hlc,
  type NodeSerial,
  type Timestamp,
  type TxnId,
} from '../time/timestamp.ts'
import { isVoter } from '../topology/configuration.ts'
import { canonicalMarks, type Deps, type Mark } from '../txn/deps.ts'
import { keysOf, type Keys } from '../txn/keys.ts'
import type { Txn } from '../txn/txn.ts'
import type { Vote } from '../txn/txn-record.ts'
import { anyBytes, anyMember } from './arbitrary.ts'
import type { TestEpoch } from './test-epoch.ts'

/** Who may speak, of when, about what. */
export interface FittingWorld {
  readonly topology: TestEpoch
  /**
   * When ids are born: the fewer there are, the oftener messages are about the same transaction.
   */
  readonly hlc: fc.Arbitrary<Hlc>
  /** Default: all, or some of three. */
  readonly keys?: fc.Arbitrary<Keys>
}

const SOME_KEYS: fc.Arbitrary<Keys> = fc.oneof(
  fc.constant<Keys>('all'),
  fc.subarray(['a', 'b', 'default'], { minLength: 1 }).map(keysOf),
)

/** The parts that messages of one world are made of. */
export interface Parts {
  readonly from: fc.Arbitrary<NodeSerial>
  readonly ids: fc.Arbitrary<TxnId>
  readonly keys: fc.Arbitrary<Keys>
  readonly hash: fc.Arbitrary<Uint8Array>
  readonly storeId: fc.Arbitrary<Uint8Array>
  readonly watermark: fc.Arbitrary<Watermark>
  readonly decidedEntry: fc.Arbitrary<DecidedEntry>
  readonly epochEnd: fc.Arbitrary<EpochEnd>
  /** The id, or something above it. */
  readonly place: (id: TxnId) => fc.Arbitrary<Timestamp>
  readonly txn: (id: TxnId) => fc.Arbitrary<Txn>
  readonly vote: (voter: NodeSerial, id: TxnId) => fc.Arbitrary<Vote>
  /** Above ZERO, of this node. */
  readonly ballot: (node: NodeSerial) => fc.Arbitrary<Ballot>
  /** Of this transaction, below this bound. */
  readonly deps: (self: TxnId | undefined, below: Timestamp | undefined) => fc.Arbitrary<Deps>
}

export function partsOf(world: FittingWorld): Parts {
  const { topology } = world
  const from = fc.constantFrom(...topology.members)
  const keys = world.keys ?? SOME_KEYS
  const ids = fc
    .record({ hlc: world.hlc, node: from })
    .map((parts) => timestampOf({ epoch: topology.epoch, ...parts }))
  const place = (id: TxnId): fc.Arbitrary<Timestamp> =>
    fc.oneof(
      fc.constant(id),
      ids.map((other) => above(id, other)),
    )
  const hash = anyBytes(32, 1)
  const storeId = anyBytes(16, 16)
  const decidedEntry = ids.chain((id) =>
    fc.record({ id: fc.constant(id), executeAt: place(id), keys }),
  )
  return {
    from,
    ids,
    keys,
    place,
    hash,
    storeId,
    decidedEntry,
    watermark: fc.record({
      position: fc.bigInt({ min: 0n, max: 10n }),
      executeAt: ids,
      txnHash: hash,
      execHash: hash,
    }),
    epochEnd: ids.chain((id) =>
      fc
        .record({
          kind: fc.constant('epochEnd' as const),
          epoch: fc.constant(topology.epoch),
          reconfig: fc.record({ id: fc.constant(id), executeAt: place(id) }),
          rest: fc.array(decidedEntry, { maxLength: 3 }),
          members: fc
            .uniqueArray(anyMember, { minLength: 1, maxLength: 3, selector: (m) => m.serial })
            .filter((members) => members.some(isVoter)),
        })
        .map(({ rest, ...end }) => ({ ...end, tail: tailOf(end.reconfig, rest) })),
    ),
    txn: (id) => txnOf(id, keys),
    vote: (voter, id) =>
      fc.tuple(ids, fc.boolean()).map(([other, yes]) => ({
        yes,
        witnessedAt: yes ? id : mintedBy(voter, above(id, other)),
      })),
    ballot: (node) => fc.integer({ min: 1, max: 4 }).map((round) => ({ round, node })),
    deps: (self, below) =>
      fc
        .record({
          ids: fc.array(ids, { maxLength: 5 }),
          marks: fc.array(ids, { maxLength: 3 }),
          keys,
        })
        .map((parts) => ({
          ids: [...new Set(parts.ids)]
            .filter((id) => id !== self && (below === undefined || id < below))
            .sort(compareTimestamps),
          marks: marksOf(
            parts.marks.filter((id) => below === undefined || id < below),
            parts.keys,
          ),
        })),
  }
}

/** Application, or now and then a barrier below the id. */
/** Begins with the Reconfig; what stands above it rises. */
function tailOf(
  reconfig: { readonly id: TxnId; readonly executeAt: Timestamp },
  rest: readonly DecidedEntry[],
): readonly DecidedEntry[] {
  const tail: DecidedEntry[] = [{ ...reconfig, keys: 'all' }]
  for (const entry of [...rest].sort((a, b) => compareTimestamps(a.executeAt, b.executeAt))) {
    const last = tail.at(-1)
    if (entry.keys === 'all' || last === undefined || entry.executeAt <= last.executeAt) continue
    tail.push(entry)
  }
  return tail
}

function txnOf(id: TxnId, keys: fc.Arbitrary<Keys>): fc.Arbitrary<Txn> {
  const application = fc.record({
    kind: fc.constant('application' as const),
    keys,
    payload: anyBytes(20),
    digest: anyBytes(32, 1),
  })
  const closedBefore = timestampOf({ epoch: epoch(epochOf(id)), hlc: hlc(0n), node: nodeOf(id) })
  const barrier = fc.constant<Txn>({ kind: 'barrier', closedBefore })
  return closedBefore < id
    ? fc.oneof({ arbitrary: application, weight: 5 }, { arbitrary: barrier, weight: 1 })
    : application
}

/** Each key has the mark of one of these, as far as they go. */
function marksOf(ids: readonly TxnId[], keys: Keys): readonly Mark[] {
  const names: readonly Mark['key'][] = keys === 'all' ? ['all'] : keys
  return canonicalMarks(
    names.flatMap((key, i) => {
      const id = ids[i]
      return id === undefined ? [] : [{ key, id, at: id }]
    }),
  )
}

/** A timestamp of `other`'s making, above the id. */
export function above(id: TxnId, other: Timestamp): Timestamp {
  if (other > id) return other
  return timestampOf({ epoch: epoch(epochOf(id)), hlc: hlc(hlcOf(id) + 1n), node: nodeOf(other) })
}

/** The same time, of another node, and one tick later: above whatever it was above. */
function mintedBy(node: NodeSerial, at: Timestamp): Timestamp {
  return timestampOf({ epoch: epoch(epochOf(at)), hlc: hlc(hlcOf(at) + 1n), node })
}
