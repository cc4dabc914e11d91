/** What a replica shows of itself to those who watch it. */

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
