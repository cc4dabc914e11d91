/** Nodes without a brain: each has a network under trial, a serial, and an ear. */

import {
  nodeSerial,
  type Bytes,
  type Network,
  type NetworkSelf,
  type NodeSerial,
  type PeerAddress,
} from 'synevi'
import { check, type ConformanceCase } from './conformance-case.ts'
import { Heard } from './heard.ts'
import type { MakeNetworks, NetworkFixture, TestNetwork } from './network-fixture.ts'

const WAIT_MS_DEFAULT = 10_000
const QUIET_MS_DEFAULT = 100

/** Which cluster most nodes belong to. */
const HOME: Bytes = Uint8Array.from({ length: 16 }, (_, index) => index + 1)

/** Who a node is. */
export interface NodeSpec {
  readonly serial: number
  /** Default made from the serial. */
  readonly id?: string
  /** Default the cluster of all others. */
  readonly cluster?: Bytes
  /** Default: it does not say. */
  readonly frameVersion?: number
}

/** A network and its ear. Calls into it are watched for calls back. */
export class TestNode {
  readonly network: Network
  readonly self: NetworkSelf
  readonly heard: Heard = new Heard()
  readonly #made: TestNetwork

  constructor(made: TestNetwork, spec: NodeSpec) {
    const { serial, id = `node-${serial}`, cluster = HOME, frameVersion } = spec
    this.#made = made
    this.network = made.network
    const said = frameVersion === undefined ? {} : { frameVersion }
    this.self = { cluster, id, serial: nodeSerial(serial), ...said }
  }

  get serial(): NodeSerial {
    return this.self.serial
  }

  get peer(): PeerAddress {
    return { id: this.self.id, serial: this.serial, address: this.addressOf() }
  }

  /** Where it is found, once it has started. */
  addressOf(): string {
    return this.#made.address(this.self.id)
  }

  start(): Promise<void> {
    return this.heard.during(() => this.network.start(this.self, this.heard))
  }

  connect(...peers: readonly TestNode[]): void {
    const addresses = peers.map(({ peer }) => peer)
    this.heard.during(() => this.network.connect(addresses))
  }

  send(to: TestNode, frame: Bytes): void {
    this.heard.during(() => this.network.send(to.serial, frame))
  }

  close(): Promise<void> {
    return this.heard.during(() => this.network.close())
  }
}

/** The nodes of one case, and what it waits for. */
export class NetworkTrial {
  readonly fixture: NetworkFixture
  readonly #nodes: TestNode[] = []

  constructor(fixture: NetworkFixture) {
    this.fixture = fixture
  }

  /** Not started yet. */
  node(spec: NodeSpec): TestNode {
    const node = new TestNode(this.fixture.open(), spec)
    this.#nodes.push(node)
    return node
  }

  /** Started, not connected. */
  async started(...serials: readonly number[]): Promise<readonly TestNode[]> {
    const nodes = serials.map((serial) => this.node({ serial }))
    await Promise.all(nodes.map((node) => node.start()))
    return nodes
  }

  /** Three nodes, all linked. */
  async trio(): Promise<readonly [TestNode, TestNode, TestNode]> {
    const [a, b, c] = await this.started(1, 2, 3)
    check(a !== undefined && b !== undefined && c !== undefined, 'three nodes')
    a.connect(b, c)
    b.connect(a, c)
    c.connect(a, b)
    for (const [one, other] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const)
      await this.linked(one, other)
    return [a, b, c]
  }

  /** Both ends were told of the link. */
  async linked(a: TestNode, b: TestNode): Promise<void> {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await this.until(
        one,
        () => one.heard.linkTo(other.serial) === true,
        `link ${one.serial} to ${other.serial} is up`,
      )
    }
  }

  async unlinked(node: TestNode, peer: TestNode): Promise<void> {
    await this.until(
      node,
      () => node.heard.linkTo(peer.serial) === false,
      `link ${node.serial} to ${peer.serial} is down`,
    )
  }

  /**
   * Sends until it arrives, for a frame may be lost. Resolves when it has; what was sent on this
   * link before has arrived by then, or never will, if the link keeps order.
   */
  async deliver(from: TestNode, to: TestNode, frame: Bytes): Promise<void> {
    const arrived = (): boolean => to.heard.has(from.serial, frame)
    from.send(to, frame)
    const again = setInterval(() => from.send(to, frame), 200)
    try {
      await this.until(
        to,
        arrived,
        `a frame of ${frame.length} bytes from ${from.serial} arrives at ${to.serial}`,
      )
    } finally {
      clearInterval(again)
    }
  }

  until(node: TestNode, condition: () => boolean, what: string): Promise<void> {
    return node.heard.until(condition, what, this.fixture.waitMs ?? WAIT_MS_DEFAULT)
  }

  /** Long enough for what must not happen. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.fixture.quietMs ?? QUIET_MS_DEFAULT))
  }

  /** Holds in every case: nothing is called from inside a call. */
  checkManners(): void {
    for (const { heard, serial } of this.#nodes) {
      const first = heard.synchronous[0]
      check(
        first === undefined,
        `node ${serial} was told of a ${first?.kind} from inside its own call into the network`,
      )
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()))
    await this.fixture.dispose()
  }
}

/** A case on fresh networks, whose manners count whatever else it looks at. */
export function networkCase(
  name: string,
  attempt: (trial: NetworkTrial) => Promise<void>,
): ConformanceCase<MakeNetworks> {
  return {
    name,
    run: async (make) => {
      const trial = new NetworkTrial(await make())
      try {
        await attempt(trial)
        trial.checkManners()
      } finally {
        await trial.dispose()
      }
    },
  }
}
