/** What a `GrpcNetwork` is made with, checked once. */

import { randomBytes } from 'node:crypto'
import { SILENT, SyneviError, type Logger } from 'synevi'
import { parseAddress, type HostPort } from './address.ts'

/** PEM, or the path of a file that holds it. */
export type PemSource = Uint8Array | string

/** Both directions are TLS 1.3 and both sides show a certificate. */
export interface PeerTls {
  /** The certificate of the cluster's own authority, and of no other. */
  readonly ca: PemSource
  /** This node's, with the URI SAN `synevi://CLUSTER/node/NODE` (cluster in hexadecimal). */
  readonly cert: PemSource
  readonly key: PemSource
}

/** All but `listen` have defaults. */
export interface GrpcNetworkOptions {
  /** `host:port`; port 0 takes a free one, see `GrpcNetwork.address`. */
  readonly listen: string
  /** What others are told to dial. Default: the bound address. */
  readonly advertise?: string
  /** Without it everything travels in the clear, and `listen` must be a loopback address. */
  readonly tls?: PeerTls
  /** Lets a network without TLS listen on any address. Default false. */
  readonly insecure?: boolean
  /** The longest frame, both ways. Default 16 MiB. */
  readonly frameMaxBytes?: number
  /** What may wait for one slow peer; the oldest frames are dropped above it. Default 32 MiB. */
  readonly queueMaxBytes?: number
  /** A ping each `everyMs`; unanswered for `timeoutMs`, the link is lost. Default 1000 and 2000. */
  readonly keepalive?: { readonly everyMs: number; readonly timeoutMs: number }
  /** Between attempts to connect. Default 20 and 2000. */
  readonly reconnect?: { readonly minMs: number; readonly maxMs: number }
  /** How long one attempt may take, hello included. Default 3000. */
  readonly dialTimeoutMs?: number
  /** A connection that has said no hello by then is closed. Default 5000. */
  readonly helloTimeoutMs?: number
  /** Connections that have said no hello yet; above it the oldest of them is closed. Default 64. */
  readonly strangersMax?: number
  /**
   * What one peer may send. Above it the peer is made to wait; one that pushes on for `patienceMs`
   * is cut off.
   */
  readonly receive?: {
    /** Default 50,000. */
    readonly framesPerSecondMax: number
    /** Default 512 MiB. */
    readonly bytesPerSecondMax: number
    /** Default 5000. */
    readonly patienceMs: number
  }
  /** By serial, the address to dial instead of the peer's own: behind NAT, or through a proxy. */
  readonly dialMap?: ReadonlyMap<number, string>
  /** Spreads the reconnections. Default: drawn. */
  readonly seed?: number
  /** Default silent. */
  readonly logger?: Logger
}

/** Complete and checked. */
export interface Settings {
  readonly listen: HostPort
  readonly advertise: string | undefined
  readonly tls: PeerTls | undefined
  readonly frameMaxBytes: number
  readonly queueMaxBytes: number
  readonly keepalive: { readonly everyMs: number; readonly timeoutMs: number }
  readonly reconnect: { readonly minMs: number; readonly maxMs: number }
  readonly dialTimeoutMs: number
  readonly helloTimeoutMs: number
  readonly strangersMax: number
  readonly receive: {
    readonly framesPerSecondMax: number
    readonly bytesPerSecondMax: number
    readonly patienceMs: number
  }
  readonly dialMap: ReadonlyMap<number, string>
  readonly seed: number
  readonly logger: Logger
}

const MIB = 1024 * 1024
/** gRPC counts a message in 32 bits, Node.js in 31; frames stay well below either. */
const FRAME_MAX_BYTES = 256 * MIB
const DAY_MS = 86_400_000

/** Fills in the defaults. Throws `INVALID_ARGUMENT` that names the option. */
export function parseOptions(options: GrpcNetworkOptions): Settings {
  const listen = address('listen', options.listen)
  if (options.advertise !== undefined) address('advertise', options.advertise)
  if (options.tls === undefined && options.insecure !== true && !isLoopback(listen.host)) {
    throw invalid(`cannot listen on ${options.listen} without TLS: set tls, or insecure: true`)
  }
  for (const [serial, target] of options.dialMap ?? [])
    address(`dialMap of serial ${serial}`, target)
  const frameMaxBytes = whole(
    'frameMaxBytes',
    options.frameMaxBytes ?? 16 * MIB,
    1,
    FRAME_MAX_BYTES,
  )
  const reconnectMinMs = whole('reconnect.minMs', options.reconnect?.minMs ?? 20, 1, DAY_MS)
  return {
    listen,
    advertise: options.advertise,
    tls: options.tls,
    frameMaxBytes,
    queueMaxBytes: whole(
      'queueMaxBytes',
      options.queueMaxBytes ?? Math.max(32 * MIB, frameMaxBytes),
      frameMaxBytes,
      Number.MAX_SAFE_INTEGER,
    ),
    keepalive: {
      everyMs: whole('keepalive.everyMs', options.keepalive?.everyMs ?? 1000, 1, DAY_MS),
      timeoutMs: whole('keepalive.timeoutMs', options.keepalive?.timeoutMs ?? 2000, 1, DAY_MS),
    },
    reconnect: {
      minMs: reconnectMinMs,
      maxMs: whole('reconnect.maxMs', options.reconnect?.maxMs ?? 2000, reconnectMinMs, DAY_MS),
    },
    dialTimeoutMs: whole('dialTimeoutMs', options.dialTimeoutMs ?? 3000, 1, DAY_MS),
    helloTimeoutMs: whole('helloTimeoutMs', options.helloTimeoutMs ?? 5000, 1, DAY_MS),
    strangersMax: whole('strangersMax', options.strangersMax ?? 64, 1, 1_000_000),
    receive: parseReceive(options.receive),
    dialMap: new Map(options.dialMap ?? []),
    seed: options.seed ?? randomBytes(4).readUInt32LE(),
    logger: options.logger ?? SILENT,
  }
}

function parseReceive(receive: GrpcNetworkOptions['receive']): Settings['receive'] {
  const most = Number.MAX_SAFE_INTEGER
  return {
    framesPerSecondMax: whole(
      'receive.framesPerSecondMax',
      receive?.framesPerSecondMax ?? 50_000,
      1,
      most,
    ),
    bytesPerSecondMax: whole(
      'receive.bytesPerSecondMax',
      receive?.bytesPerSecondMax ?? 512 * MIB,
      1,
      most,
    ),
    patienceMs: whole('receive.patienceMs', receive?.patienceMs ?? 5000, 1, DAY_MS),
  }
}

function address(option: string, text: string): HostPort {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw invalid(`${option}: not host:port: ${JSON.stringify(text)}`)
  return parsed
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function whole(option: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw invalid(`${option}: not a whole number from ${min} to ${max}: ${value}`)
}

function invalid(message: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', message, { definite: true })
}
