/** All that a replica can ask for, with the ordering promise of each. */

import type { Bytes, ReadyId } from './brand.ts'
import type { Mutation, ReadId, SubmissionId } from './input.ts'
import type { DecidedEntry, EpochEnd, Envelope, LogEntry, Watermark } from './message/message.ts'
import type { Epoch, Hlc, NodeSerial, Timestamp, TxnId } from './time/timestamp.ts'
import type { Feature, StoredFeatures } from './topology/features.ts'
import type { Mark } from './txn/deps.ts'
import type { Configuration, MemberEntry } from './topology/configuration.ts'
import type { FloorState } from './txn/floors.ts'
import type { Txn } from './txn/txn.ts'
import type { RecordWrite, Status, TxnRecord } from './txn/txn-record.ts'

/**
 * Everything accumulated since the last drain. The driver takes one at a time: it posts `send`,
 * runs `execute`, gives `answers`, writes `writes` as one atomic write, posts `sendAfterStore` once
 * that is durable, steps `stored`, and only then drains the next. Every list is in order.
 */
export interface Ready {
  readonly id: ReadyId
  /** Promise nothing that is not already durable: post at once. */
  readonly send: readonly Envelope[]
  /** One atomic write, possibly empty. */
  readonly writes: readonly Write[]
  /** State something that is in `writes`, here or earlier: post once they are durable. */
  readonly sendAfterStore: readonly Envelope[]
  /** May run now, in this order, one at a time; their decisions are durable. */
  readonly execute: readonly Execution[]
  /** May be given now; what they state is durable. */
  readonly answers: readonly Answer[]
  /** May be given now: the state that a `ready` read may see is durable (ADR 0027). */
  readonly reads: readonly ReadAnswer[]
  /** What happened, for counters, logs and checkers. States nothing that others may rely on. */
  readonly notices: readonly Notice[]
}

/** One part of the atomic write of a Ready. */
export type Write =
  | RecordWrite
  /**
   * An execution: the record that says Applied, its log entry, the marks after it, and the
   * embedder's mutations. In the same atomic write, or the node would execute twice or not at all.
   */
  | {
      readonly kind: 'applied'
      readonly record: TxnRecord
      readonly entry: LogEntry
      readonly marks: Marks
      readonly mutations: readonly Mutation[]
      /** Of a Barrier: both bounds from here on (`protocol.md` 8.1). */
      readonly closing?: FloorState | undefined
      /** Of a Reconfig that took effect: it ends its epoch. Void once the next epoch is open. */
      readonly reconfig?: PendingReconfig | undefined
    }
  /**
   * How an epoch ended, and the configuration of the next one where that opens here. What is stored
   * of epochs below `keptFrom` may go.
   */
  | {
      readonly kind: 'epochEnd'
      readonly end: EpochEnd
      readonly opens: Configuration | undefined
      readonly keptFrom: number
    }
  /**
   * All records with ids below this are erased: ids, votes, ballots, deps, payloads that are not in
   * the log. They are few hundred at most, for `reader.recordsBelow` said so of the durable state.
   */
  | { readonly kind: 'truncated'; readonly below: Timestamp }
  /**
   * The log begins behind this: entries and places at and below it go, few hundred at most, and it
   * is kept as where the history starts.
   */
  | { readonly kind: 'logTruncated'; readonly base: Watermark }
  /** Small facts of the node, each replacing the one before of its kind. */
  | { readonly kind: 'hlcReserve'; readonly hlc: Hlc }
  | { readonly kind: 'floor'; readonly floor: Timestamp }
  /** Both bounds, of an epoch that is finished here (`protocol.md` 10.4). */
  | { readonly kind: 'closed'; readonly floors: FloorState }
  | { readonly kind: 'durableSeq'; readonly seq: bigint }
  | { readonly kind: 'admitted' }
  | { readonly kind: 'peer'; readonly peer: PeerIdentity }
  /** A build that lacks one of `requires` must refuse the store from here on. */
  | { readonly kind: 'features'; readonly features: StoredFeatures }
  /** Results differ from a majority's from here on: it holds until a snapshot repairs it (7.6). */
  | { readonly kind: 'diverged'; readonly position: bigint }

