/** Everything one node says to another (`protocol.md` 4.1). */

import type { Bytes, Millis } from '../brand.ts'
import type { Ballot } from '../time/ballot.ts'
import type { Epoch, NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import type { FeatureClaims } from '../topology/features.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import type { Txn } from '../txn/txn.ts'
import type { Accepted, Vote } from '../txn/txn-record.ts'

/** A new transaction, from its coordinator. The only message that always carries the payload. */
export interface PreAccept {
  readonly kind: 'preAccept'
  readonly id: TxnId
  readonly txn: Txn
}
/** A vote. `deps` exactly when it is a yes (`witnessedAt` is the id). */
export interface PreAcceptOk {
  readonly kind: 'preAcceptOk'
  readonly id: TxnId
  readonly witnessedAt: Timestamp
  readonly deps: Deps | undefined
}
/** Why a replica casts no vote now. Refusing is always safe. */
export type RefusedReason = 'belowFloor' | 'epochClosing' | 'tooFarAhead' | 'busy'
/** No vote was cast and nothing stored. */
export interface Refused {
  readonly kind: 'refused'
  readonly id: TxnId
  readonly reason: RefusedReason
}
/** Proposes `executeAt` under a ballot. */
export interface Accept {
  readonly kind: 'accept'
  readonly ballot: Ballot
  readonly id: TxnId
  readonly keys: Keys
  readonly executeAt: Timestamp
}
/**
 * `deps` undefined: covered, the replier has applied something conflicting at or above executeAt.
 */
export interface AcceptOk {
  readonly kind: 'acceptOk'
  readonly id: TxnId
  readonly ballot: Ballot
  readonly deps: Deps | undefined
}
/** Proposes that the transaction never happens. */
export interface AcceptInvalid {
  readonly kind: 'acceptInvalid'
  readonly ballot: Ballot
  readonly id: TxnId
}
/** Accepted, durably. */
export interface AcceptInvalidOk {
  readonly kind: 'acceptInvalidOk'
  readonly id: TxnId
  readonly ballot: Ballot
}
/** Asks for a promise and all that is known. `txn` when the recoverer holds it. */
export interface Recover {
  readonly kind: 'recover'
  readonly ballot: Ballot
  readonly id: TxnId
  readonly txn: Txn | undefined
}
/** The promise, durable, and all that the replica knows. */
export interface RecoverOk {
  readonly kind: 'recoverOk'
  readonly id: TxnId
  readonly ballot: Ballot
  readonly vote: Vote | undefined
  readonly accepted: Accepted | undefined
  readonly keys: Keys | undefined
  /** The replica would not witness it: below its floor, or too far ahead. */
  readonly refused: boolean
  /** Exactly when the recoverer sent none and the replica holds it. */
  readonly txn: Txn | undefined
}
/** A higher ballot was promised here. */
export interface Nack {
  readonly kind: 'nack'
  readonly id: TxnId
  readonly promised: Ballot
}
/**
 * The answer of one who knows the outcome. Without deps: applied there, deps never learned. `txn`
 * when asked for and held.
 */
export interface Decided {
  readonly kind: 'decided'
  readonly id: TxnId
  readonly keys: Keys
  readonly executeAt: Timestamp
  readonly deps: Deps | undefined
  readonly txn: Txn | undefined
}
/** The transaction never happened and never will. An answer, and the announcement of a decision. */
export interface Invalidated {
  readonly kind: 'invalidated'
  readonly id: TxnId
}
/** The id is below `closedBefore` there and nothing else is known of it. */
export interface Truncated {
  readonly kind: 'truncated'
  readonly id: TxnId
  readonly closedBefore: Timestamp
}
/**
 * The message was of an epoch that is not open here. `ends`: those that the sender lacks, or
 * `'snapshot'`.
 */
export interface WrongEpoch {
  readonly kind: 'wrongEpoch'
  readonly open: Epoch
  readonly ends: readonly EpochEnd[] | 'snapshot'
}
/** The decision. `txn` for peers not known to hold it. Never acknowledged. */
export interface Stable {
  readonly kind: 'stable'
  readonly id: TxnId
  readonly keys: Keys
  readonly executeAt: Timestamp
  readonly deps: Deps
  /** Of the payload; empty for system kinds. */
  readonly digest: Bytes
  readonly txn: Txn | undefined
}
/** Asks what is known, changes nothing. At most 256 ids. */
export interface Query {
  readonly kind: 'query'
  readonly ids: readonly TxnId[]
  readonly wantTxn: boolean
}
/**
 * For ids without an outcome here; those with one are answered Decided, Invalidated or Truncated.
 */
export interface QueryOk {
  readonly kind: 'queryOk'
  readonly items: readonly QueryItem[]
}
/** What is known of one id without an outcome. */
export interface QueryItem {
  readonly id: TxnId
  /** `inProgress`: only from the node that drives it; the token changes when there was progress. */
  readonly known: 'inProgress' | 'known' | 'unknown'
  readonly token: number
  readonly txn: Txn | undefined
}
/**
 * Closes ids below `floor` for first witnessing (`protocol.md` 8.1, 10.3). `since` only when an
 * epoch closes.
 */
export interface RaiseFloor {
  readonly kind: 'raiseFloor'
  readonly round: number
  readonly floor: Timestamp
  readonly since: Timestamp | undefined
}
/** A decided transaction without its payload. */
export interface DecidedEntry {
  readonly id: TxnId
  readonly executeAt: Timestamp
  readonly keys: Keys
}
/** The floor is durable; what was witnessed below it and is not finished. */
export interface FloorOk {
  readonly kind: 'floorOk'
  readonly round: number
  readonly undecided: readonly TxnId[]
  readonly decided: readonly DecidedEntry[]
}
/** The end of an epoch (`protocol.md` 10.3): the same value in every run. */
export interface EpochEnd {
  readonly kind: 'epochEnd'
  readonly epoch: Epoch
  readonly reconfig: { readonly id: TxnId; readonly executeAt: Timestamp }
  readonly tail: readonly DecidedEntry[]
  readonly members: readonly MemberEntry[]
}
/** Asks what a linearizable read must see (`protocol.md` 9). */
export interface ReadDeps {
  readonly kind: 'readDeps'
  readonly round: number
  readonly epoch: Epoch
  readonly keys: Keys
}
/** What a read must see applied first. */
export interface ReadDepsOk {
  readonly kind: 'readDepsOk'
  readonly round: number
  readonly deps: Deps
}
/** Reads wait for the next epoch. */
export interface EpochClosing {
  readonly kind: 'epochClosing'
  readonly round: number
}
/** Asks for log entries with executeAt above `since`, in that order. */
export interface CatchUp {
  readonly kind: 'catchUp'
  readonly since: Timestamp
}
/** An applied transaction as the log keeps it. */
export interface LogEntry {
  readonly id: TxnId
  readonly executeAt: Timestamp
  readonly txn: Txn
  /**
   * Marks only, no ids: what had been applied with its keys when it was applied (ADR 0017). Valid
   * deps at every node: nothing conflicting below executeAt that is not at or below a mark was or
   * will be decided.
   */
  readonly deps: Deps
  /** The position of its last entry and the chain heads there. */
  readonly watermark: Watermark
}
/** Entries in the order of executeAt, durable at the sender. */
export interface LogChunk {
  readonly kind: 'logChunk'
  /** That of the request. */
  readonly since: Timestamp
  readonly entries: readonly LogEntry[]
  readonly more: boolean
}
/** The log asked for is gone here; take a snapshot (`protocol.md` 8.4). */
export interface SnapshotOffer {
  readonly kind: 'snapshotOffer'
  readonly position: bigint
  readonly bytes: bigint
  readonly digest: Bytes
}
/**
 * Asks for a part of a snapshot (`protocol.md` 8.4); heard by the driver, not by the replica.
 * `cut`: which; empty: whichever the receiver offers now. Part 0 says what the snapshot is of.
 */
export interface SnapshotFetch {
  readonly kind: 'snapshotFetch'
  /** 16 bytes, or none. */
  readonly cut: Bytes
  readonly part: number
}
/** One part, durable at the sender, of one consistent cut. */
export interface SnapshotPart {
  readonly kind: 'snapshotPart'
  readonly cut: Bytes
  readonly part: number
  /** `'more'`: within a pair, which the next part goes on with. `'last'`: nothing follows. */
  readonly ends: 'pair' | 'more' | 'last'
  /** SHA-256 over the digest of the part before and these bytes. */
  readonly digest: Bytes
  readonly bytes: Bytes
}
/** `unknown`: that cut is no more, ask for another. `unable`: this node gives none at present. */
export interface SnapshotGone {
  readonly kind: 'snapshotGone'
  readonly cut: Bytes
  readonly why: 'unknown' | 'unable'
}
/** How far a node has applied, durably. */
export interface Watermark {
  /** Of the last applied entry, 0 when none: a count of executed requests. */
  readonly position: bigint
  /** Of the last applied transaction. */
  readonly executeAt: Timestamp
  /** Chain heads at `position`; empty when none. */
  readonly txnHash: Bytes
  readonly execHash: Bytes
}
/** What a node does at present, as its peers are told. */
export type NodePhase = 'serving' | 'diverged' | 'blocked' | 'learner' | 'starting'
/** Durable facts, and a ping. Never observed by the clock. */
export interface Heartbeat {
  readonly kind: 'heartbeat'
  /** Drawn when the store was created, 16 bytes. */
  readonly storeId: Bytes
  /** The number of durable writes of that store so far. */
  readonly durableSeq: bigint
  /** The storeId under which the sender knows the receiver; empty when it knows none. */
  readonly knownStoreId: Bytes
  readonly openEpoch: Epoch
  readonly finishedEpoch: number
  readonly floor: Timestamp
  readonly closedBefore: Timestamp
  readonly lastAll: Timestamp
  readonly applied: Watermark
  /** The oldest position still in the log, 0 when the log is empty. */
  readonly oldestPosition: bigint
  readonly wallNanos: bigint
  /** The sender's elapsed clock, for the echo. */
  readonly sentAt: Millis
  /**
   * The `sentAt` of the receiver's last heartbeat, and how long ago it came; undefined when none
   * did.
   */
  readonly echo: { readonly sentAt: Millis; readonly heldMs: Millis } | undefined
  readonly inFlight: number
  readonly phase: NodePhase
  /** From version 2; a peer of version 1 claims none. */
  readonly features: FeatureClaims
}
/**
 * The receiver knows an identity of the sender that its store does not continue (`protocol.md`
 * 3.5).
 */
export interface Amnesia {
  readonly kind: 'amnesia'
  /** What the receiver remembered of the sender. */
  readonly storeId: Bytes
  readonly durableSeq: bigint
}
/** Asks for the chain heads at a position. */
export interface HashAt {
  readonly kind: 'hashAt'
  readonly position: bigint
}
/** Both undefined: not in the log there. */
export interface HashAtOk {
  readonly kind: 'hashAtOk'
  readonly position: bigint
  readonly txnHash: Bytes | undefined
  readonly execHash: Bytes | undefined
}

/**
 * The sender knows no message of this tag, and passed it over. Never answered (from version 2).
 */
export interface Unsupported {
  readonly kind: 'unsupported'
  readonly tag: number
}

/** Everything one node says to another. */
export type Message =
  | PreAccept
  | PreAcceptOk
  | Refused
  | Accept
  | AcceptOk
  | AcceptInvalid
  | AcceptInvalidOk
  | Recover
  | RecoverOk
  | Nack
  | Decided
  | Invalidated
  | Truncated
  | WrongEpoch
  | Stable
  | Query
  | QueryOk
  | RaiseFloor
  | FloorOk
  | EpochEnd
  | ReadDeps
  | ReadDepsOk
  | EpochClosing
  | CatchUp
  | LogChunk
  | SnapshotOffer
  | SnapshotFetch
  | SnapshotPart
  | SnapshotGone
  | Heartbeat
  | Amnesia
  | HashAt
  | HashAtOk
  | Unsupported

/** A message on its way. */
export interface Envelope {
  readonly to: NodeSerial
  readonly message: Message
}
