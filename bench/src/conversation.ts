/** What the bench and its node processes say to each other, over the channel that `fork` opens. */

import type { StoreKind } from './bench-options.ts'
import type { Decisions, Operation } from './contender.ts'

/** How a node process is to start: its only argument, as JSON. */
export interface NodePlan {
  readonly serial: number
  /** Undefined: it is in the first list of members. Otherwise: addresses through which it joins. */
  readonly join?: readonly string[]
  /** Every member's address, by serial. */
  readonly addresses: readonly string[]
  /** How many of these are in the first list of members. Default all. */
  readonly firstMembers?: number
  readonly store: StoreKind
  /** Its data directory, for `lmdb`. */
  readonly path: string
  /** Pairs of serial and address: what it dials instead. */
  readonly dial?: readonly (readonly [number, string])[]
  /** `process`: for `lmdb`, flushes are left to the system. Default `sync`. */
  readonly durability?: 'sync' | 'process'
  /** Options of the node. Default its own. */
  readonly batchRequestsMax?: number
  readonly undecidedMax?: number
  readonly patienceMaxMs?: number
  readonly reorder?: 'off' | 'on' | 'adaptive'
  readonly reorderWaitMaxMs?: number
  readonly dedupMax?: number
}

/** To a node process. */
export type Order =
  | { readonly kind: 'load'; readonly load: LoadOrder }
  | { readonly kind: 'write'; readonly share: WriteOrder }
  /** `withTables`: reads the whole store. */
  | { readonly kind: 'footprint'; readonly withTables: boolean }
  /** Another node takes the place of a member. */
  | {
      readonly kind: 'replace'
      readonly old: string
      readonly id: string
      readonly address: string
    }
  | { readonly kind: 'members' }
  | { readonly kind: 'close' }

/** A share of a load. All processes take their times from the computer's clock. */
export interface LoadOrder {
  /** Numbers of the clients that this process plays. */
  readonly clients: readonly number[]
  /** Of all processes together. */
  readonly concurrency: number
  /** Milliseconds since 1970. */
  readonly windowFrom: number
  readonly windowUntil: number
  readonly bytes: number
  /** Default `put`. */
  readonly operation?: Operation
  /** Clients of this process that put meanwhile and are not counted. Default 0. */
  readonly writers?: number
  /** Where a processor profile of the window goes. */
  readonly profile: string | undefined
}

/** So many requests, however long it takes. */
export interface WriteOrder {
  readonly count: number
  readonly concurrency: number
  readonly bytes: number
  /** How many different keys. */
  readonly keyCount: number
}

/** From a node process. */
export type Reply =
  /** How long the process took to load its code, then its store to open, and then its node. */
  | {
      readonly kind: 'ready'
      readonly bootMs: number
      readonly storeMs: number
      readonly nodeMs: number
    }
  | { readonly kind: 'done'; readonly tally: Tally }
  | { readonly kind: 'written'; readonly errors: number; readonly firstError: string | undefined }
  | { readonly kind: 'footprint'; readonly footprint: Footprint }
  | { readonly kind: 'replacing' }
  | {
      readonly kind: 'members'
      /** Of this node. */
      readonly position: bigint
      readonly members: readonly {
        readonly id: string
        readonly role: 'voter' | 'learner'
        /** As it last told this node. */
        readonly applied: bigint
      }[]
    }
  | { readonly kind: 'failed'; readonly why: string }

/** What one process did in the window. */
export interface Tally {
  /** Of each request that ended in it, milliseconds. */
  readonly latencies: Float64Array
  /** The longest time in the window in which nothing ended here; 0 without clients. */
  readonly pauseMs: number
  readonly errors: number
  readonly firstError: string | undefined
  /** Of this process, user and system, in the window. */
  readonly cpuMicros: number
  readonly fast: number
  readonly slow: number
  readonly recovered: number
  readonly invalidated: number
}

/** How much one process holds. */
export interface Footprint {
  readonly rssBytes: number
  /** Resident and not of a file; all that is resident where that is not known. */
  readonly ownBytes: number
  /** After a collection of garbage. */
  readonly heapBytes: number
  /** Buffers outside of the heap, likewise. */
  readonly externalBytes: number
  /** The data file, free pages included; 0 for `memory`. */
  readonly fileBytes: number
  readonly position: bigint
  /** By this node, since it was opened. */
  readonly decisions: Decisions
  /** By kind of state; empty without `withTables`. */
  readonly tables: readonly TableSize[]
}

/** What the store holds of one kind: keys and values, without the tree's own overhead. */
export interface TableSize {
  readonly name: string
  readonly records: number
  readonly bytes: number
}
