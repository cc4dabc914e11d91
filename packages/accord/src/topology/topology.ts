/** The members of the open epoch, and what follows from their number. */

import { invariant } from '../invariant.ts'
import { compareSerials } from '../time/serial-order.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'
import { quorumSizes, type QuorumSizes } from './quorum-sizes.ts'

/** One epoch as one of its members sees it. */
export class Topology {
  readonly epoch: Epoch
  /** Rising. */
  readonly members: readonly NodeSerial[]
  /** The members without this node. */
  readonly peers: readonly NodeSerial[]
  readonly sizes: QuorumSizes
  readonly self: NodeSerial

  constructor(parts: { self: NodeSerial; epoch: Epoch; members: readonly NodeSerial[] }) {
    this.self = parts.self
    this.epoch = parts.epoch
    this.members = [...parts.members].sort(compareSerials)
    invariant(new Set(this.members).size === this.members.length, 'serials of members differ')
    this.peers = this.members.filter((member) => member !== parts.self)
    this.sizes = quorumSizes(this.members.length)
  }

  isMember(node: NodeSerial): boolean {
    return this.members.includes(node)
  }

  /**
   * The distance from `from` to this node on the ring of members: who acts first when `from` is
   * silent.
   */
  rankAfter(from: NodeSerial): number {
    const n = this.members.length
    const own = this.members.indexOf(this.self)
    const theirs = this.members.indexOf(from)
    return theirs < 0 ? own : (own - theirs + n) % n
  }
}
