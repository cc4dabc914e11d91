/** What the bench and its node processes say to each other, over the channel that `fork` opens. */

import type { StoreKind } from './bench-options.ts'

/** How a node process is to start: its only argument, as JSON. */
export interface NodePlan {
  readonly serial: number
  /** Every member's address, by serial. */
  readonly addresses: readonly string[]
  readonly store: StoreKind
  /** Its data directory, for `lmdb`. */
  readonly path: string
}

/** To a node process. */
export type Order = { readonly kind: 'load'; readonly load: LoadOrder } | { readonly kind: 'close' }

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
  /** Where a processor profile of the window goes. */
  readonly profile: string | undefined
}

/** From a node process. */
export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly tally: Tally }
  | { readonly kind: 'failed'; readonly why: string }

/** What one process did in the window. */
export interface Tally {
  /** Of each request that ended in it, milliseconds. */
  readonly latencies: Float64Array
  readonly errors: number
  readonly firstError: string | undefined
  /** Of this process, user and system, in the window. */
  readonly cpuMicros: number
  readonly fast: number
  readonly slow: number
  readonly recovered: number
  readonly invalidated: number
}
