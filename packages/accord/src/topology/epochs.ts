/** The configurations that this node knows, by epoch (`protocol.md` 10.1). */

import { invariant } from '../invariant.ts'
import { compareSerials } from '../time/serial-order.ts'
import { epochOf, type NodeSerial, type Timestamp } from '../time/timestamp.ts'
import type { Configuration, MemberRole } from './configuration.ts'
import { Topology } from './topology.ts'

/**
 * Everything about a transaction asks the configuration of the epoch of its id; fresh ids, peers
 * and heartbeats that of the open epoch.
 */
export class Epochs {
  readonly self: NodeSerial
  readonly #topologies = new Map<number, Topology>()
  #open: Topology

  /** In the order of epochs; the last one is open. Throws an InvariantError when there is none. */
  constructor(self: NodeSerial, configurations: readonly Configuration[]) {
    this.self = self
    for (const each of configurations) this.#topologies.set(each.epoch, new Topology(self, each))
    const open = [...this.#topologies.values()].at(-1)
    invariant(open !== undefined, 'an epoch is open')
    this.#open = open
  }

  /** The epoch in which this node mints ids. */
  get open(): Topology {
    return this.#open
  }

  /** What this node is in the open epoch. */
  get role(): MemberRole | 'removed' {
    if (!this.#open.isMember(this.self)) return 'removed'
    return this.#open.isVoter(this.self) ? 'voter' : 'learner'
  }

  /**
   * That of the epoch of a timestamp; the open one where that is not known here, because it is long
   * over. Throws an InvariantError for an epoch that is not open yet.
   */
  of(t: Timestamp): Topology {
    const of = epochOf(t)
    invariant(of <= this.#open.epoch, 'a transaction is handled once its epoch is open')
    return this.#topologies.get(of) ?? this.#open
  }

  /** Who may know of a transaction: the voters of its epoch, and those of the open one. */
  votersNear(t: Timestamp): readonly NodeSerial[] {
    const { peers } = this.of(t)
    if (epochOf(t) === this.#open.epoch) return peers
    return [...new Set([...peers, ...this.#open.peers])].sort(compareSerials)
  }

  /** Whether this node votes on what is of the epoch of a timestamp. */
  isVoterOf(t: Timestamp): boolean {
    return this.#topologies.get(epochOf(t))?.isVoter(this.self) ?? false
  }

  /** Whether the node is or was a member of an epoch that is known here. */
  isKnown(node: NodeSerial): boolean {
    for (const topology of this.#topologies.values()) if (topology.isMember(node)) return true
    return false
  }

  /** The last epoch known here that has the node as a member; 0 when there is none. */
  lastOf(node: NodeSerial): number {
    let last = 0
    for (const topology of this.#topologies.values()) {
      if (topology.isMember(node) && topology.epoch > last) last = topology.epoch
    }
    return last
  }

  /** The members of all epochs known from `since` on, without this node. Rising. */
  othersSince(since: number): readonly NodeSerial[] {
    const others = new Set<NodeSerial>()
    for (const topology of this.#topologies.values()) {
      if (topology.epoch >= since) for (const node of topology.others) others.add(node)
    }
    return [...others].sort(compareSerials)
  }

  /** The next epoch, which is open from now on. */
  add(configuration: Configuration): void {
    invariant(configuration.epoch === this.#open.epoch + 1, 'epochs open one after another')
    this.#open = new Topology(this.self, configuration)
    this.#topologies.set(configuration.epoch, this.#open)
  }

  /** Configurations of earlier epochs are not needed any more; the open one stays. */
  forgetBelow(epoch: number): void {
    for (const { epoch: known } of [...this.#topologies.values()]) {
      if (known < epoch && known !== this.#open.epoch) this.#topologies.delete(known)
    }
  }

  /** Undefined when not known here: not opened yet, or long over. */
  get(epoch: number): Topology | undefined {
    return this.#topologies.get(epoch)
  }

  /** Whose votes count in an epoch; undefined when the epoch is not known here. */
  votersOf(epoch: number): readonly NodeSerial[] | undefined {
    return this.#topologies.get(epoch)?.voters
  }
}
