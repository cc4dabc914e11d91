/** For tests: networks that note all they hear, dialers that say what no honest peer says. */

import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type StatusObject,
} from '@grpc/grpc-js'
import { createConnection, type Socket } from 'node:net'
import { nodeSerial, type Bytes, type PeerAddress } from 'synevi'
import { GrpcNetwork } from '../grpc-network.ts'
import type { GrpcNetworkOptions } from '../options.ts'
import { asIs, EXCHANGE_PATH } from '../service.ts'
import { encodeHello, parseFromPeer, PEER_VERSION, type Hello, type Welcome } from '../wire.ts'

export const CLUSTER: Bytes = Buffer.alloc(16, 0xc1)
export const OTHER_CLUSTER: Bytes = Buffer.alloc(16, 0xc2)
const PATIENCE_MS = 10_000

export type Heard =
  | { readonly kind: 'frame'; readonly from: number; readonly frame: Bytes }
  | { readonly kind: 'link'; readonly peer: number; readonly up: boolean; readonly atMs: number }
  | {
      readonly kind: 'refused'
      readonly peer: number | undefined
      readonly code: string
      readonly why: string
    }

/** A started network under the name `node-SERIAL`. */
export interface TestNode {
  readonly network: GrpcNetwork
  readonly serial: number
  readonly address: string
  readonly peer: PeerAddress
  readonly heard: readonly Heard[]
  /** The first that fits, past or future; rejects after 10 s with all that was heard. */
  until<T extends Heard>(fits: (heard: Heard) => heard is T): Promise<T>
  untilLink(peer: number, up: boolean): Promise<Heard>
  untilRefused(code: string, why: RegExp): Promise<Extract<Heard, { kind: 'refused' }>>
  /** Forgets the past. */
  forget(): void
}

export interface TestNodeOptions extends Partial<GrpcNetworkOptions> {
  readonly cluster?: Bytes
  readonly id?: string
  /** Answers questions. Default: nobody does. */
  readonly asked?: (id: string, question: Bytes) => Promise<Bytes>
}

export async function startNode(serial: number, options: TestNodeOptions = {}): Promise<TestNode> {
  const { cluster = CLUSTER, id = `node-${serial}`, asked, ...rest } = options
  // A busy machine may keep a test from answering a ping for seconds: that is not what is tested.
  const keepalive = { everyMs: 1000, timeoutMs: 30_000 }
  const network = new GrpcNetwork({ listen: '127.0.0.1:0', seed: serial, keepalive, ...rest })
  const heard: Heard[] = []
  const waiting = new Set<() => void>()
  const note = (one: Heard): void => {
    heard.push(one)
    for (const look of waiting) look()
  }
  await network.start(
    { cluster, id, serial: nodeSerial(serial) },
    {
      receive: (from, frame) => note({ kind: 'frame', from, frame }),
      link: (peer, up) => note({ kind: 'link', peer, up, atMs: performance.now() }),
      refused: (peer, code, why) => note({ kind: 'refused', peer, code, why }),
      ...(asked === undefined ? {} : { asked }),
    },
  )
  const address = network.address ?? ''
  const until = <T extends Heard>(fits: (one: Heard) => one is T): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = heard.find(fits)
        if (found === undefined) return
        waiting.delete(look)
        clearTimeout(timer)
        resolve(found)
      }
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(
          new Error(`not heard by node ${serial}; heard: ${JSON.stringify(heard).slice(0, 2000)}`),
        )
      }, PATIENCE_MS)
      waiting.add(look)
      look()
    })
  return {
    network,
    serial,
    address,
    peer: { id, serial: nodeSerial(serial), address },
    heard,
    until,
    untilLink: (peer, up) =>
      until((one): one is Heard => one.kind === 'link' && one.peer === peer && one.up === up),
    untilRefused: (code, why) =>
      until(
        (one): one is Extract<Heard, { kind: 'refused' }> =>
          one.kind === 'refused' && one.code === code && why.test(one.why),
      ),
    forget: () => {
      heard.length = 0
    },
  }
}

/** All are told of all, and linked. */
export async function linkAll(nodes: readonly TestNode[]): Promise<void> {
  const peers = nodes.map((node) => node.peer)
  for (const node of nodes) node.network.connect(peers)
  const pairs = nodes.flatMap((node) =>
    nodes.filter((other) => other !== node).map((other) => node.untilLink(other.serial, true)),
  )
  await Promise.all(pairs)
}

/** Sends one frame each way and waits for both: the pair works, undisturbed. */
export async function exchange(left: TestNode, right: TestNode, mark: string): Promise<void> {
  const fits =
    (from: number) =>
    (one: Heard): one is Heard =>
      one.kind === 'frame' && one.from === from && Buffer.from(one.frame).toString() === mark
  left.network.send(nodeSerial(right.serial), Buffer.from(mark))
  right.network.send(nodeSerial(left.serial), Buffer.from(mark))
  await Promise.all([left.until(fits(right.serial)), right.until(fits(left.serial))])
}

/** A hello from `from` to `to` with whatever a test wants wrong. */
export function helloOf(from: number, to: TestNode, wrong: Partial<Hello> = {}): Hello {
  return {
    version: PEER_VERSION,
    cluster: CLUSTER,
    id: `node-${from}`,
    serial: from,
    instance: Buffer.alloc(8, from),
    targetId: to.peer.id,
    targetSerial: to.serial,
    frameVersion: 1,
    ...wrong,
  }
}

/** A stream opened by hand. */
export interface RawStream {
  readonly write: (message: Buffer) => boolean
  readonly welcome: Promise<Welcome>
  readonly ended: Promise<StatusObject>
  readonly drained: () => Promise<void>
  close(): void
}

/** Says `first`, and nothing else by itself. */
export function dialRaw(
  address: string,
  first: Hello | Buffer,
  security: ChannelCredentials = credentials.createInsecure(),
): RawStream {
  const client = new Client(address, security, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
    'grpc.ssl_target_name_override': 'peer.invalid',
  })
  const call = client.makeBidiStreamRequest(EXCHANGE_PATH, asIs, asIs, new Metadata())
  call.on('error', () => undefined)
  const ended = new Promise<StatusObject>((resolve) => {
    call.once('status', (status: StatusObject) => {
      resolve(status)
      // The connection stays: it is the other side's to close.
    })
  })
  const welcome = new Promise<Welcome>((resolve, reject) => {
    call.once('data', (message: Buffer) => {
      const parsed = parseFromPeer(message)
      if (parsed.ok) resolve(parsed.value)
      else reject(new Error(parsed.why))
    })
    void ended.then((status) => reject(new Error(`ended: ${status.details}`)))
  })
  welcome.catch(() => undefined)
  call.write(Buffer.isBuffer(first) ? first : encodeHello(first))
  return {
    write: (message) => call.write(message),
    welcome,
    ended,
    drained: () => new Promise((resolve) => call.once('drain', resolve)),
    close: () => {
      call.cancel()
      client.close()
    },
  }
}

/** A TCP connection and the moment it is closed by the other side. */
export async function dialTcp(address: string): Promise<{
  readonly socket: Socket
  readonly closed: Promise<void>
}> {
  const at = address.lastIndexOf(':')
  const socket = createConnection({
    host: address.slice(0, at),
    port: Number(address.slice(at + 1)),
  })
  socket.on('error', () => undefined)
  socket.resume()
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return { socket, closed }
}
