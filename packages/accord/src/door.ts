/**
 * Which messages get in, and under which epoch they are handled (`protocol.md` 4.1, 10.5): from
 * members of an epoch that is known here, of epochs that are open here, consensus requests only
 * where this node votes.
 */

import { hear, type Hearing } from './hear.ts'
import { fits } from './message/fits.ts'
import type { Message } from './message/message.ts'
import { idOfRequest } from './message/request-id.ts'
import { epochClosedBy } from './replicate/on-raise-floor.ts'
import { epochOf, type NodeSerial, type TxnId } from './time/timestamp.ts'
import type { Upkeep } from './upkeep.ts'

/** What is behind the door. */
export interface DoorParts extends Hearing {
  readonly upkeep: Upkeep
}

/** A message from the network: heard, answered with the epoch that is open here, or refused. */
export function receive(parts: DoorParts, from: NodeSerial, message: Message): void {
  const { context, lead, coordination, identity, membership, upkeep } = parts
  const { epochs, out } = context
  if (message.kind === 'heartbeat' && from !== context.self && !lead.peers.has(from)) {
    upkeep.hearStranger(from, message)
    return
  }
  const why = strangeness(parts, from, message) ?? fits(message, from, epochs)
  if (why !== undefined) {
    out.notice({ kind: 'rejected', from, what: why })
    return
  }
  if (lead.peers.has(from)) {
    if (lead.peers.heard(context, from)) coordination.suspicionChanged()
    const mayBeOther = message.kind === 'heartbeat' || message.kind === 'amnesia'
    if (!mayBeOther && lead.peers.get(from).distrusted) return
  }
  if (greatestEpoch(message) > epochs.open.epoch) {
    membership.stragglers.ask(from)
    return
  }
  const id = idOfRequest(message)
  // A store that too few others remember yet has no vote (ADR 0019), nor has a learner.
  if (id !== undefined && (!identity.isAdmitted || !mayHandle(parts, id))) return
  if (message.kind === 'heartbeat') upkeep.hear(from, message)
  else hear(parts, from, message)
}

/** How an epoch ended is true whoever says it; anything else is heard from members alone. */
function strangeness(parts: DoorParts, from: NodeSerial, message: Message): string | undefined {
  const { context, lead } = parts
  if (from === context.self) return 'not a peer'
  if (message.kind === 'epochEnd' || message.kind === 'wrongEpoch') return undefined
  return lead.peers.has(from) ? undefined : 'not a peer'
}

/** A voter of the epoch; of epochs long over it answers from its records, if it ever voted. */
function mayHandle({ context }: DoorParts, id: TxnId): boolean {
  return context.epochs.isVoterOf(id) || context.floors.isClosed(id)
}

/** The epoch that a message is about, as far as it must be open to be understood; else 0. */
function greatestEpoch(message: Message): number {
  switch (message.kind) {
    case 'preAccept':
    case 'preAcceptOk':
    case 'refused':
    case 'accept':
    case 'acceptOk':
    case 'acceptInvalid':
    case 'acceptInvalidOk':
    case 'recover':
    case 'recoverOk':
    case 'nack':
    case 'decided':
    case 'invalidated':
    case 'truncated':
    case 'stable':
      return epochOf(message.id)
    case 'query':
      return message.ids.reduce((most, id) => Math.max(most, epochOf(id)), 0)
    case 'queryOk':
      return message.items.reduce((most, { id }) => Math.max(most, epochOf(id)), 0)
    case 'raiseFloor':
      return epochClosedBy(message)
    case 'readDeps':
      return message.epoch
    default:
      return 0
  }
}
