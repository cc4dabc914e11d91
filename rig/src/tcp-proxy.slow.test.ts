/** Each fault of the proxy, by its effect on a plain TCP connection. */

import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TcpProxy, type ProxyLink } from './tcp-proxy.ts'

let proxy: TcpProxy
let link: ProxyLink
let server: Server
const accepted: Socket[] = []
const dialed: Socket[] = []

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    accepted.push(socket)
    server.emit('accepted', socket)
  })
  server.listen(0, '127.0.0.1')
  await happens(server, 'listening')
  const bound = server.address()
  proxy = await TcpProxy.open({ serials: [1, 2], seed: 1 })
  link = proxy.link(1, 2)
  proxy.aim(2, `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`)
})

afterEach(async () => {
  for (const socket of [...accepted.splice(0), ...dialed.splice(0)]) socket.destroy()
  await proxy.close()
  await proxy.close()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

function dial(): Socket {
  const at = link.address.lastIndexOf(':')
  const socket = connect({ host: '127.0.0.1', port: Number(link.address.slice(at + 1)) })
  socket.on('error', () => undefined)
  dialed.push(socket)
  return socket
}

/** Both ends of a connection through the link. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const arrives = next('accepted')
  const client = dial()
  return [client, await arrives]
}

function next(event: 'accepted'): Promise<Socket> {
  return new Promise((resolve) => server.once(event, resolve))
}

function happens(
  emitter: { once(event: string, listener: () => void): unknown },
  event: string,
): Promise<void> {
  return new Promise((resolve) => emitter.once(event, () => resolve()))
}

/** Resolves with the first `length` bytes and the moment the last of them came. */
function read(socket: Socket, length: number): Promise<{ text: string; atMs: number }> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < length) return
      resolve({ text: bytes.subarray(0, length).toString('latin1'), atMs: performance.now() })
    })
  })
}

/** Several turns of the event loop in which bytes on loopback would have arrived. */
async function whatWouldHaveCome(socket: Socket): Promise<number> {
  const before = socket.bytesRead
  // Real time is what the fault is about: there is no event for what does not happen.
  await new Promise((resolve) => setTimeout(resolve, 50))
  return socket.bytesRead - before
}

test('without faults bytes, and both ends of a stream, pass as they are', async () => {
  const [client, upstream] = await pair()
  client.write('there')
  expect((await read(upstream, 5)).text).toBe('there')
  upstream.write('back')
  expect((await read(client, 4)).text).toBe('back')
  const large = Buffer.alloc(3_000_000, 0x61)
  const whole = read(upstream, large.length)
  client.write(large)
  await whole
  const ended = happens(upstream, 'end')
  client.end()
  await ended
  const closed = happens(client, 'close')
  upstream.end()
  await closed
  expect(link.counts).toMatchObject({
    connections: 1,
    refused: 0,
    reset: 0,
    forwardBytes: 3_000_005,
    backwardBytes: 4,
    swallowedBytes: 0,
  })
})

test('a reset at one end is a reset at the other', async () => {
  const [client, upstream] = await pair()
  client.write('x')
  await read(upstream, 1)
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve))
  upstream.resetAndDestroy()
  expect((await failed).code).toBe('ECONNRESET')
})

test('nothing listens behind the link: the dialer is told', async () => {
  await new Promise<void>((resolve) => server.close(() => resolve()))
  await happens(dial(), 'close')
  server.listen(0, '127.0.0.1')
})

test('a link that is not aimed turns connections away', async () => {
  link = proxy.link(2, 1)
  await happens(dial(), 'close')
  expect(link.counts.refused).toBe(1)
})

test('cut resets what stands and what comes, until healed', async () => {
  const [client, upstream] = await pair()
  const gone = Promise.all([happens(client, 'close'), happens(upstream, 'close')])
  link.cut()
  await gone
  await happens(dial(), 'close')
  expect(link.counts).toMatchObject({ reset: 1, refused: 1 })
  link.heal()
  const [again, there] = await pair()
  again.write('ok')
  expect((await read(there, 2)).text).toBe('ok')
})

