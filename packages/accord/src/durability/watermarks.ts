/** How far everybody is (`protocol.md` 8.2, 8.5): what no log need hold for anyone. */

import type { Context } from '../context.ts'
import type { Peer, Peers } from '../progress/peers.ts'

/**
 * The least durable position of this node (`own`) and of all members that are not stale. Stale is
 * who is silent for longer than `staleAfterMs`, or lacks more than `retainEntriesMax`: its part of
 * the log is kept no longer, and that is all it is to anybody. Undefined while one that is neither
 * has told none in this process, unless there is a bound.
 */
export function universalDurable(context: Context, peers: Peers, own: bigint): bigint | undefined {
  const { now, limits } = context
  const { retainEntries = 0, retainEntriesMax } = limits
  const bound = retainEntriesMax === undefined ? 0n : own - BigInt(retainEntriesMax)
  let least = own
  let isKnown = true
  for (const peer of peers.all()) {
    const position = peer.heartbeat?.applied.position
    const isSilent = now.elapsed - peer.heardAt > limits.staleAfterMs
    const isStale = isSilent || (position !== undefined && position < bound)
    // One that lacks nothing of what goes is waited for again as soon as it speaks.
    mark(context, peer, isStale && (position ?? 0n) < own - BigInt(retainEntries))
    if (isStale) continue
    if (position === undefined) isKnown = false
    else if (position < least) least = position
  }
  if (!isKnown) return bound > 0n ? bound : undefined
  return least > bound ? least : bound
}

function mark(context: Context, peer: Peer, stale: boolean): void {
  if (peer.stale === stale) return
  peer.stale = stale
  context.out.notice({ kind: 'stale', peer: peer.serial, stale })
}
