/** Whether other members had the same results at the position of a snapshot (`protocol.md` 8.4). */

import type { Bytes, HashAtOk, NodeSerial, Watermark } from '@synevi/accord'

/** What a snapshot claims, and whom to ask. */
export interface ConfirmationParts {
  /** After the last entry in the snapshot; undefined: nothing to compare. */
  readonly watermark: Watermark | undefined
  /** Voters but for its sender and this node, reachable or not. */
  readonly others: () => readonly NodeSerial[]
  /** Voters that may be away while the rest still is a quorum (f of `protocol.md` 2.1). */
  readonly mayBeAway: () => number
  readonly isReachable: (serial: NodeSerial) => boolean
  readonly ask: (to: NodeSerial, position: bigint) => void
  /** Milliseconds, elapsed. */
  readonly now: () => number
}

/**
 * Once the snapshot is staged, others get so long to reach its position and answer, or to be
 * reachable at all. If none does, two nodes that could go on would wait for ever: it is installed,
 * and compared later. Not where more are away than a quorum can spare: they may share other
 * results, and would be right (`protocol.md` 7.6).
 */
const PATIENCE_MS = 30_000
const UNREACHABLE_MS = 2_000

/** Asks until one confirms, or nobody can. */
export class Confirmation {
  readonly #parts: ConfirmationParts
  #verdict: 'open' | 'confirmed' | 'contradicted' = 'open'
  #waitingSince: number | undefined
  #reachableAt = Number.NEGATIVE_INFINITY

  constructor(parts: ConfirmationParts) {
    this.#parts = parts
    this.#askAll()
    if (parts.watermark === undefined) this.#verdict = 'confirmed'
  }

  get verdict(): 'open' | 'confirmed' | 'contradicted' {
    return this.#verdict
  }

  /** A member said what it had. */
  heard(_from: NodeSerial, message: HashAtOk): void {
    const { watermark } = this.#parts
    if (this.#verdict !== 'open' || message.position !== watermark?.position) return
    const { txnHash, execHash } = message
    if (txnHash === undefined || execHash === undefined) return
    const isSame = same(txnHash, watermark.txnHash) && same(execHash, watermark.execHash)
    this.#verdict = isSame ? 'confirmed' : 'contradicted'
  }

  /** Time went on. `staged`: nothing but this is waited for. */
  tick(staged: boolean): void {
    if (this.#verdict !== 'open') return
    const { others, isReachable, mayBeAway, now } = this.#parts
    const reachable = others().filter(isReachable)
    if (reachable.length > 0) this.#reachableAt = now()
    if (!staged) return this.#askAll()
    this.#waitingSince ??= now()
    const waitedMs = now() - this.#waitingSince
    const aloneMs = now() - Math.max(this.#reachableAt, this.#waitingSince)
    const isOver = waitedMs > PATIENCE_MS || aloneMs > UNREACHABLE_MS
    const isQuorum = others().length - reachable.length <= mayBeAway()
    if (others().length === 0 || (isOver && isQuorum)) this.#verdict = 'confirmed'
    else this.#askAll()
  }

  #askAll(): void {
    const { others, ask, watermark } = this.#parts
    if (watermark === undefined) return
    for (const to of others()) ask(to, watermark.position)
  }
}

function same(a: Bytes, b: Bytes): boolean {
  return Buffer.compare(a, b) === 0
}
