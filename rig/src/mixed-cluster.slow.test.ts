/** Nodes of 0.1.0 and of this version in one cluster, within one process: who says what to whom. */

import {
  Kv,
  KvExecutor,
  LocalHub,
  LocalNetwork,
  MemoryStore,
  Node,
  type Network,
  type NetworkListener,
  type NetworkSelf,
  type NodeOptions,
  type PeerAddress,
  type Store,
} from 'synevi'
import { afterEach, expect, test } from 'vitest'
import { unpackRelease } from './release.ts'

interface Synevi {
  readonly Node: typeof Node
  readonly KvExecutor: typeof KvExecutor
}
const before: Synevi = await import(unpackRelease('0.1.0').module('synevi'))

type Version = 'before' | 'hold' | 'auto'

/** Of what the node behind it was sent, and says it reads. */
class Watched implements Network {
  readonly #inner: LocalNetwork
  readonly versions = new Set<number>()
  says: number | undefined

  constructor(hub: LocalHub) {
    this.#inner = new LocalNetwork(hub)
  }

  start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    this.says = self.frameVersion
    return this.#inner.start(self, {
      receive: (from, frame) => {
        this.versions.add(frame[2] ?? 0)
        listener.receive(from, frame)
      },
      link: (peer, up, version) => listener.link(peer, up, version),
      refused: (peer, code, why) => listener.refused(peer, code, why),
    })
  }

  connect(peers: readonly PeerAddress[]): void {
    this.#inner.connect(peers)
  }

  send(...args: Parameters<Network['send']>): void {
    this.#inner.send(...args)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

const MEMBERS = [0, 1, 2].map((serial) => ({ id: `n${serial}`, serial, address: `${serial}` }))
const FEATURES = ['floors', 'reads', 'epochs', 'snapshots']

class Cluster {
  readonly #hub = new LocalHub()
  readonly #stores = MEMBERS.map(() => new MemoryStore())
  readonly nodes = new Map<number, Node>()
  readonly networks = new Map<number, Watched>()
  #written = 0

  async start(serial: number, version: Version): Promise<void> {
    const network = new Watched(this.#hub)
    const store = this.#stores[serial]
    if (store === undefined) throw new RangeError(`no store ${serial}`)
    const options: NodeOptions = {
      self: { id: `n${serial}` },
      ...{ members: MEMBERS, network },
      // A closed store of memory opens again: it is the disk.
      store: { ...delegate(store), close: async () => undefined },
      executors: [version === 'before' ? before.KvExecutor : KvExecutor],
      ...(version === 'before' ? {} : { features: version }),
    }
    this.networks.set(serial, network)
    const Opened = version === 'before' ? before.Node : Node
    this.nodes.set(serial, await Opened.open(options))
  }

  async roll(serial: number, version: Version): Promise<void> {
    await this.node(serial).close()
    this.nodes.delete(serial)
    await this.start(serial, version)
    await this.work()
  }

  node(serial: number): Node {
    const node = this.nodes.get(serial)
    if (node === undefined) throw new RangeError(`no node ${serial}`)
    return node
  }

  /** Each writes, and each sees it at once. */
  async work(): Promise<void> {
    for (const node of this.nodes.values()) {
      this.#written++
      const value = Uint8Array.of(this.#written)
      expect((await node.submit(Kv.write({ key: 'k', value }))).ok).toBe(true)
      for (const reader of this.nodes.values())
        expect(await reader.read(Kv.get('k'))).toEqual(value)
    }
  }

  features(): readonly (readonly string[] | undefined)[] {
    return [...this.nodes.values()].map((node) => node.status().features)
  }

  async end(): Promise<void> {
    const digests = new Set<string>()
    for (const node of this.nodes.values()) {
      await node.barrier()
      const { counters } = node.status()
      expect([counters.rejectedFrames, counters.rejectedMessages]).toEqual([0n, 0n])
      expect(await node.verify()).toMatchObject({ ok: true })
      digests.add(node.stateDigest())
    }
    expect(digests.size).toBe(1)
  }

  async close(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.close()))
  }
}

function delegate(store: Store): Omit<Store, 'close'> {
  return {
    get: (key) => store.get(key),
    scan: (range) => store.scan(range),
    write: (batch) => store.write(batch),
  }
}

let cluster: Cluster
afterEach(() => cluster.close())

test('a cluster of 0.1.0 is rolled to this version, back, and to the end', async () => {
  cluster = new Cluster()
  await Promise.all([0, 1, 2].map((serial) => cluster.start(serial, 'before')))
  await cluster.work()
  await cluster.roll(0, 'auto')
  await cluster.roll(1, 'hold')
  // To 0.1.0 only what it always got; between the others, what both read.
  expect(cluster.networks.get(2)?.says).toBe(undefined)
  expect([...(cluster.networks.get(2)?.versions ?? [])]).toEqual([1])
  expect(cluster.networks.get(0)?.says).toBe(2)
  expect([...(cluster.networks.get(0)?.versions ?? [])].toSorted()).toEqual([1, 2])
  await cluster.roll(2, 'hold')
  await cluster.roll(0, 'before')
  await cluster.roll(0, 'hold')
  await cluster.roll(1, 'before')
  await cluster.roll(1, 'hold')
  for (const serial of [0, 1]) cluster.node(serial).finishUpgrade()
  await cluster.work()
  expect(cluster.features()).toEqual([[], [], []])
  cluster.node(2).finishUpgrade()
  await expect.poll(() => cluster.features()).toEqual([FEATURES, FEATURES, FEATURES])
  await cluster.work()
  await cluster.end()
}, 30_000)

test('after that 0.1.0 refuses what is left, and this version goes on from it', async () => {
  cluster = new Cluster()
  await Promise.all([0, 1, 2].map((serial) => cluster.start(serial, 'auto')))
  await expect.poll(() => cluster.features()).toEqual([FEATURES, FEATURES, FEATURES])
  await expect(cluster.roll(1, 'before')).rejects.toMatchObject({ code: 'INCOMPATIBLE_VERSION' })
  await cluster.start(1, 'hold')
  // In use for ever: nothing is held back any more.
  expect(cluster.node(1).status().features).toEqual(FEATURES)
  await cluster.work()
  await cluster.end()
}, 30_000)
