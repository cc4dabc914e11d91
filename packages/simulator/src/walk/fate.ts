/** What the bias of a walk does to messages. */

import { isZero } from '@synevi/accord'
import type { Packet } from '../core-world/core-world.ts'
import type { Bias } from './walk-plan.ts'

const OUTCOMES: ReadonlySet<string> = new Set(['stable', 'decided', 'invalidated'])

/** What a bias does to a message that would arrive now. */
export function fateOf(packet: Packet, bias: Bias): 'held' | 'late' | undefined {
  const { from, to, message } = packet
  switch (bias.kind) {
    case 'starved':
      return to === bias.node ? 'held' : undefined
    case 'heldVote':
      return from === bias.node && message.kind === 'preAcceptOk' ? 'held' : undefined
    case 'lateBirth':
      return isLate(packet, bias) ? 'late' : undefined
    case 'unheard':
      return isUnheard(packet, bias) ? 'late' : undefined
    default:
      return undefined
  }
}

function isUnheard({ to, message }: Packet, bias: Bias & { kind: 'unheard' }): boolean {
  if (message.kind === 'accept') return bias.accepts && isZero(message.ballot)
  if (message.kind === 'recover' || message.kind === 'query') return to === bias.deaf
  return OUTCOMES.has(message.kind)
}

/** The birth itself, and what would let its coordinator tell of it. */
function isLate({ from, to, message }: Packet, bias: Bias & { kind: 'lateBirth' }): boolean {
  const { node, blind } = bias
  if (to === blind && (message.kind === 'preAccept' || message.kind === 'stable')) return true
  if (from === node) return message.kind === 'preAccept'
  return to === node && (message.kind === 'query' || message.kind === 'recover')
}
