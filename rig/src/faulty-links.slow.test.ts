/**
 * Two and three `GrpcNetwork`s that dial each other through the fault proxy: what each fault does
 * to their links.
 */

import { GrpcNetwork } from '@synevi/network-grpc'
import { nodeSerial } from 'synevi'
import { afterEach, expect, test } from 'vitest'
import { TcpProxy } from './tcp-proxy.ts'

const CLUSTER = Buffer.alloc(16, 0xc1)
/** So long that a busy machine cannot be taken for a silent peer. */
const PATIENT = { everyMs: 1000, timeoutMs: 30_000 }
/** For faults that only keepalive notices. */
const QUICK = { everyMs: 200, timeoutMs: 1000 }
const SERIALS = [1, 2, 3]

/** What a network was told, as `2 up`, `2 down`, `2: text`. */
interface Listening {
  readonly network: GrpcNetwork
  readonly heard: string[]
  /** Resolves once it has heard that, from now on. */
  next(what: string): Promise<void>
}

let proxy: TcpProxy
let nodes: ReadonlyMap<number, Listening>

async function listen(serial: number, keepalive: typeof QUICK): Promise<Listening> {
  const network = new GrpcNetwork({
    listen: '127.0.0.1:0',
    dialMap: proxy.dialMapOf(serial),
    keepalive,
    dialTimeoutMs: 2000,
    reconnect: { minMs: 20, maxMs: 200 },
    seed: serial,
  })
  const heard: string[] = []
  const waiting = new Set<(what: string) => void>()
  const note = (what: string): void => {
    heard.push(what)
    for (const look of waiting) look(what)
  }
  await network.start(
    { cluster: CLUSTER, id: `node-${serial}`, serial: nodeSerial(serial) },
    {
      receive: (from, frame) => note(`${from}: ${Buffer.from(frame).toString()}`),
      link: (peer, up) => note(`${peer} ${up ? 'up' : 'down'}`),
      refused: () => undefined,
    },
  )
  proxy.aim(serial, network.address ?? '')
  const next = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (what: string): void => {
        if (what !== wanted) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
    })
  return { network, heard, next }
}

function node(serial: number): Listening {
  const found = nodes.get(serial)
  if (found === undefined) throw new Error(`no node ${serial}`)
  return found
}

/** Three nodes, all linked through the proxy. */
async function open(keepalive: typeof QUICK): Promise<void> {
  proxy = await TcpProxy.open({ serials: SERIALS, seed: 1 })
  const started = new Map<number, Listening>()
  for (const serial of SERIALS) started.set(serial, await listen(serial, keepalive))
  nodes = started
  const peers = SERIALS.map((serial) => ({
    id: `node-${serial}`,
    serial: nodeSerial(serial),
    // Never dialed: the proxy's ports are.
    address: '127.0.0.1:1',
  }))
  const linked = SERIALS.flatMap((serial) =>
    SERIALS.filter((peer) => peer !== serial).map((peer) => node(serial).next(`${peer} up`)),
  )
  for (const { network } of nodes.values()) network.connect(peers)
  await Promise.all(linked)
}

afterEach(async () => {
  await Promise.all([...nodes.values()].map(({ network }) => network.close()))
  await proxy.close()
})

async function exchange(left: number, right: number): Promise<void> {
  const got = Promise.all([node(left).next(`${right}: hi`), node(right).next(`${left}: hi`)])
  const send = (): void => {
    node(left).network.send(nodeSerial(right), Buffer.from('hi'))
    node(right).network.send(nodeSerial(left), Buffer.from('hi'))
  }
  send()
  // Best effort: what is lost is sent again.
  const again = setInterval(send, 200)
  await got
  clearInterval(again)
}

/**
 * Runs `fault` and waits until 1 and 2 have lost each other; then heals, and waits until they have
 * not.
 */
async function lostAndFound(fault: () => void): Promise<void> {
  const lost = [node(1).next('2 down'), node(2).next('1 down')]
  fault()
  await Promise.all(lost)
  const found = [node(1).next('2 up'), node(2).next('1 up')]
  proxy.healAll()
  await Promise.all(found)
  await exchange(1, 2)
  await exchange(1, 3)
}

test('all traffic passes the proxy', async () => {
  await open(PATIENT)
  await exchange(1, 2)
  for (const link of proxy.links) expect(link.counts.connections).toBeGreaterThanOrEqual(1)
})

test('a cut link is lost on both sides at once, whichever direction is cut', async () => {
  await open(PATIENT)
  await lostAndFound(() => proxy.link(1, 2).cut())
  await lostAndFound(() => proxy.link(2, 1).cut())
  await lostAndFound(() => {
    for (const link of proxy.between([1], [2])) link.cut()
  })
  // Node 3 and its links have not noticed.
  expect(node(3).heard.filter((what) => what.endsWith('down'))).toEqual([])
})

test('a link that stalls is noticed by keepalive, and works again when healed', async () => {
  await open(QUICK)
  await lostAndFound(() => proxy.link(1, 2).stall('forward'))
  await lostAndFound(() => proxy.link(1, 2).stall('backward'))
  await lostAndFound(() => {
    for (const link of proxy.between([1], [2])) link.stall('both')
  })
})

test('a link that swallows is half open: noticed by keepalive, replaced when healed', async () => {
  await open(QUICK)
  await lostAndFound(() => proxy.link(2, 1).swallow('both'))
  await lostAndFound(() => {
    for (const link of proxy.between([1], [2])) link.swallow('both')
  })
})

test('a slow link is not a lost one', async () => {
  await open(PATIENT)
  for (const link of proxy.between([1], [2])) link.shape({ delayMs: 50, jitterMs: 30 })
  const got = Array.from({ length: 20 }, (_, at) => node(2).next(`1: ${at}`))
  for (let at = 0; at < 20; at++) node(1).network.send(nodeSerial(2), Buffer.from(`${at}`))
  await Promise.all(got)
  const order = node(2).heard.flatMap((what) =>
    what.startsWith('1: ') ? [Number(what.slice(3))] : [],
  )
  expect(order).toEqual(Array.from({ length: 20 }, (_, at) => at))
  expect(node(1).heard.filter((what) => what.endsWith('down'))).toEqual([])
})

test('a flapping link comes and goes, and stays when it is over', async () => {
  await open(PATIENT)
  const lost = node(1).next('2 down')
  for (const link of proxy.between([1], [2])) link.flap({ downMs: 60, upMs: 90 })
  await lost
  await node(1).next('2 up')
  await node(1).next('2 down')
  const found = [node(1).next('2 up'), node(2).next('1 up')]
  proxy.healAll()
  await Promise.all(found)
  await exchange(1, 2)
})
