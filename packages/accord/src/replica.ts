/** The one door of the protocol. */

import type { Input, Instant } from './input.ts'
import type { Millis } from './brand.ts'
import type { ReplicaOptions } from './options.ts'
import type { DurableState, Ready, RecordReader } from './ready.ts'
import type { NodeSerial } from './time/timestamp.ts'

/** A view for status pages; not part of any promise. */
export interface ReplicaStatus {
  readonly inFlight: number
  readonly undecided: number
  readonly oldestUndecidedMs: number
  readonly unapplied: number
  readonly admitted: boolean
  readonly phase: 'starting' | 'serving' | 'diverged' | 'blocked'
  readonly suspected: readonly NodeSerial[]
  readonly peers: readonly { readonly serial: NodeSerial; readonly rttMs: number; readonly clockOffsetMs: number; readonly position: bigint }[]
}

export interface Replica {
  /** Advances by one input: synchronous, total, deterministic in (state, input, at). Throws only InvariantError. */
  step(input: Input, at: Instant): void
  /** Everything accumulated since the last call, handed out once. */
  drain(): Ready | undefined
  /** When to step `wake` if nothing happens before. */
  deadline(): Millis | undefined
  status(at: Instant): ReplicaStatus
  /** Complete, canonical, plain data: equal images behave alike. */
  image(): unknown
}

/** A replica that goes on from what its store held. `at` starts its timers. */
export declare function openReplica(parts: {
  self: NodeSerial
  options: ReplicaOptions
  durable: DurableState
  reader: RecordReader
  at: Instant
}): Replica