/**
 * How the applied marks change: an `'all'` mark clears every other; else the marks of these keys
 * are replaced.
 */
export type Marks = readonly Mark[]

/** A Reconfig that was executed with effect (`protocol.md` 10.2). */
export interface PendingReconfig {
  readonly id: TxnId
  readonly executeAt: Timestamp
  readonly members: readonly MemberEntry[]
}

/** What is durably known of a peer's store (`protocol.md` 3.5). */
export interface PeerIdentity {
  readonly serial: NodeSerial
  readonly storeId: Bytes
  readonly durableSeq: bigint
}

/**
 * An order to execute. Given once in a process; after a restart again, if it was not stored as
 * applied.
 */
export interface Execution {
  readonly id: TxnId
  readonly executeAt: Timestamp
  readonly txn: Txn
}

/** Of a submission, exactly one. */
export type Answer =
  /** Executed here and durable: the driver has the outcome of each request from its execution. */
  | {
      readonly kind: 'settled'
      readonly submission: SubmissionId
      readonly id: TxnId
      readonly executeAt: Timestamp
    }
  /** It never happened and never will: its requests may be submitted again. */
  | { readonly kind: 'invalidated'; readonly submission: SubmissionId; readonly id: TxnId }
  /** No TxnId was made. */
  | {
      readonly kind: 'refused'
      readonly submission: SubmissionId
      readonly reason: RefusedSubmission
    }
  /**
   * The Reconfig was executed here and is durable. Without `failure` the epoch closes now, and the
   * notice `configuration` says when the next one is open; with it nothing changes, here or
   * elsewhere.
   */
  | {
      readonly kind: 'reconfigured'
      readonly submission: SubmissionId
      readonly id: TxnId
      readonly executeAt: Timestamp
      readonly failure: ReconfigFailure | undefined
    }
  /** Its effect is in the state, learned from a snapshot: ask the request memory. */
  | { readonly kind: 'covered'; readonly submission: SubmissionId; readonly id: TxnId }

/**
 * Why nothing was begun. `busy`: at a bound, try again. `notReady`: its store is not admitted yet.
 * `stopped`: it has diverged. `learner`, `removed`: not a voter of the open epoch. `noQuorum`: the
 * change would leave no quorum that is reachable and caught up; `force` overrides. `unknownStore`:
 * a new voter was never heard of. `unsupported`: a member runs a version without changes of
 * membership. `malformed`: it has no voter, more than 64 members, or one twice. `epochOver`: it
 * expects another epoch than the open one.
 */
export type RefusedSubmission =
  | 'busy'
  | 'notReady'
  | 'stopped'
  | 'learner'
  | 'removed'
  | 'noQuorum'
  | 'unknownStore'
  | 'unsupported'
  | 'malformed'
  | 'epochOver'

/**
 * Why an executed Reconfig changes nothing, alike everywhere (`protocol.md` 10.2). `epochOver`: it
 * expects another epoch. `pending`: an earlier one of this epoch has been executed. `serialUsed`: a
 * new member has a serial that was given before. `noVoter`. `unknownStore`: a new voter whose store
 * is not named. `lastEpoch`: 65535.
 */
export type ReconfigFailure =
  | 'epochOver'
  | 'pending'
  | 'serialUsed'
  | 'noVoter'
  | 'unknownStore'
  | 'lastEpoch'

/** Of a read, exactly one. */
export type ReadAnswer =
  /**
   * The durable state here holds everything with its keys that was answered anywhere before the
   * read began, and everything that a read which was answered before it began could see.
   */
  | { readonly kind: 'ready'; readonly read: ReadId }
  /**
   * Nothing was begun. `busy`: too many reads wait; `stopped`: this node diverged; `unsupported`: a
   * member does not know how yet, so a transaction must serve as the read.
   */
  | {
      readonly kind: 'refused'
      readonly read: ReadId
      readonly reason: 'busy' | 'stopped' | 'unsupported'
    }

/** How a decision was reached at the node that made it. */
export type Path = 'fast' | 'slow' | 'recovered'

