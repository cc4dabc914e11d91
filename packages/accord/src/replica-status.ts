/** What a replica shows of itself to those who watch it. */

import type { NodeSerial } from './time/timestamp.ts'
import type { Feature } from './topology/features.ts'
import type { Configuration, MemberRole } from './topology/configuration.ts'

/** A view for status pages; not part of any promise. */
export interface ReplicaStatus {
  readonly inFlight: number
  readonly undecided: number
  readonly oldestUndecidedMs: number
  readonly unapplied: number
  /** Reads without an answer. */
  readonly reads: number
  readonly admitted: boolean
  /** Of the open epoch. */
  readonly configuration: Configuration
  readonly role: MemberRole | 'removed'
  /** Whether the open epoch closes: submissions are held back. */
  readonly closing: boolean
  /** Every transaction of it, and of those before, is executed here; 0 before the first. */
  readonly finishedEpoch: number
  /** In use. */
  readonly features: readonly Feature[]
  readonly phase: 'starting' | 'serving' | 'diverged' | 'blocked'
  readonly suspected: readonly NodeSerial[]
  readonly peers: readonly PeerStatus[]
}

/** One other member, as seen from here. */
export interface PeerStatus {
  readonly serial: NodeSerial
  readonly rttMs: number
  readonly clockOffsetMs: number
  /** Of its last heartbeat, 0 before the first. */
  readonly position: bigint
}
