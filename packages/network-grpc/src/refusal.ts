/**
 * Why a connection is turned away or cut off, and how that is reported: once per peer, reason and
 * minute.
 */

import type { Logger, NodeSerial, SyneviErrorCode } from 'synevi'

/** What a refusal is about: a fixed list, so that what is remembered about refusals is bounded. */
export type RefusalReason =
  /** It speaks another version of peer.proto. */
  | 'version'
  | 'cluster'
  /** Its certificate is missing, invalid, or names another node. */
  | 'certificate'
  | 'notMember'
  /** It dialed another node than the one that answered. */
  | 'wrongTarget'
  /** Two nodes under one serial, or two processes under one identity. */
  | 'serialTaken'
  /** The listener has not heard of any peer yet: dial again. Never reported. */
  | 'notReady'
  /** Bytes that mean nothing here. */
  | 'garbage'
  | 'oversize'
  /** No hello in time. */
  | 'silent'
  | 'flood'
  /** Too many connections without a hello. */
  | 'crowded'
  /** The other side refused us, by a code of its own. */
  | 'refusedByPeer'
  /** The address of the peer cannot be dialed. */
  | 'address'

/** One refusal. `why` is one sentence without payloads or secrets. */
export interface Refusal {
  readonly reason: RefusalReason
  readonly code: SyneviErrorCode
  readonly why: string
}

const CODES: Readonly<Record<Exclude<RefusalReason, 'refusedByPeer'>, SyneviErrorCode>> = {
  version: 'INCOMPATIBLE_VERSION',
  cluster: 'INVALID_ARGUMENT',
  certificate: 'INVALID_ARGUMENT',
  notMember: 'MEMBERSHIP_UNKNOWN',
  wrongTarget: 'INVALID_ARGUMENT',
  serialTaken: 'SERIAL_TAKEN',
  notReady: 'NOT_READY',
  garbage: 'INVALID_ARGUMENT',
  oversize: 'PAYLOAD_TOO_LARGE',
  silent: 'TIMEOUT',
  flood: 'OVERLOADED',
  crowded: 'OVERLOADED',
  address: 'INVALID_ARGUMENT',
}

const CODES_FROM_PEERS: ReadonlySet<string> = new Set<SyneviErrorCode>([
  ...Object.values(CODES),
  'MEMBERSHIP_UNKNOWN',
  'MEMBERSHIP_REMOVED',
])
const WHY_MAX = 300

/** A refusal of ours. */
export function refusal(reason: Exclude<RefusalReason, 'refusedByPeer'>, why: string): Refusal {
  return { reason, code: CODES[reason], why }
}

/**
 * A refusal that the other side sent: its words are shortened, a code we do not know is
 * INVALID_ARGUMENT.
 */
export function refusalByPeer(code: string, why: string): Refusal {
  const printable = why.slice(0, WHY_MAX).replaceAll(/[^\x20-\x7e]/g, '?')
  return { reason: 'refusedByPeer', code: isCode(code) ? code : 'INVALID_ARGUMENT', why: printable }
}

function isCode(code: string): code is SyneviErrorCode {
  return CODES_FROM_PEERS.has(code)
}

/** Passes on the first of its kind in each period, and counts the others. */
export class RefusalReport {
  readonly #logger: Logger
  readonly #tell: (peer: NodeSerial | undefined, refusal: Refusal) => void
  readonly #everyMs: number
  readonly #last = new Map<string, { atMs: number; unreported: number }>()

  constructor(options: {
    readonly logger: Logger
    readonly tell: (peer: NodeSerial | undefined, refusal: Refusal) => void
    readonly everyMs: number
  }) {
    this.#logger = options.logger
    this.#tell = options.tell
    this.#everyMs = options.everyMs
  }

  /** `peer` is a member or undefined: with the fixed reasons that bounds what is remembered. */
  report(peer: NodeSerial | undefined, refused: Refusal, remote?: string): void {
    const fields = { peer, remote, code: refused.code, reason: refused.reason }
    if (refused.code === 'NOT_READY') {
      this.#logger.debug(fields, refused.why)
      return
    }
    const key = `${peer ?? ''} ${refused.reason} ${refused.code}`
    const nowMs = performance.now()
    const last = this.#last.get(key)
    if (last !== undefined && nowMs - last.atMs < this.#everyMs) {
      last.unreported++
      return
    }
    this.#last.set(key, { atMs: nowMs, unreported: 0 })
    this.#logger.warn({ ...fields, unreported: last?.unreported ?? 0 }, refused.why)
    this.#tell(peer, refused)
  }
}
