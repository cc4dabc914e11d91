/** Options and addresses: what is refused, by which words. */

import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from './address.ts'
import { GrpcNetwork } from './grpc-network.ts'
import { parseOptions, type GrpcNetworkOptions } from './options.ts'

const LISTEN = { listen: '127.0.0.1:0' }

test('the defaults are those that the documents promise', () => {
  const settings = parseOptions(LISTEN)
  expect(settings).toMatchObject({
    listen: { host: '127.0.0.1', port: 0 },
    frameMaxBytes: 16 * 1024 * 1024,
    queueMaxBytes: 32 * 1024 * 1024,
    keepalive: { everyMs: 1000, timeoutMs: 2000 },
    reconnect: { minMs: 20, maxMs: 2000 },
    dialTimeoutMs: 3000,
    helloTimeoutMs: 5000,
  })
})

const refusals: readonly (readonly [string, GrpcNetworkOptions])[] = [
  ['listen: not host:port', { listen: '127.0.0.1' }],
  ['listen: not host:port', { listen: ':80' }],
  ['listen: not host:port', { listen: 'a b:80' }],
  ['listen: not host:port', { listen: '127.0.0.1:65536' }],
  ['without TLS', { listen: '0.0.0.0:0' }],
  ['without TLS', { listen: '[::]:0' }],
  ['advertise: not host:port', { ...LISTEN, advertise: 'nowhere' }],
  ['dialMap of serial 2', { ...LISTEN, dialMap: new Map([[2, 'x']]) }],
  ['frameMaxBytes', { ...LISTEN, frameMaxBytes: 0 }],
  ['frameMaxBytes', { ...LISTEN, frameMaxBytes: 2 ** 31 }],
  ['queueMaxBytes', { ...LISTEN, queueMaxBytes: 1000 }],
  ['keepalive.everyMs', { ...LISTEN, keepalive: { everyMs: 0, timeoutMs: 1 } }],
  ['reconnect.maxMs', { ...LISTEN, reconnect: { minMs: 100, maxMs: 50 } }],
  ['dialTimeoutMs', { ...LISTEN, dialTimeoutMs: Number.NaN }],
  ['strangersMax', { ...LISTEN, strangersMax: 0 }],
  [
    'receive.patienceMs',
    { ...LISTEN, receive: { framesPerSecondMax: 1, bytesPerSecondMax: 1, patienceMs: -1 } },
  ],
]
test.each(refusals)('%s is refused', (words, options) => {
  expect(() => new GrpcNetwork(options)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      definite: true,
      message: expect.stringContaining(words),
    }),
  )
})

test('any address may be listened on with insecure said aloud', () => {
  expect(parseOptions({ listen: '0.0.0.0:0', insecure: true }).listen.host).toBe('0.0.0.0')
  expect(parseOptions({ listen: '[::1]:0' }).listen.host).toBe('::1')
  expect(parseOptions({ listen: 'localhost:7' }).listen.port).toBe(7)
})

test.each(['127.0.0.1:80', '[::1]:0', 'node-1.example:65535'])(
  '%s is an address, and is written as it was read',
  (text) => {
    const address = parseAddress(text)
    expect(address).toBeDefined()
    if (address !== undefined) expect(formatAddress(address)).toBe(text)
  },
)

test.each([
  '',
  'host',
  'host:',
  ':1',
  '::1:80',
  '[::1]',
  'host:1:2',
  'dns:///x:1',
  'host:-1',
  'h/x:1',
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})
