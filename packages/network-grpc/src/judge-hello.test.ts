/** The order of the rules: what is told first. Each rule by itself: refusals.slow.test.ts. */

import { nodeSerial } from 'synevi'
import { expect, test } from 'vitest'
import { judgeHello, type HelloContext } from './judge-hello.ts'
import type { Hello } from './wire.ts'

const CLUSTER = Buffer.alloc(16, 1)
const PEER = { id: 'node-2', serial: nodeSerial(2), address: '127.0.0.1:2' }
const CONTEXT: HelloContext = {
  self: { cluster: CLUSTER, id: 'node-1', serial: nodeSerial(1) },
  instance: Buffer.alloc(8, 1),
  peers: new Map([[2, PEER]]),
  certificate: undefined,
  aliveInstance: () => undefined,
}
const HELLO: Hello = {
  version: 1,
  cluster: CLUSTER,
  id: 'node-2',
  serial: 2,
  instance: Buffer.alloc(8, 2),
  targetId: 'node-1',
  frameVersion: 1,
  targetSerial: 1,
}

function reasonOf(hello: Partial<Hello>, context: Partial<HelloContext> = {}): string {
  const judged = judgeHello({ ...HELLO, ...hello }, { ...CONTEXT, ...context })
  return judged.kind === 'refused' ? judged.refusal.reason : judged.kind
}

test('a peer is let in', () => {
  expect(judgeHello(HELLO, CONTEXT)).toEqual({ kind: 'accepted', peer: PEER })
})

test('the order is version, cluster, certificate, target, readiness, membership', () => {
  const certificate = { subjectaltname: '' }
  const all = { version: 2, cluster: Buffer.alloc(16, 2), targetSerial: 9, serial: 9 }
  const unready = { certificate, peers: undefined }
  expect(reasonOf(all, unready)).toBe('version')
  expect(reasonOf({ ...all, version: 1 }, unready)).toBe('cluster')
  expect(reasonOf({ targetSerial: 9, serial: 9 }, unready)).toBe('certificate')
  expect(reasonOf({ targetSerial: 9, serial: 9 }, { peers: undefined })).toBe('wrongTarget')
  expect(reasonOf({ serial: 9 }, { peers: undefined })).toBe('notReady')
  expect(reasonOf({ serial: 9 })).toBe('notMember')
})

test('a living process keeps its name against another, not against itself', () => {
  const aliveInstance = (): Uint8Array => Buffer.alloc(8, 2)
  expect(reasonOf({}, { aliveInstance })).toBe('accepted')
  expect(reasonOf({ instance: Buffer.alloc(8, 3) }, { aliveInstance })).toBe('serialTaken')
})
