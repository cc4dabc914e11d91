/** The bench's command line: what it means, and what is refused. */

import { expect, it } from 'vitest'
import { parseBenchOptions } from './bench-options.ts'

it('measures 3 and 5 nodes, both stores, four concurrencies, five rounds, beside etcd', () => {
  expect(parseBenchOptions([])).toMatchObject({
    nodes: [3, 5],
    stores: ['lmdb', 'memory'],
    concurrency: [1, 16, 64, 256],
    seconds: 1,
    rounds: 5,
    bytes: 256,
    coordinators: 'all',
    peer: 'etcd',
    requirePeer: false,
    save: false,
  })
})

it('takes lists in the order given', () => {
  const options = parseBenchOptions(['--nodes', '5,3', '--stores=memory', '--concurrency', '256'])
  expect(options).toMatchObject({ nodes: [5, 3], stores: ['memory'], concurrency: [256] })
})

it.each([
  ['--nodes', '0', '--nodes 0: expected 1 to 7, whole'],
  ['--nodes', '3,,5', '--nodes : expected 1 to 7, whole'],
  ['--nodes', '3,3', '--nodes 3,3: says something twice'],
  ['--concurrency', '1e3', '--concurrency 1e3: expected 1 to 10000, whole'],
  ['--seconds', '0', '--seconds 0: expected 0.1 to 3600 seconds'],
  ['--seconds', 'NaN', '--seconds NaN: expected 0.1 to 3600 seconds'],
  ['--stores', 'disk', '--stores disk: expected lmdb or memory'],
  ['--peer', 'nats', '--peer nats: expected etcd or none'],
])('refuses %s %s, and says what it expects', (option, value, message) => {
  expect(() => parseBenchOptions([option, value])).toThrow(message)
})

it('refuses what it does not know', () => {
  expect(() => parseBenchOptions(['--node', '3'])).toThrow(/--node/)
  expect(() => parseBenchOptions(['3'])).toThrow(/3/)
})
