/**
 * Who is turned away or cut off at the peer port, with which code; a valid pair beside them is not
 * disturbed.
 */

import { Server, ServerCredentials, status, type ServerDuplexStream } from '@grpc/grpc-js'
import { connect } from 'node:http2'
import { createServer } from 'node:net'
import { nodeSerial } from 'synevi'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CODE_TRAILER, EXCHANGE_PATH, PEER_SERVICE } from './service.ts'
import {
  CLUSTER,
  dialRaw,
  dialTcp,
  exchange,
  helloOf,
  linkAll,
  OTHER_CLUSTER,
  startNode,
  type Heard,
  type TestNode,
  type TestNodeOptions,
} from './test/node-harness.ts'
import { encodeFrames, encodeHello, encodeWelcome, type Hello, type Welcome } from './wire.ts'

/** For the tests of silence; the others must not run into it on a busy machine. */
const HELLO_TIMEOUT_MS = 300
const FRAME_MAX_BYTES = 100_000

const nodes: TestNode[] = []
/**
 * The pair that must not notice anything. Node 3 is a peer of node 1, too, and the tests speak in
 * its name.
 */
let a: TestNode
let b: TestNode

async function start(serial: number, options: TestNodeOptions = {}): Promise<TestNode> {
  const node = await startNode(serial, {
    helloTimeoutMs: 60_000,
    frameMaxBytes: FRAME_MAX_BYTES,
    strangersMax: 8,
    receive: { framesPerSecondMax: 5000, bytesPerSecondMax: 50_000_000, patienceMs: 300 },
    ...options,
  })
  nodes.push(node)
  return node
}

const NODE_3 = { id: 'node-3', serial: nodeSerial(3), address: '127.0.0.1:1' }

beforeEach(async () => {
  a = await start(1)
  b = await start(2)
  await linkAll([a, b])
  a.network.connect([a.peer, b.peer, NODE_3])
})

afterEach(async () => {
  try {
    const before = [...a.heard, ...b.heard].filter((one) => one.kind === 'link' && !one.up)
    await exchange(a, b, 'undisturbed')
    expect(before.filter((one) => one.kind === 'link' && one.peer !== 3)).toEqual([])
  } finally {
    await Promise.all(nodes.splice(0).map((node) => node.network.close()))
  }
})

