/** How far everybody is (`protocol.md` 8.2, 8.5): what no log need hold for anyone. */

import type { Context } from '../context.ts'
import type { Peers } from '../progress/peers.ts'

/**
 * The least durable position of this node (`own`) and of all members that are not stale, which is:
 * silent for longer than `staleAfterMs`. Undefined while one that is not has told none in this
 * process.
 */
export function universalDurable(context: Context, peers: Peers, own: bigint): bigint | undefined {
  const { now, limits } = context
  let least = own
  for (const { heardAt, heartbeat } of peers.all()) {
    if (now.elapsed - heardAt > limits.staleAfterMs) continue
    if (heartbeat === undefined) return undefined
    if (heartbeat.applied.position < least) least = heartbeat.applied.position
  }
  return least
}
