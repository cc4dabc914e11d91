/** What the replica says happened, to whom it matters. */

import { nodeOf, type NodeSerial, type Notice, type SubmissionId, type TxnId } from '@synevi/accord'
import type { Membership } from '../membership/membership.ts'
import { Channel } from '../observe/channels.ts'
import type { EventHub } from '../observe/events.ts'
import type { NodeHealth } from '../observe/node-health.ts'
import type { Member } from '../observe/status.ts'
import type { NodeTelemetry } from '../observe/telemetry.ts'
import type { ParsedOptions } from '../options.ts'
import type { SyneviError } from '../synevi-error.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { divergedError, divergedEvent, fatalError } from './stop-reasons.ts'

/** Who hears of what. */
export interface NoticesParts {
  readonly options: ParsedOptions
  readonly self: NodeSerial
  readonly health: NodeHealth
  readonly events: EventHub
  readonly telemetry: NodeTelemetry
  readonly membership: Membership
  readonly own: OwnTransactions
  readonly submitted: (submission: SubmissionId) => void
  readonly snapshotWanted: (from: NodeSerial) => void
  readonly memberOf: (serial: NodeSerial) => Member | undefined
  /** Nothing more is submitted, read or applied here until it is repaired. */
  readonly diverged: (error: SyneviError) => void
  readonly fatal: (error: SyneviError) => void
}

/** Hears every notice once. */
export class Notices {
  readonly #parts: NoticesParts
  readonly #recoverChannel = new Channel('synevi:recover')

  constructor(parts: NoticesParts) {
    this.#parts = parts
  }

  heard(notice: Notice): void {
    const { health, membership, options } = this.#parts
    health.notice(notice)
    membership.notice(notice)
    this.#act(notice)
    this.tell('onNotice', () => options.onNotice(notice))
  }

  /** Calls the embedder: what it throws is logged. */
  tell(name: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#parts.options.logger.error({ error: String(error) }, `${name} threw`)
    }
  }

  /** Whether results here were found to differ by a process before this one. */
  divergedBefore(position: bigint | undefined): void {
    if (position === undefined) return
    const { health, diverged } = this.#parts
    health.notice({ kind: 'diverged', position, mine: new Uint8Array(0), majority: undefined })
    diverged(divergedError(position))
  }

  /** Something about a member is another. */
  memberChanged(serial: NodeSerial): void {
    const member = this.#parts.memberOf(serial)
    if (member !== undefined) this.#parts.events.emit('member', member)
  }

  #act(notice: Notice): void {
    const { own, telemetry, health } = this.#parts
    switch (notice.kind) {
      case 'submitted':
        this.#parts.submitted(notice.submission)
        own.began(notice.id, notice.submission)
        break
      case 'decided':
        own.decided(notice.id)
        telemetry.decided(notice.path)
        if (notice.path === 'recovered') this.#recovered(notice.id)
        break
      case 'invalidated':
        telemetry.decided('invalidated')
        break
      case 'recovering':
        this.#recoverChannel.mark(() => ({
          node: this.#parts.options.self.id,
          txnId: notice.id.toString(16),
        }))
        break
      case 'snapshotWanted':
        // Only a repair replaces a state that differs: it may hold what is worth a look.
        if (!health.isDiverged) this.#parts.snapshotWanted(notice.from)
        break
      case 'suspected':
      case 'stale':
        this.memberChanged(notice.peer)
        break
      case 'diverged':
        this.#diverged(notice)
        break
      case 'fatal':
        this.#parts.fatal(fatalError(notice.code, notice.why))
        break
      default:
        break
    }
  }

  #recovered(txnId: TxnId): void {
    const { self, events } = this.#parts
    if (nodeOf(txnId) !== self) events.emit('recovered', { txnId, by: self })
  }

  #diverged(notice: Notice & { kind: 'diverged' }): void {
    this.#parts.diverged(divergedError(notice.position))
    this.#parts.events.emit('diverged', divergedEvent(notice))
  }
}
