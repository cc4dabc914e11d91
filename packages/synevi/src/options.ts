/**
 * The options of a node, as the embedder gives them and as the node holds them
 * (`parseNodeOptions`).
 */

import type { MemberEntry, Notice, NodeSerial, ReorderMode } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'
import type { Executor } from './contract/executor.ts'
import type { Network } from './contract/network.ts'
import type { Logger } from './contract/observe.ts'
import type { Store } from './contract/store.ts'
import type { Telemetry } from './observe/telemetry.ts'

/**
 * A member as its cluster's first list names it. `serial`: all members state one, or none (then by
 * order of id).
 */
export interface MemberSpec {
  /**
   * Its public identity, a ULID (`newNodeId`), never reused; 1 to 64 of `A-Z a-z 0-9 . _ -` are
   * accepted.
   */
  readonly id: string
  /** 0 … 65535, never reused in a cluster's life. */
  readonly serial?: number
  /** Where its peers reach it, as the network understands it; at most 255 latin1 characters. */
  readonly address: string
  /** Default `voter`, and nothing else yet. */
  readonly role?: 'voter'
}

/** Each default stands beside its option, with what a larger or smaller value trades. */
export interface NodeOptions {
  /** `serial`: needed only when `members` does not give it. A store that has state must match. */
  readonly self: { readonly id: string; readonly serial?: number }
  readonly network: Network
  /** The node closes it. Default a new {@link MemoryStore}, which is lost with the process. */
  readonly store?: Store
  /** At least one, distinct names. */
  readonly executors: readonly Executor[]
  /**
   * Static first start: the same list everywhere, this node in it, at most 7. Neither this nor
   * join: a cluster of one.
   */
  readonly members?: readonly MemberSpec[]
  /**
   * Addresses of members through which a node with an empty store joins, once `addMember` or
   * `replaceMember` has named it. A store that has state knows where it belongs.
   */
  readonly join?: readonly string[]
  readonly limits?: {
    /**
     * Of one request, encoded. Default 8 MiB; larger ones hold up every vote behind them on the
     * wire.
     */
    readonly payloadMaxBytes?: number
    /** Of one outcome. Default 1 MiB. */
    readonly resultMaxBytes?: number
    /** Requests inside this node's unanswered transactions (at most 64 of those). Default 1,000. */
    readonly transactionsInFlightMax?: number
    /**
     * Requests that wait behind them. Default 10,000: above, OVERLOADED; longer queues only add
     * latency.
     */
    readonly queuedMax?: number
    /** Default 64 MiB. */
    readonly queuedMaxBytes?: number
    /**
     * A transaction born this far in the future is refused by its voters. Default 1,000 ms, above
     * what NTP leaves.
     */
    readonly clockDriftMaxMs?: number
    /** Of one frame to a peer. Default 16 MiB; must hold a batch and be what the peers accept. */
    readonly frameMaxBytes?: number
    /** Messages in one frame. Default 4,096. */
    readonly messagesMax?: number
    /** A member so many entries behind is offered a snapshot, not the log. Default 100,000. */
    readonly snapshotLeadMin?: number
    /** So many of the last transactions come with a snapshot, for readers. Default 256. */
    readonly snapshotTail?: number
    /**
     * So many transactions are closed at once, and what consensus kept of them is erased (ADR
     * 0025). Default 4,096; at most ten times in `floorIntervalMs`.
     */
    readonly floorRecords?: number
  }
  readonly batch?: {
    /** Requests in one transaction. Default 512. */
    readonly requestsMax?: number
    /** Their bytes. Default 1 MiB; one larger request makes a batch of its own. */
    readonly bytesMax?: number
    /** How long the first request waits for others. Default 0: this turn of the event loop. */
    readonly lingerMs?: number
    /**
     * Own undecided transactions at once; more requests wait and share the next. Default 4: hides
     * the disk's latency.
     */
    readonly undecidedMax?: number
  }
  readonly timeouts?: {
    /** Default deadline of submit, barrier and linearizable reads. Default 10,000. */
    readonly transactionMs?: number
    /** Silence before others finish a transaction (seeded jitter on top). Default 500. */
    readonly recoverAfterMs?: number
    /** Without a heartbeat: reported unreachable by `members()`. Default 5,000. */
    readonly peerSilentMs?: number
    /** Deadline of open. Default 600,000: members may be started one by one. */
    readonly joinMs?: number
    /** How long close waits for what was accepted. Default 10,000. */
    readonly closeDrainMs?: number
    /** Between heartbeats. Default 100. Three missed are suspicion. */
    readonly heartbeatMs?: number
    /** The longest wait for a fast quorum once a slow one answered. Default 50; 250 for a WAN. */
    readonly patienceMaxMs?: number
    /** The longest wait in the reorder buffer, if it is on. Default 2; 80 for a WAN. */
    readonly reorderWaitMaxMs?: number
    /** Or however many there are, this often: an idle cluster closes nothing. Default 5,000. */
    readonly floorIntervalMs?: number
    /** Only what is older than this is closed. Default 2,000: several delays of a recovery. */
    readonly closeLagMs?: number
    /** A learner gets a vote once it has been caught up for so long. Default 5,000; 0: never. */
    readonly promoteAfterMs?: number
  }
  /** Agreed at bootstrap: the same everywhere. */
  readonly cluster?: {
    /** Request ids remembered. Default 1,000,000. */
    readonly dedupMax?: number
    /** Outcomes up to this size are kept with them. Default 4,096; of larger ones only the fact. */
    readonly dedupResultMaxBytes?: number
  }
  /** How much of the log is kept; by default all of it. What is not closed is never dropped. */
  readonly retain?: {
    /** At least so many of the last entries; older ones go once every member has them. */
    readonly entries?: number
    /**
     * At most so many for a member that lacks them: one further behind takes a snapshot. With
     * `entries`, and not below it. Default: no bound.
     */
    readonly entriesMax?: number
    /** A member silent for so long is not waited for. Default 3,600,000. */
    readonly staleAfterMs?: number
  }
  /** Reads all of the store again and again, to find what a disk altered while peers have it. */
  readonly scrub?: {
    /** Default 524,288: a pass over 10 GiB takes 6 hours. 0: never; then only reads find damage. */
    readonly bytesPerSecond?: number
    /** From the end of a pass to the next. Default 3,600,000. */
    readonly intervalMs?: number
  }
  /**
   * `'hold'`: features that the store does not require yet are not offered, so no member uses them
   * and every member can go back to the release before. `'auto'`, the default: they are used once
   * every member has them. See the reference of upgrades.
   */
  readonly features?: 'auto' | 'hold'
  /**
   * Whether votes wait until an earlier transaction from a farther member could be here: more of
   * them decided in one round trip, each a little later. `'adaptive'`: while more than a few of a
   * hundred votes here are no. Default `'off'`; never a matter of safety.
   */
  readonly reorder?: ReorderMode
  /** Default silent. */
  readonly logger?: Logger
  readonly telemetry?: Telemetry
  /** Called once when the node had to stop. The node never ends the process. */
  readonly onFatal?: (error: Error) => void
  /** What the core noticed, for checkers and counters. Throws are logged, nothing else. */
  readonly onNotice?: (notice: Notice) => void
  /** Default the machine's. */
  readonly clock?: Clock
  /** Everything left to chance comes from it. Default random. */
  readonly seed?: bigint
}

