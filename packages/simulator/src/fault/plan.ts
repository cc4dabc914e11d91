/**
 * A plan: everything that one run will suffer, drawn beforehand and written down in plain data.
 *
 * A seed means nothing once the draws change; a plan stays what it was (`testing.md` 2.8). Times
 * are microseconds of virtual time, nodes are serials 0 … n-1.
 */

import type { Micros } from '../event-queue.ts'
import type { DiskSpeed } from '../world/disk.ts'
import type { RecordDamage } from '../world/disk-past.ts'
import type { WireConditions } from '../world/network.ts'

/** A directed link cut for a while. */
export interface Cut {
  readonly from: number
  readonly to: number
  readonly at: Micros
  readonly for: Micros
}

/** How a partition looks. */
export const PARTITION_MODES = [
  'oneOut',
  'halves',
  'minority',
  'ring',
  'oneWay',
  'flapping',
  'swizzle',
] as const
/** One of {@link PARTITION_MODES}. */
export type PartitionMode = (typeof PARTITION_MODES)[number]

/** One fault, with its time. */
export type Fault =
  | {
      readonly kind: 'partition'
      readonly mode: PartitionMode
      readonly at: Micros
      readonly cuts: readonly Cut[]
    }
  /** A link is reported lost and found again, and frames pass all the while. */
  | {
      readonly kind: 'misreport'
      readonly at: Micros
      readonly from: number
      readonly to: number
      readonly for: Micros
    }
  /** `backMs`: the wall clock is set back before the restart. */
  | {
      readonly kind: 'kill' | 'power'
      readonly at: Micros
      readonly nodes: readonly number[]
      readonly down: Micros
      readonly backMs?: number
    }
  /** An orderly close, then a restart. */
  | { readonly kind: 'close'; readonly at: Micros; readonly node: number; readonly down: Micros }
  /** Killed again and again, shortly after each start. */
  | {
      readonly kind: 'storm'
      readonly at: Micros
      readonly node: number
      readonly lives: readonly Micros[]
      readonly down: Micros
    }
  | { readonly kind: 'pause'; readonly at: Micros; readonly node: number; readonly for: Micros }
  /** Everything that enters the process costs so much time. */
  | {
      readonly kind: 'slow'
      readonly at: Micros
      readonly node: number
      readonly for: Micros
      readonly cost: Micros
    }
  | {
      readonly kind: 'slowDisk'
      readonly at: Micros
      readonly node: number
      readonly for: Micros
      readonly by: number
    }
  | { readonly kind: 'stall'; readonly at: Micros; readonly node: number; readonly for: Micros }
  | {
      readonly kind: 'writeError'
      readonly at: Micros
      readonly node: number
      readonly down: Micros
    }
  | { readonly kind: 'full'; readonly at: Micros; readonly node: number; readonly for: Micros }
  /** The disk is lost for good; the node comes back with an empty one. */
  | { readonly kind: 'wipe'; readonly at: Micros; readonly node: number; readonly down: Micros }
  /** One record of the disk is not what was written. */
  | {
      readonly kind: 'damage'
      readonly at: Micros
      readonly node: number
      readonly how: RecordDamage
      readonly down: Micros
    }
  /** The disk goes back to what it was some time ago, as if a copy had been put back. */
  | { readonly kind: 'oldImage'; readonly at: Micros; readonly node: number; readonly down: Micros }
  | { readonly kind: 'step'; readonly at: Micros; readonly node: number; readonly byMs: number }
  | { readonly kind: 'freeze'; readonly at: Micros; readonly node: number; readonly for: Micros }
  /**
   * With the write number `nth` that has to do with a snapshot (staging, the flip, clearing), soon
   * after it was asked for: the machine that asked, or another.
   */
  | {
      readonly kind: 'snapshotCrash'
      readonly at: Micros
      readonly nth: number
      readonly self: boolean
      readonly after: Micros
      readonly how: 'kill' | 'power'
      readonly down: Micros
    }
  /** From here on its executor differs from the others'. */
  | { readonly kind: 'diverge'; readonly at: Micros; readonly node: number }

/** Message faults: properties of the wires, not events. */
export const WIRE_FAULTS = [
  'drop',
  'duplicate',
  'reorder',
  'spike',
  'flip',
  'late',
  'bandwidth',
] as const
/** One of {@link WIRE_FAULTS}. */
export type WireFault = (typeof WIRE_FAULTS)[number]

/** What clients do that servers must bear. */
export const CLIENT_FAULTS = [
  'impatient',
  'cancel',
  'reuse',
  'retryOld',
  'throw',
  'slowExecutor',
] as const
/** One of {@link CLIENT_FAULTS}. */
export type ClientFault = (typeof CLIENT_FAULTS)[number]