describe('a hello', () => {
  const cases: readonly {
    readonly name: string
    readonly wrong: Partial<Hello>
    readonly code: string
    readonly why: RegExp
  }[] = [
    {
      name: 'of another version',
      wrong: { version: 2 },
      code: 'INCOMPATIBLE_VERSION',
      why: /speaks peer protocol 2, this node 1/,
    },
    {
      name: 'of another cluster',
      wrong: { cluster: OTHER_CLUSTER },
      code: 'INVALID_ARGUMENT',
      why: /belongs to cluster c2c2/,
    },
    {
      name: 'of somebody who is not a peer',
      wrong: { id: 'node-9', serial: 9 },
      code: 'MEMBERSHIP_UNKNOWN',
      why: /node-9, serial 9, is not among the peers/,
    },
    {
      name: 'for another serial than the one reached',
      wrong: { targetSerial: 2 },
      code: 'INVALID_ARGUMENT',
      why: /dialed node node-1, serial 2, and reached node node-1, serial 1/,
    },
    {
      name: 'for another node than the one reached',
      wrong: { targetId: 'node-2' },
      code: 'INVALID_ARGUMENT',
      why: /dialed node node-2, serial 1, and reached node node-1/,
    },
    {
      name: 'under the serial of another peer',
      wrong: { id: 'impostor' },
      code: 'SERIAL_TAKEN',
      why: /impostor, serial 3, uses the serial of node node-3/,
    },
    {
      name: 'under the serial of the node it dials',
      wrong: { serial: 1 },
      code: 'SERIAL_TAKEN',
      why: /uses the serial of this node, node-1/,
    },
    {
      name: 'with characters that would break a log',
      wrong: { id: 'x\n\u001b[31m\ud83d', serial: 9 },
      code: 'MEMBERSHIP_UNKNOWN',
      why: /^node x\?\?\[31m\?+, serial 9, is not/,
    },
  ]
  test.each(cases)('$name is refused on both sides, with $code', async ({ wrong, code, why }) => {
    const stream = dialRaw(a.address, helloOf(3, a, wrong))
    const ended = await stream.ended
    expect(ended.code).toBe(status.FAILED_PRECONDITION)
    expect(ended.metadata.get(CODE_TRAILER)).toEqual([code])
    expect(ended.details).toMatch(why)
    await a.untilRefused(code, why)
    await expect(stream.welcome).rejects.toThrow()
    stream.close()
  })

  test('that fits is welcomed, and told who answers and how long a frame may be', async () => {
    const stream = dialRaw(a.address, helloOf(3, a))
    const welcome = await stream.welcome
    expect(welcome).toMatchObject({ id: 'node-1', serial: 1, frameMaxBytes: FRAME_MAX_BYTES })
    expect(Buffer.compare(welcome.cluster, CLUSTER)).toBe(0)
    stream.write(encodeFrames([Buffer.from('one'), Buffer.from('two')]))
    const from3 = (one: Heard): one is Heard =>
      one.kind === 'frame' && Buffer.from(one.frame).toString() === 'two'
    expect(await a.until(from3)).toMatchObject({ from: 3 })
    stream.close()
  })

  test('said twice ends the stream', async () => {
    const stream = dialRaw(a.address, helloOf(3, a))
    await stream.welcome
    stream.write(encodeHello(helloOf(3, a)))
    expect((await stream.ended).details).toMatch(/hello twice/)
    await a.untilRefused('INVALID_ARGUMENT', /hello twice/)
    stream.close()
  })

  test('missing before the first frame ends the stream', async () => {
    const stream = dialRaw(a.address, encodeFrames([Buffer.from('frame')]))
    expect((await stream.ended).details).toMatch(/frames before its hello/)
    stream.close()
  })

  test('of a second process under one name is refused while the first is heard from', async () => {
    const first = dialRaw(a.address, helloOf(3, a))
    await first.welcome
    const second = dialRaw(a.address, helloOf(3, a, { instance: Buffer.alloc(8, 0x33) }))
    expect((await second.ended).metadata.get(CODE_TRAILER)).toEqual(['SERIAL_TAKEN'])
    await a.untilRefused('SERIAL_TAKEN', /second process/)
    second.close()
    first.write(encodeFrames([Buffer.from('still here')]))
    await a.until((one): one is Heard => one.kind === 'frame' && one.from === 3)
    first.close()
  })

  test('of a process that came back on a new connection replaces the old stream', async () => {
    const old = dialRaw(a.address, helloOf(3, a))
    await old.welcome
    const fresh = dialRaw(a.address, helloOf(3, a))
    await fresh.welcome
    await old.ended
    fresh.write(encodeFrames([Buffer.from('fresh')]))
    await a.until((one): one is Heard => one.kind === 'frame' && one.from === 3)
    old.close()
    fresh.close()
  })

  test('before the listener knows its peers is not a refusal: dial again', async () => {
    const c = await start(4)
    const stream = dialRaw(c.address, helloOf(3, c))
    expect((await stream.ended).metadata.get(CODE_TRAILER)).toEqual(['NOT_READY'])
    expect(c.heard).toEqual([])
    stream.close()
  })
})

test('a node that reaches another cluster says so, and so does the one it reached', async () => {
  const stranger = await start(3, { cluster: OTHER_CLUSTER })
  stranger.network.connect([a.peer])
  await stranger.untilRefused('INVALID_ARGUMENT', /belongs to cluster/)
  await a.untilRefused('INVALID_ARGUMENT', /belongs to cluster/)
})

test('a node that dials itself under the name of a peer says so', async () => {
  a.network.connect([a.peer, b.peer, { ...NODE_3, address: a.address }])
  await a.untilRefused('INVALID_ARGUMENT', /dialed itself/)
})

test('what is refused again and again is reported once', async () => {
  const refused: Heard[] = []
  for (let at = 0; at < 5; at++) {
    const stream = dialRaw(a.address, helloOf(3, a, { id: 'impostor' }))
    await stream.ended
    stream.close()
  }
  refused.push(...a.heard.filter((one) => one.kind === 'refused' && one.code === 'SERIAL_TAKEN'))
  expect(refused).toHaveLength(1)
})

describe('on the bare port,', () => {
  test.each([
    ['an HTTP/1.1 request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /not HTTP\/2/],
    ['a TLS handshake', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), /speaks TLS/],
    ['zeros', Buffer.alloc(100_000), /not HTTP\/2/],
  ])('%s ends the connection', async (_name, bytes, why) => {
    const { socket, closed } = await dialTcp(a.address)
    socket.write(bytes)
    await closed
    await a.untilRefused('INVALID_ARGUMENT', why)
  })

  test.each([1, 2, 3, 4])('HTTP/2 that turns into noise ends the connection (%d)', async (seed) => {
    const { socket, closed } = await dialTcp(a.address)
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919 * seed) >>> 3))
    socket.write(noise)
    await closed
  })

  test('silence ends the connection, and so does a stream without a hello', async () => {
    const c = await start(4, { helloTimeoutMs: HELLO_TIMEOUT_MS })
    const { closed } = await dialTcp(c.address)
    const atMs = performance.now()
    await closed
    expect(performance.now() - atMs).toBeGreaterThan(HELLO_TIMEOUT_MS / 2)
    await c.untilRefused('TIMEOUT', /no hello within 300 ms/)
    const preface = await dialTcp(c.address)
    preface.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await preface.closed
  })

  test('a crowd of silent connections keeps nobody out', async () => {
    const crowd = await Promise.all(Array.from({ length: 40 }, () => dialTcp(a.address)))
    const c = await start(3)
    a.network.connect([a.peer, b.peer, c.peer])
    c.network.connect([a.peer])
    await Promise.all([a.untilLink(3, true), c.untilLink(1, true)])
    await a.untilRefused('OVERLOADED', /more than 8 connections without a hello/)
    await Promise.all(crowd.slice(0, 20).map((one) => one.closed))
    for (const { socket } of crowd) socket.destroy()
  })

  test('a stranger that pours in bytes is closed before its time is up', async () => {
    const session = connect(`http://${a.address}`)
    session.on('error', () => undefined)
    const stream = session.request({
      ':method': 'POST',
      ':path': EXCHANGE_PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.on('error', () => undefined)
    // A message within the limit that never ends.
    const beginning = Buffer.alloc(90_000)
    beginning.writeUInt32BE(FRAME_MAX_BYTES, 1)
    stream.write(beginning)
    await new Promise<void>((resolve) => session.once('close', () => resolve()))
    await a.untilRefused('OVERLOADED', /more than 65536 bytes without a hello/)
  })
})