/** Something that happened. */
export type Notice =
  | { readonly kind: 'submitted'; readonly id: TxnId; readonly submission: SubmissionId }
  /** This node made the decision. */
  | {
      readonly kind: 'decided'
      readonly id: TxnId
      readonly path: Path
      readonly executeAt: Timestamp
    }
  /** This node ordered a Reconfig that nobody here submitted: a promotion (ADR 0029). */
  | { readonly kind: 'reconfiguring'; readonly id: TxnId }
  /** This node made the decision that it never happens. */
  | { readonly kind: 'invalidated'; readonly id: TxnId }
  | {
      readonly kind: 'applied'
      readonly id: TxnId
      readonly executeAt: Timestamp
      readonly watermark: Watermark
    }
  /** This node began to recover it, in this state; `own`: it had coordinated it. */
  | {
      readonly kind: 'recovering'
      readonly id: TxnId
      readonly status: Status
      readonly own: boolean
    }
  /** What the recovery proposed: the id, another timestamp, a value accepted before, or never. */
  | {
      readonly kind: 'reproposed'
      readonly id: TxnId
      readonly what: 'id' | 'later' | 'accepted' | 'invalid'
    }
  /** A higher ballot ended this node's round. */
  | { readonly kind: 'preempted'; readonly id: TxnId }
  | { readonly kind: 'suspected'; readonly peer: NodeSerial; readonly suspected: boolean }
  /** The log here is no longer kept for that member (`protocol.md` 8.5), or again. */
  | { readonly kind: 'stale'; readonly peer: NodeSerial; readonly stale: boolean }
  | { readonly kind: 'caughtUp'; readonly from: NodeSerial; readonly entries: number }
  /**
   * Said by the driver: this replica took the place of another in the same process, with the state
   * of a snapshot, or without when none was needed any more.
   */
  | { readonly kind: 'restartedInPlace'; readonly installed: Watermark | undefined }
  /** What this node lacks is no longer in that peer's log: it needs a snapshot (8.4). */
  | { readonly kind: 'snapshotWanted'; readonly from: NodeSerial; readonly position: bigint }
  | {
      readonly kind: 'refusedByPeer'
      readonly id: TxnId
      readonly peer: NodeSerial
      readonly reason: string
    }
  /** A message that no honest peer sends, or of an identity we do not trust. It changed nothing. */
  | { readonly kind: 'rejected'; readonly from: NodeSerial; readonly what: string }
  | { readonly kind: 'clockOffset'; readonly peer: NodeSerial; readonly offsetMs: number }
  /** This node's results differ from a majority's: it stops applying and keeps voting. */
  | {
      readonly kind: 'diverged'
      readonly position: bigint
      readonly mine: Bytes
      readonly majority: Bytes | undefined
    }
  /** This node ordered a Barrier: a floor holds at q members, and all below it is decided. */
  | { readonly kind: 'barrier'; readonly id: TxnId; readonly closedBefore: Timestamp }
  /** A condition after which the node must stop at once (`code` as in `SyneviError`). */
  | {
      readonly kind: 'fatal'
      readonly code: 'AMNESIA' | 'NODE_FAILED' | 'DIVERGED'
      readonly why: string
    }
  /**
   * From here on it votes and coordinates: its store is known to a quorum, or is a cluster of one.
   */
  | { readonly kind: 'admitted' }
  /**
   * This epoch is open here from now on. Connect to its members; keep the connections to those it
   * leaves out as long as they are open, for they may have a duty left (`protocol.md` 10.3 E).
   */
  | { readonly kind: 'configuration'; readonly configuration: Configuration }
  /** Every transaction of this epoch is executed here (`protocol.md` 10.4). */
  | { readonly kind: 'epochFinished'; readonly epoch: Epoch }
  /**
   * The open epoch is without this node: it refuses submissions with `removed` and never votes
   * again. `mayStop`: nobody needs it any more, which is said apart, and later if at all.
   */
  | { readonly kind: 'removed'; readonly epoch: Epoch; readonly mayStop: boolean }
  /** What may be used from here on, beside what was before. */
  | { readonly kind: 'enabled'; readonly features: readonly Feature[] }
  /** A peer knows no message of this tag. */
  | { readonly kind: 'unsupported'; readonly peer: NodeSerial; readonly tag: number }
  /** Something a simulator counts. */
  | { readonly kind: 'event'; readonly name: string; readonly id?: TxnId }

