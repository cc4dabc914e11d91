/** Links between real sockets on loopback: up, frames, down, again, closed. */

import { createConnection, createServer, type Socket } from 'node:net'
import { nodeSerial, type NetworkListener } from 'synevi'
import { afterEach, expect, test } from 'vitest'
import { GrpcNetwork } from './grpc-network.ts'
import {
  CLUSTER,
  exchange,
  linkAll,
  startNode,
  type Heard,
  type TestNode,
} from './test/node-harness.ts'

const nodes: TestNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.network.close()))
})

async function start(...args: Parameters<typeof startNode>): Promise<TestNode> {
  const node = await startNode(...args)
  nodes.push(node)
  return node
}

/**
 * What takes milliseconds on a quiet machine (close 2, loss 2, return 15) may take this long on a
 * busy one.
 */
const BUDGET_MS = 2000

const SILENT_LISTENER: NetworkListener = {
  receive: () => undefined,
  link: () => undefined,
  refused: () => undefined,
}

test('port 0 is a free one, and the address says which', async () => {
  const a = await start(1)
  expect(a.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
  expect(a.network.advertised).toBe(a.address)
  const b = await start(2, { advertise: 'node2.example:7000' })
  expect(b.network.advertised).toBe('node2.example:7000')
})

test('peers link once each has accepted the other, and say so once', async () => {
  const [a, b, c] = [await start(1), await start(2), await start(3)]
  await linkAll([a, b, c])
  await exchange(a, b, 'a-b')
  await exchange(b, c, 'b-c')
  const links = a.heard.filter((one) => one.kind === 'link')
  expect(links.map((one) => [one.peer, one.up]).sort()).toEqual([
    [2, true],
    [3, true],
  ])
  expect([a, b, c].flatMap((node) => node.heard.filter((one) => one.kind === 'refused'))).toEqual(
    [],
  )
})

test('a peer that lists us and is not listed by us is not linked, on either side', async () => {
  const [a, b] = [await start(1), await start(2)]
  a.network.connect([])
  b.network.connect([a.peer])
  await b.untilRefused('MEMBERSHIP_UNKNOWN', /not among the peers/)
  expect([...a.heard, ...b.heard].filter((one) => one.kind === 'link')).toEqual([])
})

test('frames of one direction arrive whole and in order, from one byte to the limit', async () => {
  const limit = 300_000
  const [a, b] = [
    await start(1, { frameMaxBytes: limit }),
    await start(2, { frameMaxBytes: limit }),
  ]
  await linkAll([a, b])
  const sizes = [1, 2, 127, 128, 65_535, 65_536, limit, 16_384, 3]
  sizes.forEach((size, at) => a.network.send(nodeSerial(2), Buffer.alloc(size, at + 1)))
  a.network.send(nodeSerial(2), Buffer.from('last'))
  await b.until((one): one is Heard => one.kind === 'frame' && one.frame.length === 4)
  const frames = b.heard.flatMap((one) => (one.kind === 'frame' ? [one.frame] : []))
  expect(frames.map((frame) => frame.length)).toEqual([...sizes, 4])
  sizes.forEach((_size, at) => expect(frames[at]?.every((byte) => byte === at + 1)).toBe(true))
})

test('what cannot be sent is dropped: to a stranger, empty, above a limit of either', async () => {
  const [a, b] = [await start(1), await start(2, { frameMaxBytes: 1000 })]
  a.network.send(nodeSerial(2), Buffer.from('too early'))
  await linkAll([a, b])
  a.network.send(nodeSerial(9), Buffer.from('nobody'))
  a.network.send(nodeSerial(2), Buffer.alloc(0))
  a.network.send(nodeSerial(2), Buffer.alloc(1001))
  await exchange(a, b, 'after')
  expect(b.heard.filter((one) => one.kind === 'frame')).toHaveLength(1)
  expect(b.heard.filter((one) => one.kind === 'refused')).toEqual([])
})

test('a peer that closes is lost at once, and linked again at once after its return', async () => {
  const [a, b] = [await start(1), await start(2)]
  await linkAll([a, b])
  a.forget()
  const closedAtMs = performance.now()
  await b.network.close()
  await a.untilLink(2, false)
  expect(performance.now() - closedAtMs).toBeLessThan(BUDGET_MS)
  a.forget()
  const again = await start(2, { listen: b.address })
  const restartedAtMs = performance.now()
  again.network.connect([a.peer, b.peer])
  await Promise.all([a.untilLink(2, true), again.untilLink(1, true)])
  expect(performance.now() - restartedAtMs).toBeLessThan(BUDGET_MS)
  await exchange(a, again, 'again')
})

test('a peer that dials us is dialed at once, however long the wait would be', async () => {
  const a = await start(1, { reconnect: { minMs: 3_600_000, maxMs: 3_600_000 } })
  const free = await start(2)
  await free.network.close()
  a.network.connect([free.peer])
  // Its first attempt has failed once a second network could have been linked.
  const c = await start(3)
  const d = await start(4)
  await linkAll([c, d])
  const b = await start(2, { listen: free.address })
  b.network.connect([a.peer])
  await Promise.all([a.untilLink(2, true), b.untilLink(1, true)])
})

test('frames that waited when a stream was lost are not sent on the next one', async () => {
  const [a, b] = [await start(1), await start(2)]
  await linkAll([a, b])
  for (let at = 0; at < 20; at++) a.network.send(nodeSerial(2), Buffer.alloc(1_000_000, at))
  const closed = b.network.close()
  await a.untilLink(2, false)
  await closed
  a.forget()
  const again = await start(2, { listen: b.address })
  again.network.connect([a.peer])
  await Promise.all([a.untilLink(2, true), again.untilLink(1, true)])
  await exchange(a, again, 'fresh')
  expect(again.heard.filter((one) => one.kind === 'frame')).toHaveLength(1)
})

test('links to peers that are no longer wanted are closed, and those kept stay up', async () => {
  const [a, b, c] = [await start(1), await start(2), await start(3)]
  await linkAll([a, b, c])
  for (const node of [a, b, c]) node.forget()
  a.network.connect([a.peer, b.peer])
  expect(a.heard).toEqual([])
  await Promise.all([a.untilLink(3, false), c.untilLink(1, false)])
  await exchange(a, b, 'kept')
  expect(a.heard.filter((one) => one.kind === 'link')).toHaveLength(1)
  expect(b.heard.filter((one) => one.kind === 'link')).toEqual([])
})

test('a peer may move to another address', async () => {
  const [a, b] = [await start(1), await start(2)]
  await linkAll([a, b])
  a.forget()
  const moved = await start(2)
  a.network.connect([moved.peer])
  moved.network.connect([a.peer])
  await a.untilLink(2, false)
  await b.network.close()
  await Promise.all([a.untilLink(2, true), moved.untilLink(1, true)])
  await exchange(a, moved, 'moved')
})

test('dialMap stands in for the address of a peer', async () => {
  const b = await start(2)
  const a = await start(1, { dialMap: new Map([[2, b.address]]) })
  a.network.connect([{ ...b.peer, address: 'unreachable.invalid:1' }])
  b.network.connect([a.peer])
  await Promise.all([a.untilLink(2, true), b.untilLink(1, true)])
})

test('connect may come before start, and names the node itself without harm', async () => {
  const b = await start(2)
  const network = new GrpcNetwork({ listen: '127.0.0.1:0' })
  try {
    network.connect([b.peer, { id: 'node-1', serial: nodeSerial(1), address: '127.0.0.1:1' }])
    await network.start({ cluster: CLUSTER, id: 'node-1', serial: nodeSerial(1) }, SILENT_LISTENER)
    b.network.connect([{ id: 'node-1', serial: nodeSerial(1), address: network.address ?? '' }])
    await b.untilLink(1, true)
  } finally {
    await network.close()
  }
})

test('close is quick, harmless when repeated, and silent', async () => {
  const [a, b] = [await start(1), await start(2)]
  await linkAll([a, b])
  a.forget()
  const atMs = performance.now()
  await Promise.all([a.network.close(), a.network.close()])
  await a.network.close()
  expect(performance.now() - atMs).toBeLessThan(BUDGET_MS)
  await b.untilLink(1, false)
  a.network.send(nodeSerial(2), Buffer.from('x'))
  a.network.connect([b.peer])
  await b.network.close()
  expect(a.heard).toEqual([])
})

test('close does not wait for a peer that no longer answers', async () => {
  // Accepts a connection and leaves it alone: a process that is stopped looks like this.
  const stopped = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => stopped.listen(0, '127.0.0.1', resolve))
  const bound = stopped.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const accepted = new Promise<Socket>((resolve) => stopped.once('connection', resolve))
  const a = await start(1)
  a.network.connect([{ id: 'node-2', serial: nodeSerial(2), address: `127.0.0.1:${port}` }])
  const socket = await accepted
  const atMs = performance.now()
  await a.network.close()
  expect(performance.now() - atMs).toBeLessThan(BUDGET_MS)
  expect(['ECONNRESET', 'EPIPE']).toContain(await resetOf(socket))
  stopped.close()
})

