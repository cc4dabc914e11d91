/** Which file hears which message: the dispatch of a replica, one line for each kind. */

import type { Context } from './context.ts'
import { onAcceptOk } from './coordinate/accept-round.ts'
import type { Coordination } from './coordinate/coordination.ts'
import { onAcceptInvalidOk } from './coordinate/invalidate-round.ts'
import { onPreAcceptOk, onRefused } from './coordinate/pre-accept-round.ts'
import type { Reads } from './coordinate/read-round.ts'
import { onRecoverOk } from './coordinate/recover-round.ts'
import type { Lead } from './coordinate/round.ts'
import type { Closing } from './durability/closing.ts'
import { onHashAt, type Divergence } from './execute/divergence.ts'
import type { Identity } from './membership/identity.ts'
import type { Membership } from './membership/membership.ts'
import type { Heartbeat, Message, Watermark } from './message/message.ts'
import { onCatchUp } from './progress/catch-up.ts'
import { onAccept, onAcceptInvalid } from './replicate/on-accept.ts'
import { onQuery } from './replicate/on-query.ts'
import { onRaiseFloor } from './replicate/on-raise-floor.ts'
import { onReadDeps } from './replicate/on-read-deps.ts'
import { onRecover } from './replicate/on-recover.ts'
import type { ReorderBuffer } from './replicate/reorder-buffer.ts'
import { onStable } from './replicate/on-stable.ts'
import type { NodeSerial } from './time/timestamp.ts'

/** The parts of a replica that hear messages. */
export interface Hearing {
  readonly context: Context
  readonly lead: Lead
  readonly coordination: Coordination
  readonly reads: Reads
  readonly identity: Identity
  readonly reorder: ReorderBuffer
  readonly divergence: Divergence
  readonly closing: Closing
  /** Durable here. */
  readonly applied: () => Watermark
  readonly membership: Membership
}

/**
 * A message that fits, from a member that is trusted. Heartbeats are heard by the replica itself.
 */
export function hear(parts: Hearing, from: NodeSerial, message: Exclude<Message, Heartbeat>): void {
  const { context, lead, coordination } = parts
  switch (message.kind) {
    case 'preAccept':
      parts.reorder.take(from, message)
      return
    case 'preAcceptOk':
      onPreAcceptOk(lead, from, message)
      return
    case 'refused':
      onRefused(lead, from, message)
      return
    case 'accept':
      onAccept(context, from, message)
      return
    case 'acceptOk':
      onAcceptOk(lead, from, message)
      return
    case 'acceptInvalid':
      onAcceptInvalid(context, from, message)
      return
    case 'acceptInvalidOk':
      onAcceptInvalidOk(lead, from, message)
      return
    case 'recover':
      onRecover(context, from, message)
      return
    case 'recoverOk':
      onRecoverOk(lead, from, message)
      return
    case 'nack':
      coordination.onNack(message)
      return
    case 'decided':
      coordination.onDecided(from, message)
      return
    case 'invalidated':
      coordination.onInvalidated(message.id)
      return
    case 'truncated':
      coordination.onTruncated(from, message)
      return
    case 'stable':
      onStable(context, from, message)
      return
    case 'query':
      onQuery(context, from, { message, tokenOf: (id) => coordination.tokenOf(id) })
      return
    case 'queryOk':
      coordination.onQueryOk(from, message)
      return
    default:
      hearUpkeep(parts, from, message)
  }
}

function hearUpkeep(parts: Hearing, from: NodeSerial, message: Message): void {
  const { context, lead, reads, identity, divergence, closing } = parts
  switch (message.kind) {
    case 'readDeps':
      // A store that too few others remember may have forgotten what it voted on (ADR 0019).
      if (identity.isAdmitted) onReadDeps(context, from, message)
      return
    case 'readDepsOk':
      reads.onReadDepsOk(from, message)
      return
    case 'epochClosing':
      // Asked again until it can say, or the next epoch is open here.
      return
    case 'catchUp':
      if (!divergence.isDiverged) onCatchUp(lead, from, { message, applied: parts.applied() })
      return
    case 'logChunk':
      lead.catchUp.receive(from, message)
      return
    case 'raiseFloor':
      // One that may have forgotten votes cannot say what is undecided.
      if (identity.isAdmitted) onRaiseFloor(context, from, message)
      return
    case 'floorOk':
      closing.onFloorOk(from, message)
      parts.membership.onFloorOk(from, message)
      return
    case 'epochEnd':
      parts.membership.stragglers.onEpochEnd(from, message)
      return
    case 'wrongEpoch':
      parts.membership.stragglers.onWrongEpoch(from, message)
      return
    case 'snapshotOffer':
      lead.catchUp.offered(from, message)
      return
    case 'amnesia':
      identity.onAmnesia(from, message)
      return
    case 'hashAt':
      onHashAt(context, from, message)
      return
    case 'hashAtOk':
      divergence.onHashAtOk(from, message)
      return
    case 'unsupported':
      context.out.notice({ kind: 'unsupported', peer: from, tag: message.tag })
      return
    default:
      context.out.notice({
        kind: 'rejected',
        from,
        what: `${message.kind} is of no use in this version`,
      })
  }
}
