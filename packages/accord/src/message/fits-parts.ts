/**
 * What `fits.ts` says of the parts of messages: why no honest peer sends such a thing, or
 * undefined.
 */

import { unreachable } from '../invariant.ts'
import { isZero, type Ballot } from '../time/ballot.ts'
import { epochOf, nodeOf, type NodeSerial, type Timestamp, type TxnId } from '../time/timestamp.ts'
import type { Deps, Mark } from '../txn/deps.ts'
import { compareKeys, isCanonical, sameKeys, type Keys } from '../txn/keys.ts'
import { isVoter, type MemberEntry } from '../topology/configuration.ts'
import { keysOfTxn, type Txn } from '../txn/txn.ts'
import { DEPS_IDS_MAX, DEPS_MARKS_MAX, HASH_BYTES_MAX, MEMBERS_MAX } from './bounds.ts'
import type { DecidedEntry, EpochEnd, LogEntry, Watermark } from './message.ts'

/** Why not, in one sentence; undefined when there is nothing to say against it. */
export type Reason = string | undefined

/** The voters as the receiver knows them. */
export interface FitsEpochs {
  /** Of one epoch; undefined when the receiver does not know it. */
  votersOf(epoch: number): readonly NodeSerial[] | undefined
}

/** Whether the node is known not to vote in that epoch. */
function isStranger(node: NodeSerial, epoch: number, epochs: FitsEpochs): boolean {
  return epochs.votersOf(epoch)?.includes(node) === false
}

/** What can only come from a member comes from one, as far as the epoch is known. */
export function senderFits(from: NodeSerial, id: TxnId, epochs: FitsEpochs): Reason {
  if (!isStranger(from, epochOf(id), epochs)) return undefined
  return 'the sender is not a member of the epoch'
}

/** An id is of an epoch, and a member of that epoch minted it, as far as the epoch is known. */
export function idFits(id: TxnId, epochs: FitsEpochs): Reason {
  const epoch = epochOf(id)
  if (epoch === 0) return 'an id of no epoch'
  if (isStranger(nodeOf(id), epoch, epochs)) return 'an id of a node that is not a member'
  return undefined
}

/** A place proposed for a transaction is of its epoch, and not below its id. */
export function placeFits(at: Timestamp, id: TxnId): Reason {
  if (at < id) return 'a place below the id'
  if (epochOf(at) !== epochOf(id)) return 'a place of another epoch than the id'
  return undefined
}

/**
 * A ballot under which the sender itself proposes: its own, and ZERO only where a coordinator may.
 */
export function proposerFits(ballot: Ballot, from: NodeSerial): Reason {
  if (ballot.round === 0) return 'a ballot of round 0 that belongs to nobody'
  return ballot.node === from ? undefined : 'a ballot of another node than the sender'
}

/** A ballot of somebody: ZERO, or of a member, as far as the epoch is known. */
export function ballotFits(ballot: Ballot, id: TxnId, epochs: FitsEpochs): Reason {
  if (isZero(ballot)) return undefined
  if (ballot.round === 0) return 'a ballot of round 0 that belongs to nobody'
  if (isStranger(ballot.node, epochOf(id), epochs)) return 'a ballot of a node that is not a member'
  return undefined
}

/** A sorted set of 1 to 1024 keys, or all. */
export function keysFit(keys: Keys): Reason {
  return isCanonical(keys) ? undefined : 'keys that are not a sorted set'
}

/** What the deps are of. `below`: what ids and marks must be below, where it is known. */
export interface DepsBounds {
  readonly self: TxnId
  readonly below?: Timestamp
}

/**
 * Rising ids of the transaction's epoch, and canonical marks, all below the bound; not the
 * transaction itself.
 */
export function depsFit(deps: Deps, bounds: DepsBounds, epochs: FitsEpochs): Reason {
  const last = deps.ids.at(-1)
  if (last !== undefined && bounds.below !== undefined && last >= bounds.below) {
    return 'deps at or above their bound'
  }
  if (deps.ids.includes(bounds.self)) return 'deps that name the transaction itself'
  return risingIdsFit(deps.ids, epochOf(bounds.self), epochs) ?? marksFit(deps.marks, bounds.below)
}

/** Deps of no transaction: of a read. Rising ids of one epoch, and canonical marks. */
export function readDepsFit(deps: Deps, epochs: FitsEpochs): Reason {
  const first = deps.ids[0]
  const reason = first === undefined ? undefined : risingIdsFit(deps.ids, epochOf(first), epochs)
  return reason ?? marksFit(deps.marks, undefined)
}

/**
 * Ids that rise strictly, all of this epoch, minted by its members as far as the epoch is known.
 */
function risingIdsFit(ids: readonly TxnId[], epoch: number, epochs: FitsEpochs): Reason {
  if (ids.length > DEPS_IDS_MAX) return 'too many ids'
  if (epoch === 0) return 'an id of no epoch'
  const voters = epochs.votersOf(epoch)
  let before: TxnId | undefined
  for (const id of ids) {
    if (before !== undefined && id <= before) return 'ids that do not rise'
    if (voters?.includes(nodeOf(id)) === false) {
      return 'an id of a node that is not a member'
    }
    before = id
  }
  const first = ids[0]
  if (first === undefined || before === undefined) return undefined
  // Those between lie between: they rise.
  return epochOf(first) === epoch && epochOf(before) === epoch ? undefined : 'deps of another epoch'
}

