/** Nodes of one hub that are started, joined, killed and wiped one by one, on a virtual clock. */

import { millis } from '@synevi/accord'
import { LocalHub, LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import type { NodeOptions } from '../options.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { Add, counter, raise } from './local-cluster.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A hub, and nodes that are started one by one. */
export class Town {
  readonly clock: VirtualClock = new VirtualClock()
  readonly hub: LocalHub = new LocalHub({ clock: this.clock, delayMs: 1 })
  readonly stores: Map<string, MemoryStore> = new Map()
  readonly fatal: Map<string, Error> = new Map()
  readonly nodes: Map<string, Node> = new Map()
  readonly #opening = new Map<string, AbortController>()
  #seed = 0n

  /** Neither `members` nor `join`: a cluster of one. */
  open(id: string, more: Partial<NodeOptions> = {}): Promise<Node> {
    const store = this.stores.get(id) ?? new MemoryStore()
    this.stores.set(id, store)
    this.fatal.delete(id)
    const abort = new AbortController()
    this.#opening.set(id, abort)
    const options: NodeOptions = {
      ...{ self: { id }, clock: this.clock, network: new LocalNetwork(this.hub), store },
      ...{ executors: [counter], seed: this.#seed++ },
      timeouts: { promoteAfterMs: 200, joinMs: 60_000 },
      onFatal: (error) => this.fatal.set(id, error),
      ...more,
    }
    const opened = Node.open(options, { signal: abort.signal }).then((node) => {
      this.nodes.set(id, node)
      return node
    })
    opened.catch(() => undefined)
    return opened
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise)
  }

  node(id: string): Node {
    return this.nodes.get(id) ?? raise(`no node ${id}`)
  }

  /** Adds it through one that is there, and starts it. */
  async join(id: string, via: string): Promise<Node> {
    await this.until(this.node(via).addMember({ id, address: id }))
    return this.until(this.open(id, { join: [via] }))
  }

  /** Ends at once: nothing more is sent, the store stays. */
  async kill(id: string): Promise<void> {
    await this.until(this.node(id).close({ drainMs: 0 }))
    this.nodes.delete(id)
  }

  /** One that is not open yet gives up, wherever it is. */
  stop(id: string): void {
    this.#opening.get(id)?.abort()
  }

  /** Its disk is lost: whoever starts under that id begins with an empty one. */
  wipe(id: string): void {
    this.stores.delete(id)
  }

  /** Until the condition holds, looked at every 5 ms; throws after 60 s of virtual time. */
  async when(holds: () => boolean, what: string): Promise<void> {
    const ends = this.clock.now().elapsed + 60_000
    while (!holds()) {
      if (this.clock.now().elapsed > ends) throw new Error(`in vain: ${what}`)
      await this.clock.advance(5)
    }
  }

  /** All open nodes stand where the farthest stands. */
  async level(): Promise<void> {
    const positions = (): readonly bigint[] =>
      [...this.nodes.values()].map((node) => node.status().applied.position)
    await this.when(() => new Set(positions()).size === 1, 'equal positions')
  }

  async close(): Promise<void> {
    const all = [...this.nodes.values()].map((node) => node.close({ drainMs: 0 }))
    await this.until(Promise.all(all))
  }

  rolesAt(id: string): readonly string[] {
    return this.node(id)
      .members()
      .map((member) => `${member.id} ${member.role} ${member.state}`)
  }
}

/** What a load has seen. */
export interface Load {
  readonly state: {
    readonly answered: number
    readonly longestMs: number
    readonly failures: readonly string[]
  }
  stop(): Promise<void>
}

/** One request after the other, at the nodes in turn; the longest pause between two answers. */
export function load(town: Town, ids: () => readonly string[]): Load {
  const state = { answered: 0, longestMs: 0, stop: false, failures: [] as string[] }
  const run = async (): Promise<void> => {
    let last = town.clock.now().elapsed
    for (let turn = 0; !state.stop; turn++) {
      const all = ids()
      const id = all[turn % all.length] ?? raise('nobody to ask')
      try {
        await town.node(id).submit(Add('load'), { timeoutMs: 5_000 })
        state.answered++
        const now = town.clock.now().elapsed
        state.longestMs = Math.max(state.longestMs, now - last)
        last = now
      } catch (error) {
        state.failures.push(String(error))
      }
      // Alone a node answers without time passing.
      await new Promise<void>((resolve) => {
        town.clock.alarm(millis(town.clock.now().elapsed + 5), resolve)
      })
    }
  }
  const done = run()
  return { state, stop: async (): Promise<void> => ((state.stop = true), await town.until(done)) }
}
