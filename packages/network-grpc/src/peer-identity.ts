/**
 * Which node a certificate is for: its one URI SAN `synevi://CLUSTER/node/NODE` (`testing.md`,
 * section 6).
 */

import type { PeerCertificate } from 'node:tls'
import type { Bytes } from 'synevi'

/** What counts of a certificate here. */
export type CertificateNames = Pick<PeerCertificate, 'subjectaltname'>

/** The URI of a node: the cluster as 32 hexadecimal digits, the node's id percent-encoded. */
export function identityUri(cluster: Bytes, id: string): string {
  return `synevi://${Buffer.from(cluster).toString('hex')}/node/${encodeURIComponent(id)}`
}

/** Who a node is expected to be; without an id any node of the cluster. */
export interface ExpectedIdentity {
  readonly cluster: Bytes
  readonly id: string | undefined
}

/** The cluster that a certificate is for; undefined when it names no node, or several. */
export function clusterNamedBy(certificate: CertificateNames): Bytes | undefined {
  const uris = nodeUris(certificate)
  const digits =
    uris.length === 1 ? /^synevi:\/\/([0-9a-f]{32})\/node\/./.exec(uris[0] ?? '') : null
  return digits?.[1] === undefined ? undefined : Buffer.from(digits[1], 'hex')
}

/** Undefined where the certificate is that node's; else what is wrong, in one clause. */
export function identityFlaw(
  certificate: CertificateNames | undefined,
  expected: ExpectedIdentity,
): string | undefined {
  const uris = nodeUris(certificate)
  if (uris.length === 0) return 'the certificate names no node (URI synevi://CLUSTER/node/NODE)'
  if (uris.length > 1) return 'the certificate names several nodes'
  const { cluster, id } = expected
  if (id === undefined) {
    const prefix = identityUri(cluster, '')
    const fits = uris[0]?.startsWith(prefix) === true && uris[0].length > prefix.length
    return fits ? undefined : `the certificate is for ${uris[0]}, not for a node of this cluster`
  }
  const wanted = identityUri(cluster, id)
  return uris[0] === wanted ? undefined : `the certificate is for ${uris[0]}, not ${wanted}`
}

function nodeUris(certificate: CertificateNames | undefined): readonly string[] {
  const uris = uriNames(certificate?.subjectaltname ?? '')
  return uris.filter((uri) => uri.startsWith('synevi:'))
}

/**
 * The URI names in Node.js' text of a SAN: `URI:…, IP Address:…`, where a name with a comma or a
 * quote in it stands in quotes, so that it can pass neither for two nor for one of ours.
 */
function uriNames(subjectAltName: string): readonly string[] {
  const names: string[] = []
  const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/gy
  for (;;) {
    const at = entry.lastIndex
    const match = entry.exec(subjectAltName)
    if (match === null) return at === subjectAltName.length ? names : []
    if (match[1] === 'URI' && match[2] !== undefined) names.push(match[2])
  }
}