/**
 * `'all'` first, then rising keys, one mark each, above the `'all'` mark; below `below` where
 * given.
 */
export function marksFit(marks: readonly Mark[], below: Timestamp | undefined): Reason {
  if (marks.length > DEPS_MARKS_MAX) return 'too many marks'
  let before: Mark | undefined
  let all: Mark | undefined
  for (const mark of marks) {
    if (epochOf(mark.id) === 0) return 'a mark of no epoch'
    const reason = placeFits(mark.at, mark.id)
    if (reason !== undefined) return `a mark: ${reason}`
    if (below !== undefined && mark.at >= below) return 'a mark at or above its bound'
    if (mark.key === 'all') {
      if (before !== undefined) return 'marks out of order'
      all = mark
    } else {
      if (before !== undefined && before.key !== 'all' && compareKeys(before.key, mark.key) >= 0) {
        return 'marks out of order'
      }
      if (all !== undefined && mark.at <= all.at) return 'a mark that the mark of all implies'
    }
    before = mark
  }
  return undefined
}

/** What the transaction says of itself, and that it is the one of this id. */
export function txnFits(txn: Txn, id: TxnId): Reason {
  switch (txn.kind) {
    case 'application':
      if (!isCanonical(txn.keys)) return 'keys that are not a sorted set'
      return hashFits(txn.digest)
    case 'barrier':
      if (epochOf(txn.closedBefore) === 0) return 'a barrier of no epoch'
      return txn.closedBefore < id ? undefined : 'a barrier that closes its own id'
    case 'reconfig':
      return membersFit(txn.members)
    default:
      return unreachable(txn)
  }
}

/** A transaction that may be absent, beside keys that may be absent: they say the same. */
export function txnAndKeysFit(txn: Txn | undefined, keys: Keys | undefined, id: TxnId): Reason {
  const reason = keys === undefined ? undefined : keysFit(keys)
  if (reason !== undefined || txn === undefined) return reason
  if (keys !== undefined && !sameKeys(keys, keysOfTxn(txn)))
    return 'keys that are not those of its transaction'
  return txnFits(txn, id)
}

/** 1 to 64 members, each once. */
export function membersFit(members: readonly MemberEntry[]): Reason {
  if (members.length === 0 || members.length > MEMBERS_MAX) return 'not 1 to 64 members'
  const serials = new Set(members.map((member) => member.serial))
  return serials.size === members.length ? undefined : 'a member named twice'
}

/** A hash or digest of 1 to 64 bytes. */
export function hashFits(hash: Uint8Array): Reason {
  return hash.length >= 1 && hash.length <= HASH_BYTES_MAX
    ? undefined
    : 'a hash that is not 1 to 64 bytes'
}

/** Chain heads are both there, or both empty before the first entry. */
export function watermarkFits(watermark: Watermark): Reason {
  const { txnHash, execHash } = watermark
  if (txnHash.length === 0 && execHash.length === 0) {
    return watermark.position === 0n ? undefined : 'a position without hashes'
  }
  return hashFits(txnHash) ?? hashFits(execHash)
}

/** A decided transaction as floors and ends of epochs list it. */
export function decidedEntryFits(entry: DecidedEntry): Reason {
  if (epochOf(entry.id) === 0) return 'an id of no epoch'
  return placeFits(entry.executeAt, entry.id) ?? keysFit(entry.keys)
}

/** The end of an epoch speaks of that epoch alone. */
export function epochEndFits(end: EpochEnd): Reason {
  if (epochOf(end.reconfig.id) !== end.epoch) return 'an end of an epoch by an id of another'
  const reason = placeFits(end.reconfig.executeAt, end.reconfig.id) ?? membersFit(end.members)
  if (reason !== undefined) return reason
  if (end.epoch >= 0xffff) return 'an end of the last epoch'
  if (!end.members.some(isVoter)) return 'members without a voter'
  return tailFits(end)
}

/** The last transaction that conflicts with everything, then what stands above it, rising. */
function tailFits({ epoch, tail, reconfig }: EpochEnd): Reason {
  if (tail[0]?.keys !== 'all' || tail[0].executeAt < reconfig.executeAt) {
    return 'a tail that does not begin with what conflicts with everything'
  }
  let before: DecidedEntry | undefined
  for (const entry of tail) {
    if (epochOf(entry.id) !== epoch) return 'a tail of another epoch'
    const reason = decidedEntryFits(entry)
    if (reason !== undefined) return reason
    if (before !== undefined && (entry.keys === 'all' || entry.executeAt <= before.executeAt)) {
      return 'a tail that does not rise'
    }
    before = entry
  }
  return undefined
}

/** Marks below its place and no ids; the watermark after it. */
export function logEntryFits(entry: LogEntry, epochs: FitsEpochs): Reason {
  if (entry.deps.ids.length > 0) return 'a log entry whose deps name ids'
  if (entry.watermark.executeAt !== entry.executeAt)
    return 'a log entry with the watermark of another'
  return (
    idFits(entry.id, epochs) ??
    placeFits(entry.executeAt, entry.id) ??
    marksFit(entry.deps.marks, entry.executeAt) ??
    txnFits(entry.txn, entry.id) ??
    hashFits(entry.watermark.txnHash) ??
    hashFits(entry.watermark.execHash)
  )
}
