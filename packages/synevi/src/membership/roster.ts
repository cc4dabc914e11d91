/**
 * Who belongs to the cluster, as far as this node has durably learned (`protocol.md` 10.1): the
 * members of the open epoch, and those that were left out and may have a duty left (10.3 E).
 */

import {
  isVoter,
  type Configuration,
  type Epoch,
  type MemberEntry,
  type NodeSerial,
} from '@synevi/accord'

/** Whose roster it is, and what it begins with. */
export interface RosterParts {
  readonly self: NodeSerial
  /** Of the epochs still needed, in their order; the last one is open; at least one. */
  readonly configurations: readonly Configuration[]
  /** What this start knows better than the store: other addresses of the same members. */
  readonly addresses?: ReadonlyMap<NodeSerial, string>
}

interface Departed {
  readonly entry: MemberEntry
  /** The last epoch with it. */
  readonly epoch: Epoch
}

/** One for each node; everybody who has to do with members asks it. */
export class Roster {
  readonly self: NodeSerial
  readonly #addresses: Map<NodeSerial, string>
  readonly #departed = new Map<NodeSerial, Departed>()
  readonly #linked = new Set<NodeSerial>()
  /** Serials are never given twice. */
  readonly #since = new Map<NodeSerial, Epoch>()
  #open: Configuration
  #members: readonly MemberEntry[] = []
  #finished = 0

  /** Throws a RangeError without a configuration. */
  constructor({ self, configurations, addresses }: RosterParts) {
    const [first, ...later] = configurations
    if (first === undefined) throw new RangeError('a node without a configuration')
    this.self = self
    this.#addresses = new Map(addresses)
    this.#open = first
    this.#take(first)
    for (const each of later) this.follow(each)
  }

  /** Of the open epoch, with the addresses that it was agreed on with. */
  get open(): Configuration {
    return this.#open
  }

  get epoch(): Epoch {
    return this.#open.epoch
  }

  /** Of the open epoch, by serial, this node among them unless it was removed. */
  get members(): readonly MemberEntry[] {
    return this.#members
  }

  /** Whose votes count in the open epoch. */
  get voters(): readonly MemberEntry[] {
    return this.#members.filter(isVoter)
  }

  /** Whom to be linked with, without this node. */
  get peers(): readonly MemberEntry[] {
    const others = this.#members.filter(({ serial }) => serial !== this.self)
    return [...others, ...[...this.#departed.values()].map(({ entry }) => entry)]
  }

  isPeer(serial: NodeSerial): boolean {
    return serial !== this.self && (this.entry(serial) !== undefined || this.#departed.has(serial))
  }

  /** In the open epoch. */
  entry(serial: NodeSerial): MemberEntry | undefined {
    return this.#members.find((member) => member.serial === serial)
  }

  /** In the open epoch. */
  entryOf(id: string): MemberEntry | undefined {
    return this.#members.find((member) => member.id === id)
  }

  /** What this node is in the open epoch: `removed` when it is neither. */
  get role(): 'voter' | 'learner' | 'removed' {
    const own = this.entry(this.self)
    if (own === undefined) return 'removed'
    return isVoter(own) ? 'voter' : 'learner'
  }

  /** In the open epoch. */
  stateOf(entry: MemberEntry): 'active' | 'joining' | 'leaving' {
    if (!isVoter(entry)) return 'joining'
    const isReplaced = this.#members.some(({ replaces }) => replaces === entry.serial)
    return isReplaced ? 'leaving' : 'active'
  }

  /** The first epoch with it that is still remembered here. */
  sinceEpoch(serial: NodeSerial): Epoch {
    return this.#since.get(serial) ?? this.epoch
  }

  /**
   * This epoch is open from now on. Who is left out stays a peer while it may be needed. An epoch
   * that is not above the open one changes nothing.
   */
  follow(configuration: Configuration): void {
    if (configuration.epoch <= this.#open.epoch) return
    const stays = new Set(configuration.members.map(({ serial }) => serial))
    for (const entry of this.#members) {
      if (!stays.has(entry.serial) && entry.serial !== this.self)
        this.#departed.set(entry.serial, { entry, epoch: this.#open.epoch })
    }
    this.#take(configuration)
    this.#dismiss()
  }

  /** Everything of this epoch is executed here: true when fewer peers are needed now. */
  finished(epoch: Epoch): boolean {
    this.#finished = Math.max(this.#finished, epoch)
    return this.#dismiss()
  }

  /** A link came or went: true when fewer peers are needed now. */
  linked(peer: NodeSerial, up: boolean): boolean {
    if (up) this.#linked.add(peer)
    else this.#linked.delete(peer)
    return this.#dismiss()
  }

  /** Where this node is reached, once it knows: only where the configuration names no address. */
  listensAt(address: string): void {
    if (this.entry(this.self)?.address !== '') return
    this.#addresses.set(this.self, address)
    this.#take(this.#open)
  }

  #take(configuration: Configuration): void {
    this.#open = configuration
    this.#members = [...configuration.members]
      .sort((a, b) => a.serial - b.serial)
      .map((member) => {
        const address = this.#addresses.get(member.serial)
        return address === undefined ? member : { ...member, address }
      })
    for (const { serial } of this.#members) {
      if (!this.#since.has(serial)) this.#since.set(serial, configuration.epoch)
    }
  }

  /** Who was left out, has nothing more to give here, and has closed its link. */
  #dismiss(): boolean {
    let isFewer = false
    for (const [serial, { epoch }] of this.#departed) {
      if (epoch > this.#finished || this.#linked.has(serial)) continue
      isFewer = this.#departed.delete(serial) || isFewer
    }
    return isFewer
  }
}
