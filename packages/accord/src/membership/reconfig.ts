/** What a Reconfig does when it is executed, alike everywhere (`protocol.md` 10.2). */

import type { ReconfigFailure } from '../ready.ts'
import { isVoter, type Configuration, type MemberEntry } from '../topology/configuration.ts'
import { epoch, nodeSerial } from '../time/timestamp.ts'
import type { ReconfigTxn } from '../txn/txn.ts'

/** The greatest epoch. */
const EPOCH_MAX = 0xffff

/**
 * Why it changes nothing; undefined when the epoch closes. `current`: the configuration of the
 * epoch of its id. `isPending`: an earlier one of that epoch took effect.
 */
export function failureOf(
  txn: Pick<ReconfigTxn, 'expectEpoch' | 'members'>,
  current: Configuration,
  isPending: boolean,
): ReconfigFailure | undefined {
  if (txn.expectEpoch !== current.epoch) return 'epochOver'
  if (isPending) return 'pending'
  if (current.epoch >= EPOCH_MAX) return 'lastEpoch'
  if (!txn.members.some(isVoter)) return 'noVoter'
  const before = new Map(current.members.map((member) => [member.serial, member]))
  for (const member of txn.members) {
    const known = before.get(member.serial)
    if (known === undefined && member.serial <= current.highestSerial) return 'serialUsed'
    if (!isVoter(member) || (known !== undefined && isVoter(known))) continue
    // Votes count from now on: of one store, which all know by name (ADR 0030).
    if (member.storeId === undefined) return 'unknownStore'
  }
  return undefined
}

/** The configuration that follows. Serials are never given again, whoever holds them. */
export function configurationAfter(
  current: Configuration,
  members: readonly MemberEntry[],
): Configuration {
  let highest: number = current.highestSerial
  for (const { serial } of members) if (serial > highest) highest = serial
  return { epoch: epoch(current.epoch + 1), members, highestSerial: nodeSerial(highest) }
}
