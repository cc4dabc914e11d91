/**
 * A message that leaves states nothing that is not durable at its sender (`protocol.md` 3.3,
 * 13.1.12).
 */

import {
  compareBallots,
  type Ballot,
  type Message,
  type NodeSerial,
  type TxnId,
  type TxnRecord,
  type Watermark,
} from '@synevi/accord'
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
      return isDecided(store, message)
    case 'invalidated':
      return store.record(message.id)?.outcome?.kind === 'invalidated'
    case 'logChunk':
      return message.entries.every((entry) => store.record(entry.id)?.applied === true)
    case 'heartbeat':
      return (
        sameBytes(message.storeId, store.storeId) &&
        message.durableSeq <= store.durableSeq &&
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
