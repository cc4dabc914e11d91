/** The identity in a certificate: exactly one, exactly the node's. */

import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { identityFlaw, identityUri } from './peer-identity.ts'
import { issueCertificate } from './test/issue-certificate.ts'

const CLUSTER = Buffer.alloc(16, 0xab)
const SELF = { cluster: CLUSTER, id: 'node-1' }
const URI = `synevi://${'ab'.repeat(16)}/node/node-1`

test('the URI holds the cluster in hexadecimal and the id percent-encoded', () => {
  expect(identityUri(CLUSTER, 'node-1')).toBe(URI)
  expect(identityUri(CLUSTER, 'a/b, c')).toBe(`synevi://${'ab'.repeat(16)}/node/a%2Fb%2C%20c`)
})

test.each([
  [`URI:${URI}`],
  [`DNS:localhost, URI:${URI}, IP Address:127.0.0.1`],
  [`URI:https://example.org/x, URI:${URI}`],
])('%s is its certificate', (subjectaltname) => {
  expect(identityFlaw({ subjectaltname }, SELF)).toBeUndefined()
})

test.each([
  ['', /names no node/],
  [`DNS:localhost`, /names no node/],
  [`DNS:${URI}`, /names no node/],
  [`DNS:"x, URI:${URI}, y"`, /names no node/],
  [`URI:"${URI}"`, /names no node/],
  [`URI:${URI}x`, /is for/],
  [`URI:${URI.toUpperCase()}`, /names no node/],
  [`URI:synevi://${'ab'.repeat(15)}ac/node/node-1`, /is for/],
  [`URI:${URI}, URI:${URI.replace('node-1', 'node-2')}`, /several/],
  [`URI:${URI}, garbage without colon`, /names no node/],
])('%s is not', (subjectaltname, flaw) => {
  expect(identityFlaw({ subjectaltname }, SELF)).toMatch(flaw)
})

test('a certificate without the extension is not', () => {
  expect(identityFlaw(undefined, SELF)).toMatch(/names no node/)
  expect(identityFlaw({}, SELF)).toMatch(/names no node/)
})

test('what is issued is read back by Node.js', () => {
  const authority = issueCertificate({ commonName: 'authority', authority: true })
  const hosts = ['127.0.0.1', '::1', '2001:db8::7:0', 'localhost']
  const issued = issueCertificate({
    commonName: 'node-1',
    issuer: authority.issuer,
    uris: [URI],
    hosts,
    notBefore: new Date('2020-01-02T03:04:05Z'),
    notAfter: new Date('2051-01-02T03:04:05Z'),
  })
  const certificate = new X509Certificate(issued.cert)
  const root = new X509Certificate(authority.cert)
  expect(certificate.verify(root.publicKey)).toBe(true)
  expect(certificate.checkIssued(root)).toBe(true)
  expect([certificate.ca, root.ca]).toEqual([false, true])
  expect(certificate.subjectAltName).toBe(
    `URI:${URI}, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, ` +
      'IP Address:2001:DB8:0:0:0:0:7:0, DNS:localhost',
  )
  expect(new Date(certificate.validFrom).toISOString()).toBe('2020-01-02T03:04:05.000Z')
  expect(new Date(certificate.validTo).toISOString()).toBe('2051-01-02T03:04:05.000Z')
  expect(certificate.subject).toBe('CN=node-1')
  expect(certificate.issuer).toBe('CN=authority')
})