test('close resets the connection to a linked peer that no longer answers', async () => {
  const b = await start(2)
  const relay = await startRelay(b.address)
  const a = await start(1, { dialMap: new Map([[2, relay.address]]) })
  await linkAll([a, b])
  const [client] = relay.freeze()
  if (client === undefined) throw new Error('nothing passed the relay')
  await a.network.close()
  expect(['ECONNRESET', 'EPIPE']).toContain(await resetOf(client))
  relay.close()
})

test('an address in use, a second start, a start after close: refused with a code', async () => {
  const a = await start(1)
  const self = { cluster: CLUSTER, id: 'node-2', serial: nodeSerial(2) }
  const taken = new GrpcNetwork({ listen: a.address })
  await expect(taken.start(self, SILENT_LISTENER)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await expect(a.network.start(self, SILENT_LISTENER)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await a.network.close()
  await expect(a.network.start(self, SILENT_LISTENER)).rejects.toMatchObject({ code: 'CLOSED' })
})

test('the oldest frames go when a peer does not keep up, whole frames only', async () => {
  const frameMaxBytes = 1_000_000
  const options = { frameMaxBytes, queueMaxBytes: 2 * frameMaxBytes }
  const [a, b] = [await start(1, options), await start(2, options)]
  await linkAll([a, b])
  // All in one turn: nothing can leave meanwhile.
  for (let at = 1; at <= 20; at++) a.network.send(nodeSerial(2), Buffer.alloc(500_000, at))
  a.network.send(nodeSerial(2), Buffer.from('last'))
  await b.until((one): one is Heard => one.kind === 'frame' && one.frame.length === 4)
  const firsts = b.heard.flatMap((one) => (one.kind === 'frame' ? [one.frame[0]] : []))
  expect(firsts).toEqual([18, 19, 20, 'l'.charCodeAt(0)])
})

/** The code of the error by which the other end proves to be gone, and not half closed. */
async function resetOf(socket: Socket): Promise<string | undefined> {
  const reset = new Promise<string | undefined>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
  socket.resume()
  const poke = setInterval(() => socket.write('x'), 5)
  const code = await reset
  clearInterval(poke)
  return code
}

/** Passes bytes on until it freezes: then it reads, and neither passes on nor answers. */
async function startRelay(target: string): Promise<{
  readonly address: string
  /** The connections that were accepted. */
  freeze(): readonly Socket[]
  close(): void
}> {
  const accepted: Socket[] = []
  const dialed: Socket[] = []
  let frozen = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = createConnection({
      host: '127.0.0.1',
      port: Number(target.slice(target.lastIndexOf(':') + 1)),
      allowHalfOpen: true,
    })
    accepted.push(client)
    dialed.push(upstream)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => undefined)
      from.on('data', (bytes: Buffer) => {
        if (!frozen) to.write(bytes)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  return {
    address: `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    freeze: () => {
      frozen = true
      return accepted
    },
    close: () => {
      for (const socket of [...accepted, ...dialed]) socket.destroy()
      server.close()
    },
  }
}
