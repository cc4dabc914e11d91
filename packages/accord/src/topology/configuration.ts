/** Who the members of an epoch are (`protocol.md` 10.1). */

import type { Bytes } from '../brand.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'

/**
 * A voter counts in quorums; a learner follows, and neither votes nor counts (`protocol.md` 10.6).
 */
export type MemberRole = 'voter' | 'learner'

/** A member as the configuration names it. */
export interface MemberEntry {
  readonly serial: NodeSerial
  /** The node's public identity, 1 … 64 latin1 characters. */
  readonly id: string
  /** Where its peers reach it, 0 … 255 latin1 characters. */
  readonly address: string
  /** Absent: a voter. */
  readonly role?: MemberRole
  /** 16 bytes: the one store that may speak under this serial (ADR 0030). Absent: not named yet. */
  readonly storeId?: Bytes
  /** Of a learner: the member that goes when it becomes a voter (ADR 0029). */
  readonly replaces?: NodeSerial
}

/** Who the members of an epoch are (`protocol.md` 10.1). */
export interface Configuration {
  readonly epoch: Epoch
  readonly members: readonly MemberEntry[]
  /** The highest serial ever given in the cluster: none is given twice. */
  readonly highestSerial: NodeSerial
}

/** The first configuration of a cluster, or one of which no more is known. */
export function configurationOf(epoch: Epoch, members: readonly MemberEntry[]): Configuration {
  const highestSerial = members.map((member) => member.serial).reduce((a, b) => (a > b ? a : b))
  return { epoch, members, highestSerial }
}

/** Whether its vote counts. */
export function isVoter(member: Pick<MemberEntry, 'role'>): boolean {
  return member.role !== 'learner'
}
