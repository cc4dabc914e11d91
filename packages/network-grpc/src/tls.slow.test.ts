/**
 * Mutual TLS 1.3 between peers: who gets in, and everyone who does not (`testing.md`, section 6).
 */

import { credentials, status } from '@grpc/grpc-js'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createSecureContext, type SecureContextOptions } from 'node:tls'
import { nodeSerial } from 'synevi'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GrpcNetwork } from './grpc-network.ts'
import type { PeerTls } from './options.ts'
import { identityUri } from './peer-identity.ts'
import { issueCertificate, type CertificateRequest } from './test/issue-certificate.ts'
import {
  CLUSTER,
  dialRaw,
  dialTcp,
  exchange,
  helloOf,
  linkAll,
  OTHER_CLUSTER,
  startNode,
  type RawStream,
  type TestNode,
  type TestNodeOptions,
} from './test/node-harness.ts'

/** For the test of silence; the others must not run into it on a busy machine. */
const HELLO_TIMEOUT_MS = 400
const DAY_MS = 86_400_000

const authority = issueCertificate({ commonName: 'cluster authority', authority: true })
const otherAuthority = issueCertificate({ commonName: 'cluster authority', authority: true })

interface Pems {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A certificate of the cluster's authority for `node-SERIAL`, with whatever a test wants wrong. */
function pemsOf(serial: number, wrong: Partial<CertificateRequest> = {}): Pems {
  const { cert, key } = issueCertificate({
    commonName: `node-${serial}`,
    issuer: authority.issuer,
    uris: [identityUri(CLUSTER, `node-${serial}`)],
    ...wrong,
  })
  return { ca: authority.cert, cert, key }
}

function tlsOf(pems: Pems): PeerTls {
  return { ca: Buffer.from(pems.ca), cert: Buffer.from(pems.cert), key: Buffer.from(pems.key) }
}

const nodes: TestNode[] = []
let a: TestNode
let b: TestNode
const NODE_3 = { id: 'node-3', serial: nodeSerial(3), address: '127.0.0.1:1' }

async function start(serial: number, options: TestNodeOptions = {}): Promise<TestNode> {
  const tls = tlsOf(pemsOf(serial))
  const node = await startNode(serial, { tls, helloTimeoutMs: 60_000, ...options })
  nodes.push(node)
  return node
}

/** Says a hello under a certificate, and does not look at the other side's. */
function dialTls(to: TestNode, pems: Partial<Pems>, serial = 3): RawStream {
  const context = createSecureContext({ ...pems, minVersion: 'TLSv1.3' })
  const security = credentials.createFromSecureContext(context, { rejectUnauthorized: false })
  return dialRaw(to.address, helloOf(serial, to), security)
}

beforeEach(async () => {
  a = await start(1)
  b = await start(2)
  await linkAll([a, b])
  a.network.connect([a.peer, b.peer, NODE_3])
})

afterEach(async () => {
  try {
    await exchange(a, b, 'undisturbed')
    const lost = [...a.heard, ...b.heard].filter((one) => one.kind === 'link' && !one.up)
    expect(lost).toEqual([])
  } finally {
    await Promise.all(nodes.splice(0).map((node) => node.network.close()))
  }
})

test('the right certificate is welcomed', async () => {
  const stream = dialTls(a, pemsOf(3))
  expect(await stream.welcome).toMatchObject({ id: 'node-1', serial: 1 })
  stream.close()
  expect(a.heard.filter((one) => one.kind === 'refused')).toEqual([])
})

describe('the listener refuses', () => {
  const past = {
    notBefore: new Date(Date.now() - 2 * DAY_MS),
    notAfter: new Date(Date.now() - DAY_MS),
  }
  const future = { notBefore: new Date(Date.now() + DAY_MS) }
  const cases: readonly (readonly [string, Partial<Pems>, RegExp])[] = [
    ['no certificate', {}, /showed no certificate/],
    [
      'another authority of the same name',
      pemsOf(3, { issuer: otherAuthority.issuer }),
      /not valid here/,
    ],
    ['a certificate signed by itself', signedByItself(), /SELF_SIGNED/],
    ['an expired certificate', pemsOf(3, past), /CERT_HAS_EXPIRED/],
    ['a certificate that is not valid yet', pemsOf(3, future), /CERT_NOT_YET_VALID/],
    ['a certificate for servers only', pemsOf(3, { usages: ['server'] }), /INVALID_PURPOSE/],
  ]
  test.each(cases)('%s, at the handshake', async (_name, pems, why) => {
    const stream = dialTls(a, pems)
    expect((await stream.ended).code).not.toBe(status.OK)
    await a.untilRefused('INVALID_ARGUMENT', why)
    stream.close()
  })

  const identities: readonly (readonly [string, Partial<CertificateRequest>, RegExp])[] = [
    ['a client certificate of the same authority', { uris: [] }, /names no node/],
    ['a certificate with a host name only', { uris: [], hosts: ['127.0.0.1'] }, /names no node/],
    [
      "another node's certificate",
      { uris: [identityUri(CLUSTER, 'node-2')] },
      /is for synevi:\/\/(c1){16}\/node\/node-2/,
    ],
    [
      'a certificate of another cluster',
      { uris: [identityUri(OTHER_CLUSTER, 'node-3')] },
      /is for synevi:\/\/(c2){16}\/node\/node-3/,
    ],
    [
      'a certificate for two nodes',
      { uris: [identityUri(CLUSTER, 'node-3'), identityUri(CLUSTER, 'node-2')] },
      /names several nodes/,
    ],
    [
      'a name that hides an identity behind a comma',
      { uris: [`http://x, URI:${identityUri(CLUSTER, 'node-3')}, URI:http://y`] },
      /names no node/,
    ],
  ]
  test.each(identities)('%s, at the hello', async (_name, wrong, why) => {
    const stream = dialTls(a, pemsOf(3, wrong))
    const ended = await stream.ended
    expect(ended.code).toBe(status.FAILED_PRECONDITION)
    expect(ended.details).toMatch(why)
    await a.untilRefused('INVALID_ARGUMENT', why)
    stream.close()
  })

  test('a node that was removed from the peers', async () => {
    const c = await start(3)
    a.network.connect([a.peer, b.peer, c.peer])
    c.network.connect([a.peer])
    await a.untilLink(3, true)
    a.network.connect([a.peer, b.peer])
    await c.untilLink(1, false)
    await a.untilRefused('MEMBERSHIP_UNKNOWN', /node-3, serial 3, is not among the peers/)
    // Its loss is what this test asks for.
    a.forget()
  })

  test('TLS 1.2', async () => {
    const options: SecureContextOptions = { ...pemsOf(3), maxVersion: 'TLSv1.2' }
    const at = a.address.lastIndexOf(':')
    const socket = connect({
      host: a.address.slice(0, at),
      port: Number(a.address.slice(at + 1)),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...options,
    })
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      socket.once('error', resolve),
    )
    expect(error.code).toMatch(/PROTOCOL_VERSION/)
    await a.untilRefused('INVALID_ARGUMENT', /UNSUPPORTED_PROTOCOL/)
  })

  test('plain text, and noise', async () => {
    const stream = dialRaw(a.address, helloOf(3, a))
    expect((await stream.ended).code).toBe(status.UNAVAILABLE)
    await a.untilRefused('INVALID_ARGUMENT', /TLS handshake/)
    stream.close()
    const { socket, closed } = await dialTcp(a.address)
    socket.write(Buffer.alloc(50_000, 0x5a))
    await closed
  })

  test('silence, before the handshake and after it', async () => {
    const c = await start(4, { helloTimeoutMs: HELLO_TIMEOUT_MS })
    const silent = await dialTcp(c.address)
    await silent.closed
    await c.untilRefused('TIMEOUT', /no hello within/)
    const at = c.address.lastIndexOf(':')
    const secure = connect({
      host: c.address.slice(0, at),
      port: Number(c.address.slice(at + 1)),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...pemsOf(3),
    })
    secure.on('error', () => undefined)
    secure.resume()
    await new Promise<void>((resolve) => secure.once('close', () => resolve()))
  })

  test('TLS without HTTP/2', async () => {
    const at = a.address.lastIndexOf(':')
    const secure = connect({
      host: a.address.slice(0, at),
      port: Number(a.address.slice(at + 1)),
      rejectUnauthorized: false,
      ...pemsOf(3),
    })
    secure.on('error', () => undefined)
    secure.resume()
    await new Promise<void>((resolve) => secure.once('close', () => resolve()))
    await a.untilRefused('INVALID_ARGUMENT', /not HTTP\/2/)
  })
})

