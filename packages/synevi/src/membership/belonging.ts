/**
 * Whether this node still belongs to its cluster: a node that was away while it was removed is not
 * let in any more, and has to be told why.
 */

import { millis, type NodeSerial } from '@synevi/accord'
import type { NodeHealth } from '../observe/node-health.ts'
import type { ParsedOptions } from '../options.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { encodeJoinQuestion } from './join-codec.ts'
import type { Roster } from './roster.ts'

/** Between two questions, while this node does not reach a quorum. */
const ASK_EVERY_MS = 1_000
/** Of one question. */
const ANSWER_MS = 900

/** Who asks, and who is told. */
export interface BelongingParts {
  readonly options: Pick<ParsedOptions, 'clock' | 'network' | 'self' | 'logger'>
  readonly opened: {
    readonly cluster: Uint8Array
    readonly serial: NodeSerial
    readonly roster: Roster
  }
  readonly health: NodeHealth
  /** A member said so, in the name of its configuration: once. */
  readonly removed: (error: SyneviError) => void
}

/** Asks one peer after the other, and only while too few of them are heard. */
export class Belonging {
  readonly #parts: BelongingParts
  #alarm: Disposable | undefined
  #pending: AbortController | undefined
  #turn = 0
  #isClosed = false

  constructor(parts: BelongingParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#parts.options.network.ask !== undefined) this.#again()
  }

  /** A peer turned this node away: it is asked at once. */
  refused(peer: NodeSerial | undefined, code: string): void {
    const entry = this.#parts.opened.roster.peers.find(({ serial }) => serial === peer)
    if (code === 'MEMBERSHIP_UNKNOWN' && entry !== undefined) void this.#ask(entry.address)
  }

  /** Asks nobody any more. */
  close(): void {
    this.#isClosed = true
    this.#alarm?.[Symbol.dispose]()
    this.#pending?.abort()
  }

  #again(): void {
    if (this.#isClosed) return
    const { clock } = this.#parts.options
    this.#alarm = clock.alarm(millis(clock.now().elapsed + ASK_EVERY_MS), () => {
      const { peers } = this.#parts.opened.roster
      const peer = peers[this.#turn++ % Math.max(1, peers.length)]
      if (peer !== undefined && this.#isAlone()) void this.#ask(peer.address)
      this.#again()
    })
  }

  #isAlone(): boolean {
    const { reachable, needed } = this.#parts.health.quorum()
    return reachable < needed || this.#parts.health.targetPosition() === undefined
  }

  /** One question at a time. Never rejects: no answer is no reason to stop. */
  async #ask(address: string): Promise<void> {
    const { options, opened, removed } = this.#parts
    const { clock, network, self, logger } = options
    if (this.#pending !== undefined || this.#isClosed || address === '') return
    const pending = new AbortController()
    this.#pending = pending
    const { cluster, serial } = opened
    const question = encodeJoinQuestion({ known: { cluster, serial } })
    const late = clock.alarm(millis(clock.now().elapsed + ANSWER_MS), () => pending.abort())
    try {
      await network.ask?.(address, question, { id: self.id, signal: pending.signal })
    } catch (error) {
      logger.debug({ address, error: String(error) }, 'asked whether this node still belongs')
      if (isSyneviError(error, 'MEMBERSHIP_REMOVED') && !this.#isClosed) {
        const why = `this node had to stop: ${error.message}`
        removed(new SyneviError('MEMBERSHIP_REMOVED', why, { definite: true, cause: error }))
      }
    } finally {
      late[Symbol.dispose]()
      this.#pending = undefined
    }
  }
}
