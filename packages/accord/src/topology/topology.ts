/** The members of one epoch, and what follows from their number. */

import { invariant } from '../invariant.ts'
import { compareSerials } from '../time/serial-order.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'
import { isVoter, type Configuration, type MemberEntry } from './configuration.ts'
import { quorumSizes, type QuorumSizes } from './quorum-sizes.ts'

/** One epoch as one node sees it: a voter, a learner, or neither. */
export class Topology {
  readonly epoch: Epoch
  readonly configuration: Configuration
  /** Those whose votes count. Rising. */
  readonly voters: readonly NodeSerial[]
  /** The voters without this node: whom consensus is asked of. */
  readonly peers: readonly NodeSerial[]
  /** Voters and learners without this node: who is told decisions and hears heartbeats. Rising. */
  readonly others: readonly NodeSerial[]
  /** Over the voters. */
  readonly sizes: QuorumSizes
  readonly self: NodeSerial
  readonly #members: ReadonlyMap<NodeSerial, MemberEntry>

  constructor(self: NodeSerial, configuration: Configuration) {
    const { members } = configuration
    this.self = self
    this.epoch = configuration.epoch
    this.configuration = configuration
    this.#members = new Map(members.map((member) => [member.serial, member]))
    invariant(this.#members.size === members.length, 'serials of members differ')
    const serials = members.map((member) => member.serial).sort(compareSerials)
    this.voters = serials.filter((serial) => this.isVoter(serial))
    this.peers = this.voters.filter((serial) => serial !== self)
    this.others = serials.filter((serial) => serial !== self)
    this.sizes = quorumSizes(this.voters.length)
  }

  /** The entry of a voter or learner. */
  member(node: NodeSerial): MemberEntry | undefined {
    return this.#members.get(node)
  }

  isMember(node: NodeSerial): boolean {
    return this.#members.has(node)
  }

  isVoter(node: NodeSerial): boolean {
    const entry = this.#members.get(node)
    return entry !== undefined && isVoter(entry)
  }

  /**
   * The distance from `from` to this node on the ring of voters: who acts first when `from` is
   * silent. Behind all of them when it is no voter.
   */
  rankAfter(from: NodeSerial): number {
    const n = this.voters.length
    const own = this.voters.indexOf(this.self)
    const theirs = this.voters.indexOf(from)
    if (own < 0) return n
    return theirs < 0 ? own : (own - theirs + n) % n
  }
}