describe('the dialer refuses a listener with', () => {
  const expired = { notAfter: new Date(Date.now() - DAY_MS), notBefore: new Date(0) }
  const cases: readonly (readonly [string, Partial<CertificateRequest>, RegExp])[] = [
    ['another authority', { issuer: otherAuthority.issuer }, /failed the TLS handshake: \w+/],
    ['an expired certificate', expired, /failed the TLS handshake: CERT_HAS_EXPIRED/],
    ['a certificate for clients only', { usages: ['client'] }, /failed the TLS handshake: \w+/],
  ]
  test.each(cases)('%s', async (_name, wrong, why) => {
    const c = await start(3, { tls: tlsOf(pemsOf(3, wrong)) })
    a.network.connect([a.peer, b.peer, c.peer])
    const refused = await a.untilRefused('INVALID_ARGUMENT', why)
    expect(refused.peer).toBe(3)
  })

  test("another node's certificate", async () => {
    a.network.connect([a.peer, b.peer, { ...NODE_3, address: b.address }])
    await a.untilRefused('INVALID_ARGUMENT', /the certificate is for synevi:.*node-2, not .*node-3/)
  })

  test('plain text', async () => {
    const c = await startNode(3)
    nodes.push(c)
    a.network.connect([a.peer, b.peer, c.peer])
    await c.untilRefused('INVALID_ARGUMENT', /speaks TLS, which this node has not/)
    expect(a.heard.filter((one) => one.kind === 'link' && one.peer === 3)).toEqual([])
  })
})

