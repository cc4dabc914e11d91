/**
 * TLS between peers: 1.3 only, certificates on both sides, the peer's identity checked by us and
 * not by host name.
 */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import {
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import { SyneviError, type Bytes } from 'synevi'
import type { PeerTls, PemSource } from './options.ts'
import { clusterNamedBy, identityFlaw, type ExpectedIdentity } from './peer-identity.ts'

const VERSION = 'TLSv1.3'

/** Read and checked: the three belong together. */
export interface TlsMaterial {
  readonly server: TlsOptions
  readonly client: SecureContext
}

/**
 * Reads the files. Throws `INVALID_ARGUMENT` when one cannot be read, when key and certificate do
 * not belong together, or when the certificate is not for this node.
 */
export function loadTls(
  tls: PeerTls,
  self: { readonly cluster: Bytes; readonly id: string },
): TlsMaterial {
  const pem = {
    ca: read('tls.ca', tls.ca),
    cert: read('tls.cert', tls.cert),
    key: read('tls.key', tls.key),
  }
  const base = { ...pem, minVersion: VERSION, maxVersion: VERSION } as const
  let client: SecureContext
  let flaw: string | undefined
  try {
    client = createSecureContext(base)
    flaw = identityFlaw(
      { subjectaltname: new X509Certificate(pem.cert).subjectAltName ?? '' },
      self,
    )
  } catch (cause) {
    throw new SyneviError('INVALID_ARGUMENT', `cannot use tls: ${messageOf(cause)}`, {
      definite: true,
      cause,
    })
  }
  if (flaw !== undefined) {
    throw new SyneviError('INVALID_ARGUMENT', `cannot use tls.cert: ${flaw}`, { definite: true })
  }
  // Unauthorized clients are let in by Node.js and turned away by us, who can say why.
  const server = { ...base, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
  return { server, client }
}

/** The cluster that a certificate is for. Throws `INVALID_ARGUMENT` when it names no node. */
export function clusterOfTls(tls: PeerTls): Bytes {
  const pem = read('tls.cert', tls.cert)
  try {
    const names = { subjectaltname: new X509Certificate(pem).subjectAltName ?? '' }
    const cluster = clusterNamedBy(names)
    if (cluster !== undefined) return cluster
  } catch (cause) {
    throw new SyneviError('INVALID_ARGUMENT', `cannot use tls: ${messageOf(cause)}`, {
      definite: true,
      cause,
    })
  }
  throw new SyneviError('INVALID_ARGUMENT', 'cannot use tls.cert: it names no node', {
    definite: true,
  })
}

/** What is wrong with a client's certificate; undefined if our authority vouches for it. */
export function clientFlaw(socket: TLSSocket): string | undefined {
  if (Object.keys(socket.getPeerCertificate()).length === 0) return 'it showed no certificate'
  if (socket.authorized) return undefined
  return `its certificate is not valid here: ${String(socket.authorizationError)}`
}

/** Handshakes over `socket`. Rejects unless the other side proves to be `peer`. */
export function connectSecurely(options: {
  readonly socket: Socket
  readonly context: SecureContext
  readonly peer: ExpectedIdentity
}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket: options.socket,
      secureContext: options.context,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: true,
      // Nodes move between hosts: what counts is the identity, not the name dialed.
      checkServerIdentity: (_host, certificate) => {
        const flaw = identityFlaw(certificate, options.peer)
        return flaw === undefined ? undefined : new PeerCertificateError(flaw)
      },
    })
    secure.once('secureConnect', () => resolve(secure))
    // Stays attached: a socket may fail after the handshake, too, and its end is heard elsewhere.
    secure.on('error', reject)
    secure.once('close', () => reject(new Error('closed during the TLS handshake')))
  })
}

/** A certificate that is valid, of the right authority, and of somebody else. */
class PeerCertificateError extends Error {
  readonly code = 'SYNEVI_PEER_CERTIFICATE'
}

/**
 * The error of a handshake that says something about the other side; undefined where the connection
 * just broke.
 */
export function handshakeFlaw(error: unknown): string | undefined {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  const broke = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'EHOSTUNREACH']
  if (code === '' || broke.includes(code)) return undefined
  return code === 'SYNEVI_PEER_CERTIFICATE' ? messageOf(error) : `${code}: ${shortMessage(error)}`
}

function shortMessage(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 120)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function read(option: string, source: PemSource): Buffer {
  if (typeof source !== 'string') return Buffer.from(source)
  if (source.includes('-----BEGIN ')) return Buffer.from(source)
  try {
    return readFileSync(source)
  } catch (cause) {
    throw new SyneviError('INVALID_ARGUMENT', `cannot read ${option} at ${source}`, {
      definite: true,
      cause,
    })
  }
}