test('stalled one way: that way waits, the other goes on, and nothing is lost', async () => {
  const [client, upstream] = await pair()
  link.stall('forward')
  client.write('late')
  upstream.write('now')
  const late = read(upstream, 4)
  expect((await read(client, 3)).text).toBe('now')
  expect(await whatWouldHaveCome(upstream)).toBe(0)
  link.heal()
  expect((await late).text).toBe('late')
})

test('stalled: a new connection stands at the dialer and reaches nobody until healed', async () => {
  link.stall('both')
  const client = dial()
  await happens(client, 'connect')
  client.write('hello')
  expect(accepted).toEqual([])
  const arrives = next('accepted')
  link.heal()
  expect((await read(await arrives, 5)).text).toBe('hello')
})

test('swallowed: bytes and ends vanish, and healing resets what lost some', async () => {
  const [client, upstream] = await pair()
  link.swallow('forward')
  client.write('lost')
  expect(await whatWouldHaveCome(upstream)).toBe(0)
  expect(link.counts.swallowedBytes).toBe(4)
  upstream.write('still heard')
  expect((await read(client, 11)).text).toBe('still heard')
  client.destroy()
  expect(await whatWouldHaveCome(upstream)).toBe(0)
  expect(upstream.destroyed).toBe(false)
  const gone = happens(upstream, 'close')
  link.heal()
  await gone
})

test('delay holds each chunk back, and keeps the order under jitter', async () => {
  const [client, upstream] = await pair()
  link.shape({ delayMs: 60, jitterMs: 40 })
  const atMs = performance.now()
  const expected = Array.from({ length: 50 }, (_, at) => `${at};`).join('')
  const whole = read(upstream, expected.length)
  for (let at = 0; at < 50; at++) {
    client.write(`${at};`)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const got = await whole
  expect(got.text).toBe(expected)
  expect(got.atMs - atMs).toBeGreaterThan(20)
})

test('a limited link is as slow as it says', async () => {
  const [client, upstream] = await pair()
  link.shape({ bytesPerSecond: 1_000_000 })
  const atMs = performance.now()
  const whole = read(upstream, 200_000)
  client.write(Buffer.alloc(200_000))
  expect((await whole).atMs - atMs).toBeGreaterThan(150)
})

test('a sender is not read from while much is on its way', async () => {
  const [client] = await pair()
  link.shape({ bytesPerSecond: 1000 })
  for (let at = 0; at < 32; at++) client.write(Buffer.alloc(1_000_000))
  // Until what the operating system takes is full, and the rest stays where it is.
  let before = -1
  while (client.writableLength !== before) {
    before = client.writableLength
    await whatWouldHaveCome(client)
  }
  expect(client.writableLength).toBeGreaterThan(0)
})

test('flapping cuts and heals by itself, until healed for good', async () => {
  link.flap({ downMs: 10, upMs: 20 })
  // Down when dialed, or cut soon after: every connection ends, some of them after they stood.
  while (link.counts.reset < 2 || link.counts.refused < 2) await happens(dial(), 'close')
  link.heal()
  const { reset } = link.counts
  const [client, upstream] = await pair()
  expect(await whatWouldHaveCome(upstream)).toBe(0)
  expect(client.destroyed).toBe(false)
  expect(link.counts.reset).toBe(reset)
})

test('links are found by their ends', async () => {
  const three = await TcpProxy.open({ serials: [1, 2, 3], seed: 1 })
  expect(three.links).toHaveLength(6)
  expect([...three.dialMapOf(2)]).toEqual([
    [1, three.link(2, 1).address],
    [3, three.link(2, 3).address],
  ])
  const crossing = three.between([1], [2, 3]).map(({ from, to }) => `${from}${to}`)
  expect(crossing.toSorted()).toEqual(['12', '13', '21', '31'])
  expect(() => three.link(1, 4)).toThrow(RangeError)
  await three.close()
})
