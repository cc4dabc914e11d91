/** The configurations that this node knows, by epoch (`protocol.md` 10.1). */

import { invariant } from '../invariant.ts'
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

  /** That of the epoch of a timestamp. Throws an InvariantError when it is not known here. */
  of(t: Timestamp): Topology {
    const topology = this.#topologies.get(epochOf(t))
    invariant(topology !== undefined, 'a transaction is handled in an epoch that is known')
    return topology
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