/** Clocks that are wrong from the start. */
export const CLOCK_FAULTS = ['offset', 'far', 'drift'] as const
/** One of {@link CLOCK_FAULTS}. */
export type ClockFault = (typeof CLOCK_FAULTS)[number]

/**
 * One change of the membership. `via`: the machine that is asked first; another one when it does
 * not answer.
 */
export type Change = { readonly at: Micros; readonly via: number } & (
  | {
      /** A spare machine becomes a member. `startsFirst`: its node asks before it is added. */
      readonly kind: 'join'
      readonly node: number
      readonly startsFirst: boolean
    }
  /** A member goes. */
  | { readonly kind: 'leave'; readonly node: number }
  /** A spare machine takes the place of a member. */
  | {
      readonly kind: 'replace'
      readonly old: number
      readonly node: number
      readonly startsFirst: boolean
    }
)

/** Every class that a swarm switches on or off. */
export type FaultClass =
  | Fault['kind']
  | Change['kind']
  | PartitionMode
  | WireFault
  | ClientFault
  | ClockFault
  | 'powerAll'
  | 'otherSettings'
  | 'snapshots'
  | 'rot'
  | 'mixedVersions'
  | 'restore'

/** What belongs to one machine. */
export interface MachinePlan {
  readonly disk: DiskSpeed
  readonly offsetMs: number
  readonly driftPpm: number
  /** Its clock may be wrong by more than the protocol tolerates in a coordinator. */
  readonly badClock: boolean
  /** Faults that cost a member for good hit only such machines: f at most. */
  readonly mayBeLost: boolean
}

/** Options of all nodes. */
export interface SettingsPlan {
  readonly recoverAfterMs: number
  readonly heartbeatMs: number
  readonly patienceMaxMs: number
  readonly transactionsInFlightMax: number
  readonly requestsMax: number
  readonly undecidedMax: number
  readonly lingerMs: number
  readonly queuedMax: number
  readonly transactionMs: number
  readonly reorder: 'off' | 'adaptive' | 'on'
  readonly reorderWaitMaxMs: number
  /** Snapshots are taken early, and hold little of the log; absent: as by default. */
  readonly snapshotLeadMin?: number
  readonly snapshotTail?: number
  readonly floorIntervalMs: number
  readonly floorRecords: number
  readonly closeLagMs: number
  /** Entries of the log that are retained; absent: all. */
  readonly retain?: { readonly entries: number; readonly staleAfterMs: number }
  /** How long a learner must have been caught up before it gets a vote. Absent: 200. */
  readonly promoteAfterMs?: number
}

/** The clients. */
export interface ClientPlan {
  readonly count: number
  /** Requests of all together. */
  readonly requests: number
  /** Whether a client stays with one node while it can. */
  readonly sticky: boolean
  /** Pauses between requests are short or long: the mean of each, and how often long. */
  readonly shortPause: Micros
  readonly longPause: Micros
  readonly longShare: number
  /** Of one attempt, in milliseconds. */
  readonly timeoutMs: number
  /** How often each kind of operation is chosen, 0 or more. */
  readonly weights: Readonly<Record<string, number>>
}

/** A backup that is taken while all goes on, and the cluster restored from it behind the end. */
export interface RestorePlan {
  readonly at: Micros
  /** The machine that is asked first; another one when it cannot. */
  readonly via: number
  /** Of the new cluster; one where the members of the old one have changed. */
  readonly members: number
  /** How likely the place refuses a call. */
  readonly placeFails: number
}

/** All of it. */
export interface Plan {
  readonly seed: string
  readonly nodes: number
  readonly machines: readonly MachinePlan[]
  readonly settings: SettingsPlan
  readonly clients: ClientPlan
  readonly wire: WireConditions
  /** Until then faults happen; afterwards a majority is healed and must answer. */
  readonly horizon: Micros
  readonly classes: readonly FaultClass[]
  readonly faults: readonly Fault[]
  /** Machines beside the first members, which may join: numbered behind them. Absent: none. */
  readonly spares?: number
  /** Changes of the membership, in the order of time. Absent: none. */
  readonly changes?: readonly Change[]
  /** Absent: no backup is taken. */
  readonly restore?: RestorePlan
}

/** Members that may be lost. */
export function toleratedOf(nodes: number): number {
  return Math.floor((nodes - 1) / 2)
}

/** A majority. */
export function majorityOf(nodes: number): number {
  return nodes - toleratedOf(nodes)
}
