/** What a replica shows of itself to those who watch it. */

import type { Hearing } from './hear.ts'
import { isEpochClosing } from './replicate/on-raise-floor.ts'
import type { NodeSerial, Timestamp } from './time/timestamp.ts'
import { featuresIn, type Feature } from './topology/features.ts'
import type { Configuration, MemberRole } from './topology/configuration.ts'

/** A view for status pages; not part of any promise. */
export interface ReplicaStatus {
  readonly inFlight: number
  readonly undecided: number
  readonly oldestUndecidedMs: number
  readonly unapplied: number
  /** Durable (`protocol.md` 8.1): below it nothing is witnessed, or still undecided anywhere. */
  readonly floor: Timestamp
  readonly closedBefore: Timestamp
  /** Records of transactions in memory. */
  readonly records: number
  /** Reads without an answer. */
  readonly reads: number
  readonly admitted: boolean
  /** Of the open epoch. */
  readonly configuration: Configuration
  readonly role: MemberRole | 'removed'
  /** Whether the open epoch closes: submissions are held back. */
  readonly closing: boolean
  /** Submissions that wait for the next epoch. */
  readonly parked: number
  /** Every transaction of it, and of those before, is executed here; 0 before the first. */
  readonly finishedEpoch: number
  /** In use. */
  readonly features: readonly Feature[]
  readonly phase: 'starting' | 'learner' | 'serving' | 'diverged' | 'blocked'
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
  /** The log here is no longer kept for it: it may need a snapshot. */
  readonly stale: boolean
}

/** As it is now. */
export function reportOf(parts: Hearing, phase: ReplicaStatus['phase']): ReplicaStatus {
  const { context, lead, coordination, reads, identity } = parts
  const { epochs, ledger, floors } = context
  const peers = [...lead.peers.all()]
  return {
    inFlight: coordination.ownUndecidedCount,
    undecided: lead.progress.size + lead.rounds.size,
    oldestUndecidedMs: lead.progress.oldestMs(),
    unapplied: ledger.conflicts.size,
    floor: floors.durable.floor,
    closedBefore: floors.durable.closedBefore,
    records: ledger.size,
    reads: reads.size,
    admitted: identity.isAdmitted,
    configuration: epochs.open.configuration,
    role: epochs.role,
    closing: isEpochClosing(context),
    parked: coordination.parkedCount,
    finishedEpoch: context.succession.executing - 1,
    features: featuresIn(context.features.active),
    phase,
    suspected: peers.filter((peer) => peer.suspected).map((peer) => peer.serial),
    peers: peers.map(({ serial, latency, heartbeat, stale }) => ({
      serial,
      rttMs: latency.median,
      clockOffsetMs: latency.offsetMs,
      position: heartbeat?.applied.position ?? 0n,
      stale,
    })),
  }
}
