/** The limits and timeouts of a replica, each with its unit, checked once. */

import { millis, type Bytes, type Millis } from './brand.ts'
import { ALL_FEATURES, type FeatureSet } from './topology/features.ts'

/** When PreAccepts are put in the order of their ids before votes are cast. */
export type ReorderMode = 'off' | 'adaptive' | 'on'

/** All but seed and digest have defaults; the digest function must be the same on all nodes. */
export interface ReplicaOptions {
  /** Everything the replica leaves to chance comes from here. */
  readonly seed: bigint
  /** Of a payload, 1 … 64 bytes, the same function on all nodes. */
  readonly digest: (payload: Bytes) => Bytes
  /** Silence after which others finish a transaction (seeded jitter on top). Default 500. */
  readonly recoverAfterMs?: number
  /** Between heartbeats. Default 100. */
  readonly heartbeatMs?: number
  /** Heartbeats missed until a peer is suspected. Default 3. */
  readonly heartbeatsMissedMax?: number
  /**
   * The longest wait for a fast quorum once a slow one has answered. Default 50 (LAN); 250 for a
   * WAN.
   */
  readonly patienceMaxMs?: number
  /**
   * The reorder buffer (`protocol.md` 11): whether PreAccepts wait for earlier ones of farther
   * coordinators. `adaptive`: while more than 1 to 5 % of the votes here are no. Default `off`.
   */
  readonly reorder?: ReorderMode
  /** The longest such wait: about one way to the farthest. Default 2 (LAN); 80 for a WAN. */
  readonly reorderWaitMaxMs?: number
  /** A TxnId further in the future is refused. Default 1000. */
  readonly clockDriftMaxMs?: number
  /** Own undecided transactions. Default 64. */
  readonly ownUndecidedMax?: number
  /** Recoveries led at once. Default 32. */
  readonly recoveriesMax?: number
  /** Decided or invalidated records kept in memory beside the unapplied ones. Default 1024. */
  readonly recordsCachedMax?: number
  /** Transactions in one chunk of catch-up. Default 256, about 1 MiB at most. */
  readonly chunkEntriesMax?: number
  /**
   * Whether every application transaction carries one and the same key, so that the order is total:
   * catch-up then starts at the last applied transaction, else at the last one that conflicts with
   * everything. Default true.
   */
  readonly singleKey?: boolean
  /** Features that are not held back. Default all of this build. */
  readonly offers?: FeatureSet
  /**
   * What is decided is closed this often, if anything was applied meanwhile (`protocol.md` 8.1).
   * Default 5000.
   */
  readonly floorIntervalMs?: number
  /**
   * A learner that has been caught up for so long becomes a voter (ADR 0029); 0: never by itself.
   * Default 5000.
   */
  readonly promoteAfterMs?: number
  /** Or after so many transactions, though at most ten times in an interval. Default 4096. */
  readonly floorRecords?: number
  /**
   * Only ids older than this are closed: several delays of a recovery, or closing drives what would
   * have ended by itself. Default 2000.
   */
  readonly closeLagMs?: number
  /**
   * The log keeps at least so many of the last entries, and drops older ones once every member has
   * them. Default: all are kept.
   */
  readonly retainEntries?: number
  /**
   * And at most so many for a member that is behind: one that lacks more is stale, it will need a
   * snapshot. Default: no bound; only with `retainEntries`, and not below it.
   */
  readonly retainEntriesMax?: number
  /** A member silent for so long is stale as well. Default 3,600,000; only with `retainEntries`. */
  readonly staleAfterMs?: number
  /**
   * A peer that is so many entries behind is offered a snapshot though the log has what it lacks.
   * Default: never.
   */
  readonly snapshotLeadMin?: bigint
}

/** Complete and checked. */
export interface Limits {
  readonly seed: bigint
  readonly digest: (payload: Bytes) => Bytes
  readonly recoverAfterMs: Millis
  readonly heartbeatMs: Millis
  readonly heartbeatsMissedMax: number
  readonly patienceMaxMs: Millis
  readonly reorder: ReorderMode
  readonly reorderWaitMaxMs: number
  readonly clockDriftMaxNanos: bigint
  readonly ownUndecidedMax: number
  readonly recoveriesMax: number
  readonly recordsCachedMax: number
  readonly chunkEntriesMax: number
  readonly singleKey: boolean
  readonly offers: FeatureSet
  readonly floorIntervalMs: Millis
  readonly promoteAfterMs: Millis
  readonly floorRecords: number
  readonly closeLagMs: Millis
  readonly retainEntries: number | undefined
  readonly retainEntriesMax: number | undefined
  readonly staleAfterMs: Millis
  readonly snapshotLeadMin: bigint
}

/** More entries than any log has. */
const NEVER = 2n ** 64n

/** Fills in the defaults. Throws a RangeError for what is not a whole number in its range. */
export function parseReplicaOptions(options: ReplicaOptions): Limits {
  const count = (name: string, value: number | undefined, byDefault: number, min = 1): number => {
    const chosen = value ?? byDefault
    if (!Number.isSafeInteger(chosen) || chosen < min)
      throw new RangeError(`${name}: not a whole number of ${min} or more`)
    return chosen
  }
  return {
    seed: options.seed,
    digest: options.digest,
    recoverAfterMs: millis(count('recoverAfterMs', options.recoverAfterMs, 500)),
    heartbeatMs: millis(count('heartbeatMs', options.heartbeatMs, 100)),
    heartbeatsMissedMax: count('heartbeatsMissedMax', options.heartbeatsMissedMax, 3),
    patienceMaxMs: millis(count('patienceMaxMs', options.patienceMaxMs, 50, 0)),
    reorder: options.reorder ?? 'off',
    reorderWaitMaxMs: count('reorderWaitMaxMs', options.reorderWaitMaxMs, 2, 0),
    clockDriftMaxNanos:
      BigInt(count('clockDriftMaxMs', options.clockDriftMaxMs, 1000)) * 1_000_000n,
    ownUndecidedMax: count('ownUndecidedMax', options.ownUndecidedMax, 64),
    recoveriesMax: count('recoveriesMax', options.recoveriesMax, 32),
    recordsCachedMax: count('recordsCachedMax', options.recordsCachedMax, 1024, 0),
    chunkEntriesMax: count('chunkEntriesMax', options.chunkEntriesMax, 256),
    singleKey: options.singleKey ?? true,
    offers: (options.offers ?? ALL_FEATURES) & ALL_FEATURES,
    promoteAfterMs: millis(count('promoteAfterMs', options.promoteAfterMs, 5_000, 0)),
    floorIntervalMs: millis(count('floorIntervalMs', options.floorIntervalMs, 5_000)),
    floorRecords: count('floorRecords', options.floorRecords, 4_096),
    closeLagMs: millis(count('closeLagMs', options.closeLagMs, 2_000, 0)),
    retainEntries:
      options.retainEntries === undefined
        ? undefined
        : count('retainEntries', options.retainEntries, 0, 0),
    retainEntriesMax:
      options.retainEntriesMax === undefined
        ? undefined
        : count('retainEntriesMax', options.retainEntriesMax, 0, options.retainEntries ?? 0),
    staleAfterMs: millis(count('staleAfterMs', options.staleAfterMs, 3_600_000)),
    snapshotLeadMin: options.snapshotLeadMin ?? NEVER,
  }
}
