/** What a node says about itself: for status pages and health checks, no part of any promise. */

import type { LogPosition } from '../contract/executor.ts'
import type { SnapshotProgress } from '../snapshot/fetch-end.ts'
import type { MemberSpec } from '../options.ts'
import type { DamageReport } from '../repair/damage.ts'

/**
 * `ready` serves everything. `noQuorum`: too few members answer; local reads go on. `blocked`: a
 * transaction names what no executor here handles; it votes and applies nothing. `readOnly`:
 * diverged, removed, or the disk's reserve is touched (`reason` says which). `joining`: it follows
 * as a learner, and has no vote yet. `failed`: stopped for good.
 */
export type NodePhase =
  | 'starting'
  | 'joining'
  | 'ready'
  | 'noQuorum'
  | 'blocked'
  | 'readOnly'
  | 'failed'
  | 'closing'
  | 'closed'

/** A node at a glance. */
export interface NodeStatus {
  readonly phase: NodePhase
  /** One sentence, when the phase is not `ready`. */
  readonly reason?: string
  readonly epoch: number
  /** Beyond the first release, and in use: every member has them. */
  readonly features: readonly string[]
  /** `needed` for a decision, `fast` for one in one round trip; `reachable` counts this node. */
  readonly quorum: {
    readonly voters: number
    readonly needed: number
    readonly fast: number
    readonly reachable: number
  }
  /**
   * Durable here. `time`: agreed, nanoseconds since 1970. `hash`: of the chain, hexadecimal, empty
   * at 0.
   */
  readonly applied: { readonly position: LogPosition; readonly time: bigint; readonly hash: string }
  /**
   * Requests inside transactions not yet answered, and requests waiting: behind them, or to be
   * submitted again. At most `queuedMax` and `transactionsInFlightMax` together.
   */
  readonly inFlight: number
  readonly queued: number
  /** A snapshot that is being taken from another member; absent: none is. */
  readonly catchingUp?: SnapshotProgress
  /** Transactions known here without an outcome, of any coordinator. */
  readonly undecided: number
  readonly oldestUndecidedMs: number
  /**
   * Of consensus (ADR 0025). `closedBefore`: all that was born before this, in nanoseconds since
   * 1970, has its outcome everywhere and was executed here; nothing else is kept of it. `records`:
   * of transactions, in memory.
   */
  readonly consensus: {
    readonly floor: bigint
    readonly closedBefore: bigint
    readonly records: number
  }
  /** What the scrubber has read and found; since open. */
  readonly damage: DamageReport
  /** Since open. Decisions of this node by path; `invalidated` too. `submitted` counts requests. */
  readonly counters: {
    readonly submitted: bigint
    readonly fastPath: bigint
    readonly slowPath: bigint
    readonly recovered: bigint
    readonly invalidated: bigint
    /**
     * Frames of peers that could not be decoded, and messages the core refused: they changed
     * nothing.
     */
    readonly rejectedFrames: bigint
    readonly rejectedMessages: bigint
  }
}

/** A member of the open epoch, as this node knows it. */
export interface Member extends Omit<MemberSpec, 'role'> {
  /** A learner follows and has no vote: it gets one once it has caught up. */
  readonly role: 'voter' | 'learner'
  readonly serial: number
  /** `joining`: a learner. `leaving`: a learner is to take its place. */
  readonly state: 'active' | 'joining' | 'leaving'
  /** The first epoch with it that this node still knows of. */
  readonly sinceEpoch: number
  /** This node itself: true. */
  readonly reachable: boolean
  /** Absent until measured. */
  readonly rttMs?: number
  readonly clockOffsetMs?: number
  readonly applied?: LogPosition
  /** Behind the farthest member known here. */
  readonly lagTransactions?: bigint
  /** The log here is no longer kept for it (`retain`): it may need a snapshot. */
  readonly stale?: true
}

/** Quorum sizes of n members (`protocol.md` 2.1). */
export function quorumOf(voters: number): {
  readonly voters: number
  readonly needed: number
  readonly fast: number
} {
  const f = Math.floor((voters - 1) / 2)
  return {
    voters,
    needed: Math.floor(voters / 2) + 1,
    fast: Math.max(Math.floor(voters / 2) + 1, 2 * f),
  }
}
