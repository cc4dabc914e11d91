/** What a member answers to a node that is to join, or that asks whether it still belongs. */

import type { Bytes } from '@synevi/accord'
import type { ClusterSettings } from '../state/node-facts.ts'
import { SyneviError } from '../synevi-error.ts'
import { decodeJoinQuestion, encodeJoinAnswer } from './join-codec.ts'
import type { Roster } from './roster.ts'

/** What answers are made of. */
export interface JoinDesk {
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly settings: ClusterSettings
  readonly roster: Roster
}

/**
 * The bytes of a `JoinAnswer` for the node of this id. It changes nothing: `addMember` has given
 * the serial before. Throws, definite: `MEMBERSHIP_REMOVED` for a serial that was given and is
 * gone, `MEMBERSHIP_UNKNOWN` for an id that nobody added, `INVALID_ARGUMENT` for a node of another
 * cluster and for what cannot be read, `NOT_READY` when this node belongs to the cluster no more.
 */
export function answerJoiner(desk: JoinDesk, id: string, question: Bytes): Bytes {
  const { cluster, settings, roster } = desk
  const { known } = decodeJoinQuestion(question)
  const { open } = roster
  if (roster.role === 'removed')
    throw refusal('NOT_READY', 'this node was removed itself: ask others')
  if (known !== undefined && Buffer.compare(known.cluster, cluster) !== 0)
    throw refusal('INVALID_ARGUMENT', `node ${id} belongs to another cluster`)
  const entry = roster.entryOf(id)
  if (known !== undefined && entry?.serial !== known.serial) {
    if (known.serial <= open.highestSerial) {
      const why = `node ${id}, serial ${known.serial}, was removed before epoch ${open.epoch}`
      throw refusal('MEMBERSHIP_REMOVED', why)
    }
    throw refusal('NOT_READY', `serial ${known.serial} is not known here yet`)
  }
  if (entry === undefined)
    throw refusal('MEMBERSHIP_UNKNOWN', `nobody added node ${id}: call addMember at a member first`)
  const configuration = { ...open, members: roster.members }
  return encodeJoinAnswer({ cluster, serial: entry.serial, settings, configuration })
}

function refusal(
  code: 'NOT_READY' | 'INVALID_ARGUMENT' | 'MEMBERSHIP_REMOVED' | 'MEMBERSHIP_UNKNOWN',
  why: string,
): SyneviError {
  return new SyneviError(code, why, { definite: true, retryable: code === 'NOT_READY' })
}