/** Complete, checked, frozen. */
export interface ParsedOptions {
  /** `serial`: undefined when neither `self` nor `members` says it. */
  readonly self: { readonly id: string; readonly serial: NodeSerial | undefined }
  /** By serial; undefined when not given. */
  readonly members: readonly MemberEntry[] | undefined
  /** Undefined when not given; else at least one. */
  readonly join: readonly string[] | undefined
  readonly network: Network
  readonly store: Store
  readonly executors: readonly Executor[]
  readonly limits: Complete<'limits'>
  readonly batch: Complete<'batch'>
  readonly timeouts: Complete<'timeouts'>
  readonly cluster: Complete<'cluster'>
  readonly scrub: Complete<'scrub'>
  /** `entries` undefined: all. `entriesMax` undefined: no bound. */
  readonly retain: {
    readonly entries: number | undefined
    readonly entriesMax: number | undefined
    readonly staleAfterMs: number
  }
  readonly features: 'auto' | 'hold'
  readonly reorder: ReorderMode
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly onFatal: (error: Error) => void
  readonly onNotice: (notice: Notice) => void
  readonly clock: Clock
  readonly seed: bigint
}

/** A group of options with nothing missing. */
export type Complete<Group extends 'limits' | 'batch' | 'timeouts' | 'cluster' | 'scrub'> =
  Readonly<Required<NonNullable<NodeOptions[Group]>>>
