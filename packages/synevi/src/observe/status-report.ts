/** Puts together what a node says about itself. */

import { nanosOf, type ReplicaStatus } from '@synevi/accord'
import type { OpenedReplica } from '../drive/open-replica.ts'
import type { AppliedHead } from '../state/node-facts.ts'
import type { DamageReport } from '../repair/damage.ts'
import type { NodeHealth } from './node-health.ts'
import type { SnapshotProgress } from '../snapshot/fetch-end.ts'
import type { Member, NodeStatus } from './status.ts'

/** What a report is put together from. */
export interface ReportParts {
  readonly opened: OpenedReplica
  readonly health: NodeHealth
  readonly replica: ReplicaStatus
  /** Durable here. */
  readonly applied: AppliedHead
  readonly damage: DamageReport
}

/** As `Node.status` gives it. */
export function statusReport(
  parts: ReportParts & {
    readonly requests: { readonly inFlight: number; readonly queued: number }
    readonly rejectedFrames: number
    readonly progress: SnapshotProgress | undefined
  },
): NodeStatus {
  const { health, applied, replica, requests } = parts
  const { phase, reason } = health.condition()
  const { position, txnHash } = applied.watermark
  return {
    phase,
    ...(reason === undefined ? {} : { reason }),
    epoch: parts.opened.roster.epoch,
    features: replica.features,
    quorum: health.quorum(),
    applied: { position, time: applied.time, hash: Buffer.from(txnHash).toString('hex') },
    ...{ inFlight: requests.inFlight, queued: requests.queued },
    ...(parts.progress === undefined ? {} : { catchingUp: parts.progress }),
    ...{ undecided: replica.undecided, oldestUndecidedMs: replica.oldestUndecidedMs },
    consensus: {
      floor: nanosOf(replica.floor),
      closedBefore: nanosOf(replica.closedBefore),
      records: replica.records,
    },
    damage: parts.damage,
    counters: { ...health.counters, rejectedFrames: BigInt(parts.rejectedFrames) },
  }
}

/** As `Node.members` gives it, by serial. */
export function membersReport({
  opened,
  health,
  replica,
  applied,
}: ReportParts): readonly Member[] {
  const own = applied.watermark.position
  let farthest = own
  for (const { position } of replica.peers) if (position > farthest) farthest = position
  return opened.roster.members.map((entry) => health.member(entry, replica, { own, farthest }))
}
