/** What the demo and its node processes say to each other, over the channel that `fork` opens. */

import type { Commit } from './commit.ts'
import type { Totals } from './history-executor.ts'

/** How a node process is to start: its only argument, as JSON. */
export interface ReplicaPlan {
  readonly serial: number
  /** Every member's address, by serial. */
  readonly addresses: readonly string[]
  /** Its data directory. */
  readonly path: string
}

/** To a node process. */
export type Order =
  | { readonly kind: 'import'; readonly commit: Commit }
  /** Wait until this position is applied and say how things stand. */
  | { readonly kind: 'report'; readonly position: bigint }
  | { readonly kind: 'close' }

/** From a node process. */
export type Reply =
  | { readonly kind: 'ready'; readonly position: bigint }
  | { readonly kind: 'imported'; readonly commit: string; readonly position: bigint }
  | { readonly kind: 'refused'; readonly commit: string; readonly code: string }
  | { readonly kind: 'report'; readonly report: ReplicaReport }
  | { readonly kind: 'failed'; readonly why: string }

/** How a node stands at the end. */
export interface ReplicaReport {
  readonly position: bigint
  /** Head of the hash chain, hexadecimal. */
  readonly hash: string
  /** Digest of the executors' state, hexadecimal. */
  readonly digest: string
  readonly totals: Totals
  /** Every request id in the log, in its order, hexadecimal. */
  readonly ids: readonly string[]
  readonly verified: boolean
  readonly counters: {
    readonly fast: bigint
    readonly slow: bigint
    readonly recovered: bigint
  }
}