describe('a node does not start with', () => {
  const self = { cluster: CLUSTER, id: 'node-5', serial: nodeSerial(5) }
  const listener = { receive: () => undefined, link: () => undefined, refused: () => undefined }
  const cases: readonly (readonly [string, PeerTls, RegExp])[] = [
    ["another node's certificate", tlsOf(pemsOf(6)), /cannot use tls.cert: the certificate is for/],
    [
      'the key of another certificate',
      { ...tlsOf(pemsOf(5)), key: pemsOf(6).key },
      /cannot use tls/,
    ],
    ['what is not PEM', { ...tlsOf(pemsOf(5)), cert: Buffer.from('nonsense') }, /cannot use tls/],
    [
      'a file that is not there',
      { ...tlsOf(pemsOf(5)), key: '/nowhere/key.pem' },
      /cannot read tls.key/,
    ],
  ]
  test.each(cases)('%s', async (_name, tls, why) => {
    const network = new GrpcNetwork({ listen: '127.0.0.1:0', tls })
    await expect(network.start(self, listener)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(why),
    })
    await network.close()
  })

  test('PEM from files it does', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'synevi-tls-'))
    const pems = pemsOf(5)
    for (const part of ['ca', 'cert', 'key'] as const) writeFileSync(join(folder, part), pems[part])
    const paths = { ca: join(folder, 'ca'), cert: join(folder, 'cert'), key: join(folder, 'key') }
    const network = new GrpcNetwork({ listen: '127.0.0.1:0', tls: paths })
    await network.start(self, listener)
    await network.close()
    rmSync(folder, { recursive: true })
  })
})

function signedByItself(): Pems {
  const { cert, key } = issueCertificate({
    commonName: 'node-3',
    uris: [identityUri(CLUSTER, 'node-3')],
  })
  return { ca: authority.cert, cert, key }
}