/** What the core may ask the world, synchronously and purely: what it wrote and no longer holds. */
export interface RecordReader {
  /** As last stored, or undefined. */
  record(id: TxnId): TxnRecord | undefined
  /**
   * Applied transactions with executeAt above `since`, in that order, at most `countMax` or about
   * `bytesMax`.
   */
  entriesAfter(
    since: Timestamp,
    countMax: number,
    bytesMax: number,
  ): { entries: readonly LogEntry[]; more: boolean }
  /**
   * Chain heads after the transaction that holds this position as its last; undefined when not in
   * the log.
   */
  watermarkAt(position: bigint): Watermark | undefined
  /**
   * Entries with executeAt at or below this are not in the log here: truncated, or from before a
   * snapshot. TIMESTAMP_ZERO when it is whole.
   */
  logStart(): Timestamp
  /** That of the log entry at this place in the order; undefined when there is none. */
  watermarkOf(executeAt: Timestamp): Watermark | undefined
  /**
   * The watermark of the last of the oldest log entries, `countMax` at most, whose position is not
   * above `through` and whose executeAt is below `below`; undefined when there are none.
   */
  logSlice(
    bounds: { readonly through: bigint; readonly below: Timestamp },
    countMax: number,
  ): Watermark | undefined
  /** The oldest position in the log, 0 when empty. */
  oldestPosition(): bigint
  /** Every decided record with executeAt above `since`, applied or not, in the order of ids. */
  decidedAfter(since: Timestamp): readonly DecidedEntry[]
  /**
   * A bound at or below `below` with records below it, `countMax` at most; undefined when there are
   * none.
   */
  recordsBelow(below: Timestamp, countMax: number): Timestamp | undefined
}

/** The configuration of the open epoch. Throws a RangeError for a store without any. */
export function openConfiguration(durable: Pick<DurableState, 'configurations'>): Configuration {
  const open = durable.configurations.at(-1)
  if (open === undefined) throw new RangeError('a store without a configuration')
  return open
}

/** What a store holds of epochs. */
export interface EpochFacts {
  /** Of the epochs still needed, in their order; the last one is open. */
  readonly configurations: readonly Configuration[]
  /** The Reconfig that ends the open epoch, if it was executed. */
  readonly pending: PendingReconfig | undefined
  /** In the order of epochs. */
  readonly ends: readonly EpochEnd[]
}

/** What a store holds of epochs after a write that changes it. */
export function epochFactsAfter(
  facts: EpochFacts,
  write: (Write & { kind: 'epochEnd' }) | PendingReconfig,
): EpochFacts {
  if (!('kind' in write)) return { ...facts, pending: write }
  const { end, opens, keptFrom } = write
  const ends = [...facts.ends.filter((each) => each.epoch !== end.epoch), end]
  const configurations = facts.configurations.filter((each) => each.epoch >= keptFrom)
  return {
    configurations: opens === undefined ? facts.configurations : [...configurations, opens],
    pending: opens === undefined ? facts.pending : undefined,
    ends: ends.filter((each) => each.epoch >= keptFrom).sort((a, b) => a.epoch - b.epoch),
  }
}

/** What a store held when the node opened: enough for a replica to go on. */
export interface DurableState extends EpochFacts {
  readonly storeId: Bytes
  /** The number of durable writes so far, as stored. */
  readonly durableSeq: bigint
  readonly hlcReserve: Hlc
  /** Whether the store was accepted by a quorum once. */
  readonly admitted: boolean
  readonly features: StoredFeatures
  readonly peers: readonly PeerIdentity[]
  /** Every record that is neither applied nor invalidated. */
  readonly live: readonly TxnRecord[]
  /** The last applied transaction for `'all'` and for each key since. */
  readonly marks: readonly Mark[]
  readonly applied: Watermark
  /** Both zero in a store that never held any. */
  readonly floors: FloorState
  /** Where its results were found to differ from a majority's; nothing has repaired it since. */
  readonly divergedAt?: bigint | undefined
}
