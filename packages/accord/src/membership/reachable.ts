/**
 * Whether a configuration would have a quorum, as far as this node sees (`protocol.md` 10.6): an
 * executed Reconfig cannot be taken back, so it is looked at beforehand.
 */

import type { Context } from '../context.ts'
import type { Peers } from '../progress/peers.ts'
import { isVoter, type MemberEntry } from '../topology/configuration.ts'
import { quorumSizes } from '../topology/quorum-sizes.ts'
import type { NodeSerial } from '../time/timestamp.ts'

/** Entries that a voter may lack and be caught up: what is under way. */
const LAG_MAX = 1_000n

/** What is at hand. `position`: after the last execution here. */
export interface ReachParts {
  readonly context: Context
  readonly peers: Peers
  readonly position: bigint
}

/** Whether a quorum of its voters is attached, reachable and caught up. */
export function hasQuorum(parts: ReachParts, members: readonly MemberEntry[]): boolean {
  const voters = members.filter(isVoter)
  if (voters.length === 0) return false
  const able = voters.filter(({ serial }) => isCaughtUp(parts, serial))
  return able.length >= quorumSizes(voters.length).q
}

/** Whether the member follows closely, and nothing keeps it from executing. */
export function isCaughtUp(parts: ReachParts, serial: NodeSerial): boolean {
  const { context, peers, position } = parts
  if (serial === context.self) return true
  if (!peers.has(serial)) return false
  const { heartbeat, suspected, distrusted } = peers.get(serial)
  if (heartbeat === undefined || suspected || distrusted) return false
  if (heartbeat.phase === 'diverged' || heartbeat.phase === 'blocked') return false
  return heartbeat.applied.position + LAG_MAX >= position
}
