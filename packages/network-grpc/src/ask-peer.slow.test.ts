/** Questions before membership: who may ask, who may answer, and what an attacker gets. */

import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { SyneviError, type Bytes } from 'synevi'
import { afterEach, expect, test } from 'vitest'
import { GrpcNetwork } from './grpc-network.ts'
import type { PeerTls } from './options.ts'
import { identityUri } from './peer-identity.ts'
import { ASK_PATH, asIs, CODE_TRAILER } from './service.ts'
import { issueCertificate, type CertificateRequest } from './test/issue-certificate.ts'
import { CLUSTER, OTHER_CLUSTER, startNode, type TestNode } from './test/node-harness.ts'
import { encodeQuestion, PEER_VERSION } from './wire.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

const authority = issueCertificate({ commonName: 'authority', authority: true })
const other = issueCertificate({ commonName: 'authority', authority: true })

function tlsOf(id: string, wrong: Partial<CertificateRequest> = {}): PeerTls {
  const { cert, key } = issueCertificate({
    commonName: id,
    issuer: authority.issuer,
    uris: [identityUri(CLUSTER, id)],
    ...wrong,
  })
  return { ca: Buffer.from(authority.cert), cert: Buffer.from(cert), key: Buffer.from(key) }
}

async function listener(tls?: PeerTls): Promise<{ node: TestNode; ids: string[] }> {
  const ids: string[] = []
  const node = await startNode(1, {
    ...(tls === undefined ? {} : { tls }),
    helloTimeoutMs: 60_000,
    asked: async (id, question) => {
      ids.push(id)
      if (question[0] === 9) throw new SyneviError('MEMBERSHIP_REMOVED', 'gone', { definite: true })
      if (question[0] === 8) throw new Error('secret')
      return Uint8Array.of(1, ...question)
    },
  })
  open.push(node.network)
  return { node, ids }
}

function asker(tls?: PeerTls): GrpcNetwork {
  const network = new GrpcNetwork({ listen: '127.0.0.1:0', ...(tls === undefined ? {} : { tls }) })
  open.push(network)
  return network
}

function ask(from: GrpcNetwork, address: string, first = 1, id = 'node-7'): Promise<Bytes> {
  const { signal } = new AbortController()
  return from.ask(address, Uint8Array.of(first), { id, signal })
}

test('with TLS a node asks when it knows its cluster by its certificate alone', async () => {
  const { node, ids } = await listener(tlsOf('node-1'))
  expect(await ask(asker(tlsOf('node-7')), node.address)).toEqual(Uint8Array.of(1, 1))
  expect(ids).toEqual(['node-7'])
})

test('refusals keep their code, and other failures tell nothing', async () => {
  const { node } = await listener()
  const network = asker()
  await expect(ask(network, node.address, 9)).rejects.toMatchObject({
    ...{ code: 'MEMBERSHIP_REMOVED', message: 'gone', definite: true },
  })
  await expect(ask(network, node.address, 8)).rejects.toMatchObject({
    ...{ code: 'NOT_READY', message: 'this node could not answer', retryable: true },
  })
  await expect(ask(network, 'nonsense')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test.each([
  ['under the id of another', tlsOf('node-6'), /certificate is for .*node-6/],
  [
    'of another cluster',
    tlsOf('node-7', { uris: [identityUri(OTHER_CLUSTER, 'node-7')] }),
    /certificate is for|names|cluster/,
  ],
  ['of another authority', tlsOf('node-7', { issuer: other.issuer }), /TLS handshake|no answer/],
])('who asks with a certificate %s is refused and never heard', async (_name, tls, why) => {
  const { node, ids } = await listener(tlsOf('node-1'))
  const failure = await ask(asker(tls), node.address).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(SyneviError)
  expect(String(failure)).toMatch(why)
  expect(ids).toEqual([])
})

test('who answers must be of the cluster: anybody else gets no question', async () => {
  const { node, ids } = await listener(tlsOf('node-1', { issuer: other.issuer }))
  await expect(ask(asker(tlsOf('node-7')), node.address)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  expect(ids).toEqual([])
})

test.each([
  ['not protobuf', Buffer.of(0xff, 0xff), 'INVALID_ARGUMENT'],
  ['not a question', Buffer.of(), 'INVALID_ARGUMENT'],
  [
    'of another version',
    encodeQuestion({ version: PEER_VERSION + 1, id: 'x', body: Buffer.of(1) }),
    'INCOMPATIBLE_VERSION',
  ],
  [
    'without a name',
    encodeQuestion({ version: PEER_VERSION, id: '', body: Buffer.of(1) }),
    'INVALID_ARGUMENT',
  ],
  [
    'too long',
    encodeQuestion({ version: PEER_VERSION, id: 'x', body: Buffer.alloc(4097) }),
    'INVALID_ARGUMENT',
  ],
])('a question that is %s is refused with a code', async (_name, bytes, code) => {
  const { node, ids } = await listener()
  const client = new Client(`dns:${node.address}`, credentials.createInsecure())
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(ASK_PATH, asIs, asIs, bytes, new Metadata(), resolve)
  })
  client.close()
  expect(error?.code).toBe(status.FAILED_PRECONDITION)
  expect(error?.metadata.get(CODE_TRAILER)).toEqual([code])
  expect(ids).toEqual([])
})

test('a node without answers says that it is not ready', async () => {
  const node = await startNode(1)
  open.push(node.network)
  await expect(ask(asker(), node.address)).rejects.toMatchObject({ code: 'NOT_READY' })
})
