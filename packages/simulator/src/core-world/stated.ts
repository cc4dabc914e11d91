/**
 * A message that leaves states nothing that is not durable at its sender (`protocol.md` 3.3,
 * 13.1.12).
 */

import {
  compareBallots,
  epochOf,
  openConfiguration,
  type Ballot,
  type EpochEnd,
  type Message,
  type NodeSerial,
  type Timestamp,
  type TxnId,
  type TxnRecord,
  type Watermark,
} from '@synevi/accord'
import { canonical } from './canonical.ts'
import type { DurableStore } from './durable-store.ts'
import { check } from './violation.ts'

/** Throws a Violation when the disk of `self` does not imply what `message` says. */
export function checkStated(self: NodeSerial, store: DurableStore, message: Message): void {
  if (!isStated(store, message)) {
    check(
      false,
      'stated before stored',
      () => `n${self} sent ${message.kind} that its disk does not imply`,
    )
  }
}

function isStated(store: DurableStore, message: Message): boolean {
  switch (message.kind) {
    case 'preAccept': {
      const record = store.record(message.id)
      return record?.vote?.yes === true && record.txn !== undefined
    }
    case 'preAcceptOk':
      return store.record(message.id)?.vote?.witnessedAt === message.witnessedAt
    case 'accept':
      return hasAccepted(store.record(message.id), message.ballot, message.executeAt)
    case 'acceptOk':
      return hasAccepted(store.record(message.id), message.ballot, undefined)
    case 'acceptInvalid':
    case 'acceptInvalidOk':
      return hasAccepted(store.record(message.id), message.ballot, 'invalid')
    case 'recover':
      return hasPromised(store.record(message.id), message.ballot)
    case 'recoverOk':
      return isRecoverOkStated(store, message)
    case 'stable':
    case 'decided':
      return isDecided(store, message) || isErased(store, message.id)
    case 'invalidated':
      return (
        store.record(message.id)?.outcome?.kind === 'invalidated' || isErased(store, message.id)
      )
    case 'truncated':
      return message.closedBefore <= store.floors.closedBefore && message.id < message.closedBefore
    case 'logChunk':
      return message.entries.every((entry) => isApplied(store, entry.id))
    case 'epochEnd':
      return isEndStated(store, message)
    case 'wrongEpoch':
      return message.ends === 'snapshot' || message.ends.every((end) => isEndStated(store, end))
    case 'heartbeat':
      return (
        sameBytes(message.storeId, store.storeId) &&
        message.durableSeq <= store.durableSeq &&
        message.openEpoch <= openConfiguration(store.epochs).epoch &&
        message.finishedEpoch <= Math.max(1, epochOf(store.floors.closedBefore)) - 1 &&
        message.floor <= store.floors.floor &&
        message.closedBefore <= store.floors.closedBefore &&
        message.applied.position <= store.applied.position &&
        (message.features.requires & ~store.features.requires) === 0
      )
    case 'hashAtOk':
      return (
        message.txnHash === undefined ||
        isWatermark(store.watermarkAt(message.position), message.txnHash)
      )
    default:
      return true
  }
}

/**
 * What is closed is erased: an outcome that was said is implied by that, and by the place in the
 * log. That it is the right one, the truth of the run knows.
 */
function isErased(store: DurableStore, id: TxnId): boolean {
  return id < store.floors.closedBefore && store.record(id) === undefined
}

function isApplied(store: DurableStore, id: TxnId): boolean {
  return store.record(id)?.applied === true || isErased(store, id)
}

function isEndStated(store: DurableStore, end: EpochEnd): boolean {
  return store.epochs.ends.some((each) => canonical(each) === canonical(end))
}

function hasPromised(record: TxnRecord | undefined, ballot: Ballot): boolean {
  return (
    record !== undefined &&
    (record.outcome !== undefined || compareBallots(record.promised, ballot) >= 0)
  )
}

/**
 * A later step of the same Ready may have accepted under a higher ballot. `value` undefined: any.
 */
function hasAccepted(
  record: TxnRecord | undefined,
  ballot: Ballot,
  value: TxnId | 'invalid' | undefined,
): boolean {
  if (record?.accepted === undefined) return false
  const order = compareBallots(record.accepted.ballot, ballot)
  return order > 0 || (order === 0 && (value === undefined || record.accepted.value === value))
}

function isRecoverOkStated(store: DurableStore, message: Message & { kind: 'recoverOk' }): boolean {
  const record = store.record(message.id)
  if (record === undefined || !hasPromised(record, message.ballot)) return false
  if (message.vote !== undefined && record.vote?.witnessedAt !== message.vote.witnessedAt)
    return false
  const { accepted } = message
  return accepted === undefined || hasAccepted(record, accepted.ballot, accepted.value)
}

function isDecided(
  store: DurableStore,
  message: Message & { kind: 'stable' | 'decided' },
): boolean {
  const record = store.record(message.id)
  if (record?.outcome?.kind !== 'decided' || record.outcome.executeAt !== message.executeAt)
    return false
  return message.deps !== undefined || record.applied
}

function isWatermark(stored: Watermark | undefined, hash: Uint8Array): boolean {
  return stored !== undefined && sameBytes(stored.txnHash, hash)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/**
 * FloorOk: the floor is durable, and nothing is left out that was witnessed below it and has no
 * outcome on the disk. Throws a Violation otherwise.
 */
export function checkFloorOk(
  self: NodeSerial,
  store: DurableStore,
  answer: { readonly floor: Timestamp; readonly undecided: readonly TxnId[] },
): void {
  const { floor, undecided } = answer
  const { floors } = store
  check(floors.floor >= floor, 'floor', () => `n${self} answers before its floor is durable`)
  const named = new Set(undecided)
  for (const { id, vote, outcome } of store.records()) {
    if (id >= floor || id < floors.closedBefore || outcome !== undefined || named.has(id)) continue
    // What is accepted may be newer than the answer; a vote cannot be.
    check(vote === undefined, 'floor', () => `n${self} leaves ${id} undecided and does not say so`)
  }
}