describe('an accepted peer', () => {
  test('that sends what is not protobuf is cut off', async () => {
    const stream = dialRaw(a.address, helloOf(3, a))
    await stream.welcome
    stream.write(Buffer.from([0xff, 0xff, 0xff]))
    expect((await stream.ended).details).toMatch(/not protobuf/)
    const refused = await a.untilRefused('INVALID_ARGUMENT', /not protobuf/)
    expect(refused.peer).toBe(3)
    stream.close()
  })

  test.each([
    ['an empty frame', encodeFrames([new Uint8Array(0)]), /an empty frame/],
    ['an empty message', Buffer.alloc(0), /neither hello nor frame/],
  ])('that sends %s is cut off', async (_name, message, why) => {
    const stream = dialRaw(a.address, helloOf(3, a))
    await stream.welcome
    stream.write(message)
    expect((await stream.ended).details).toMatch(why)
    stream.close()
  })

  test.each([1, 5_000_000])('that sends a frame %d bytes too long is cut off', async (excess) => {
    const stream = dialRaw(a.address, helloOf(3, a))
    await stream.welcome
    stream.write(encodeFrames([Buffer.alloc(FRAME_MAX_BYTES + excess)]))
    await stream.ended
    const refused = await a.untilRefused('PAYLOAD_TOO_LARGE', /100000/)
    expect(refused.peer).toBe(3)
    expect(a.heard.filter((one) => one.kind === 'frame' && one.from === 3)).toEqual([])
    stream.close()
  })

  test('that floods waits, then is cut off, and stays outside for a while', async () => {
    const stream = dialRaw(a.address, helloOf(3, a))
    await stream.welcome
    let over = false
    void stream.ended.then(() => {
      over = true
    })
    const flood = encodeFrames(Array.from({ length: 200 }, () => Buffer.alloc(100, 7)))
    const atMs = performance.now()
    // Read anew each time: it changes while we wait.
    const isOver = (): boolean => over
    while (!isOver()) {
      if (!stream.write(flood)) await Promise.race([stream.drained(), stream.ended])
    }
    const seconds = (performance.now() - atMs) / 1000
    const refused = await a.untilRefused('OVERLOADED', /sent more than it may/)
    expect(refused.peer).toBe(3)
    // It was made to wait: little more got through than 5000 frames a second.
    const frames = a.heard.filter((one) => one.kind === 'frame' && one.from === 3).length
    expect(frames).toBeLessThan(5000 * (seconds + 1))
    stream.close()
    const again = dialRaw(a.address, helloOf(3, a))
    expect((await again.ended).metadata.get(CODE_TRAILER)).toEqual(['OVERLOADED'])
    again.close()
  })
})

test('an address with a gRPC server that is no peer port is refused by the dialer', async () => {
  const other = new Server()
  const port = await new Promise<number>((resolve) => {
    other.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => {
      resolve(bound)
    })
  })
  a.network.connect([a.peer, b.peer, { ...NODE_3, address: `127.0.0.1:${port}` }])
  await a.untilRefused('INVALID_ARGUMENT', /not the peer port of a Synevi node/)
  other.forceShutdown()
})

test('a peer port that answers as another node is refused by the dialer', async () => {
  const other = new Server()
  const welcome: Welcome = {
    version: 1,
    cluster: CLUSTER,
    id: 'node-9',
    serial: 3,
    instance: Buffer.alloc(8, 9),
    frameMaxBytes: 1000,
    frameVersion: 1,
  }
  other.addService(PEER_SERVICE, {
    Exchange: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('error', () => undefined)
      call.write(encodeWelcome(welcome))
    },
  })
  const port = await new Promise<number>((resolve) => {
    other.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => {
      resolve(bound)
    })
  })
  a.network.connect([a.peer, b.peer, { ...NODE_3, address: `127.0.0.1:${port}` }])
  await a.untilRefused('INVALID_ARGUMENT', /does not answer as node node-3, serial 3/)
  other.forceShutdown()
})

test('an address where every connection is closed unanswered is reported in the end', async () => {
  const other = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const bound = other.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  a.network.connect([a.peer, b.peer, { ...NODE_3, address: `127.0.0.1:${port}` }])
  await a.untilRefused('TIMEOUT', /closes our connections before it answers/)
  other.close()
})
