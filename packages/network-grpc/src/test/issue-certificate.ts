/**
 * Issues X.509 version 3 certificates (RFC 5280) with nothing but `node:crypto`: ECDSA on P-256
 * with SHA-256. For an authority and its nodes, and for tests that need certificates which are
 * wrong in one point.
 */

import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** PEM. The key is PKCS #8, unencrypted: write it with mode 0600. */
export interface IssuedCertificate {
  readonly cert: string
  readonly key: string
  /** What its own certificates are signed with. */
  readonly issuer: Issuer
}

/** Who signs. */
export interface Issuer {
  readonly commonName: string
  readonly key: KeyObject
  /** Of its public key. */
  readonly keyId: Buffer
}

export interface CertificateRequest {
  readonly commonName: string
  /** May sign others. Default false. */
  readonly authority?: boolean
  /** Undefined: signed by itself. */
  readonly issuer?: Issuer
  /** URI names, such as `synevi://CLUSTER/node/NODE`. */
  readonly uris?: readonly string[]
  /** IP addresses and DNS names. */
  readonly hosts?: readonly string[]
  /** Default: an hour ago. */
  readonly notBefore?: Date
  /** Default: ten years from now. */
  readonly notAfter?: Date
  /** What it may be used for. Default both. Not said in an authority's. */
  readonly usages?: readonly ('server' | 'client')[]
}

const HOUR_MS = 3_600_000
const TEN_YEARS_MS = 3652 * 24 * HOUR_MS

/** A new key, and a certificate for it. */
export function issueCertificate(request: CertificateRequest): IssuedCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = createHash('sha1').update(spki).digest()
  const issuer = request.issuer ?? { commonName: request.commonName, key: privateKey, keyId }
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    SIGNATURE_ALGORITHM,
    name(issuer.commonName),
    sequence(
      time(request.notBefore ?? new Date(Date.now() - HOUR_MS)),
      time(request.notAfter ?? new Date(Date.now() + TEN_YEARS_MS)),
    ),
    name(request.commonName),
    spki,
    explicit(3, extensions(request, { own: keyId, issuer: issuer.keyId })),
  )
  const signature = sign('sha256', body, issuer.key)
  const der = sequence(body, SIGNATURE_ALGORITHM, bitString(signature))
  return {
    cert: pem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    issuer: { commonName: request.commonName, key: privateKey, keyId },
  }
}

function extensions(
  request: CertificateRequest,
  keyIds: { readonly own: Buffer; readonly issuer: Buffer },
): Buffer {
  const authority = request.authority ?? false
  const list = [
    extension([2, 5, 29, 19], 'critical', authority ? sequence(TRUE) : sequence()),
    // keyCertSign and cRLSign, or digitalSignature
    extension([2, 5, 29, 15], 'critical', authority ? namedBits(0x06, 1) : namedBits(0x80, 7)),
    extension([2, 5, 29, 14], 'optional', octets(keyIds.own)),
    extension([2, 5, 29, 35], 'optional', sequence(tagged(0x80, keyIds.issuer))),
  ]
  if (!authority) {
    const usages = request.usages ?? ['server', 'client']
    const purposes = usages.map((usage) =>
      objectId([1, 3, 6, 1, 5, 5, 7, 3, usage === 'server' ? 1 : 2]),
    )
    list.push(extension([2, 5, 29, 37], 'optional', sequence(...purposes)))
  }
  const names = [
    ...(request.uris ?? []).map((uri) => tagged(0x86, Buffer.from(uri, 'latin1'))),
    ...(request.hosts ?? []).map((host) =>
      isIP(host) === 0 ? tagged(0x82, Buffer.from(host, 'latin1')) : tagged(0x87, ipBytes(host)),
    ),
  ]
  if (names.length > 0) list.push(extension([2, 5, 29, 17], 'optional', sequence(...names)))
  return sequence(...list)
}

function extension(id: readonly number[], weight: 'critical' | 'optional', value: Buffer): Buffer {
  return sequence(objectId(id), ...(weight === 'critical' ? [TRUE] : []), octets(value))
}

/** One attribute: the common name. */
function name(commonName: string): Buffer {
  return sequence(
    tagged(0x31, sequence(objectId([2, 5, 4, 3]), tagged(0x0c, Buffer.from(commonName)))),
  )
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). */
function time(at: Date): Buffer {
  const digits = `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
  return at.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2)))
    : tagged(0x18, Buffer.from(digits))
}

function ipBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number))
  const [head = '', tail] = host.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: gap }, () => '0'), ...right]
  return Buffer.from(
    groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]),
  )
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function explicit(index: number, content: Buffer): Buffer {
  return tagged(0xa0 + index, content)
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

/** First bit clear, first byte not zero: a DER integer above zero. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

function octets(content: Buffer): Buffer {
  return tagged(0x04, content)
}

function bitString(content: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), content]))
}

function namedBits(bits: number, unused: number): Buffer {
  return tagged(0x03, Buffer.from([unused, bits]))
}

function objectId(arcs: readonly number[]): Buffer {
  const [first = 0, second = 0, ...rest] = arcs
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const septets = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80)
    bytes.push(...septets)
  }
  return tagged(0x06, Buffer.from(bytes))
}

const TRUE = tagged(0x01, Buffer.from([0xff]))
/** ecdsa-with-SHA256 */
const SIGNATURE_ALGORITHM = sequence(objectId([1, 2, 840, 10045, 4, 3, 2]))

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
