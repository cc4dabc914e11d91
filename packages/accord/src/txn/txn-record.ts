/**
 * What one replica knows of one transaction (`protocol.md` 3.1). Values, never mutated once made.
 */

import { BALLOT_ZERO, type Ballot } from '../time/ballot.ts'
import type { Timestamp, TxnId } from '../time/timestamp.ts'
import type { Deps } from './deps.ts'
import type { Keys } from './keys.ts'
import type { Txn } from './txn.ts'

/**
 * A replica's vote, given once. `yes`: witnessedAt is the id; otherwise a fresh later timestamp.
 */
export interface Vote {
  readonly witnessedAt: Timestamp
  readonly yes: boolean
}

/** The value accepted under the highest ballot so far. */
export interface Accepted {
  readonly ballot: Ballot
  readonly value: Timestamp | 'invalid'
}

/**
 * Final; beats every ballot. `deps` undefined means applied here, learned from a state that covers
 * it.
 */
export type Outcome =
  | { readonly kind: 'decided'; readonly executeAt: Timestamp; readonly deps: Deps | undefined }
  | { readonly kind: 'invalidated' }

/** One transaction at one replica. */
export interface TxnRecord {
  readonly id: TxnId
  /** Absent: known only as a dependency, or through Accept. */
  readonly txn: Txn | undefined
  /** Known with txn, Accept or Decided. */
  readonly keys: Keys | undefined
  readonly vote: Vote | undefined
  readonly promised: Ballot
  readonly accepted: Accepted | undefined
  readonly outcome: Outcome | undefined
  readonly applied: boolean
}

/** A record to be stored whole. `txnIsNew`: its payload was not stored before; it is kept apart. */
export interface RecordWrite {
  readonly kind: 'record'
  readonly record: TxnRecord
  readonly txnIsNew: boolean
}

/** The ladder, derived (`protocol.md` 3.2). */
export type Status =
  | 'idOnly'
  | 'preAccepted'
  | 'accepted'
  | 'acceptedInvalid'
  | 'stable'
  | 'applied'
  | 'invalidated'

/** A transaction of which only the id is known. */
export function emptyRecord(id: TxnId): TxnRecord {
  return {
    id,
    txn: undefined,
    keys: undefined,
    vote: undefined,
    promised: BALLOT_ZERO,
    accepted: undefined,
    outcome: undefined,
    applied: false,
  }
}

/** Where the record stands on the ladder. */
export function statusOf(record: TxnRecord): Status {
  if (record.outcome?.kind === 'invalidated') return 'invalidated'
  if (record.outcome !== undefined) return record.applied ? 'applied' : 'stable'
  if (record.accepted !== undefined)
    return record.accepted.value === 'invalid' ? 'acceptedInvalid' : 'accepted'
  return record.vote === undefined ? 'idOnly' : 'preAccepted'
}
