/** What is looked at before a change of the membership is ordered (`protocol.md` 10.6). */

import { membersFit } from '../message/fits-parts.ts'
import type { RefusedSubmission } from '../ready.ts'
import { isVoter, type MemberEntry } from '../topology/configuration.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'
import type { ReconfigTxn } from '../txn/txn.ts'
import { hasQuorum, type ReachParts } from './reachable.ts'

/** What is at hand. */
export interface PrepareParts extends ReachParts {
  /** The store that speaks under the serial, durably known; undefined when none does. */
  readonly storeOf: (serial: NodeSerial) => Uint8Array | undefined
}

/**
 * The Reconfig, in which every store that is known here has its name (ADR 0030); or why none is
 * ordered.
 */
export function prepareReconfig(
  parts: PrepareParts,
  asked: {
    readonly expectEpoch: Epoch
    readonly members: readonly MemberEntry[]
    readonly force: boolean
  },
): ReconfigTxn | RefusedSubmission {
  const { context, storeOf } = parts
  const { epochs, features } = context
  if (!features.enabled('epochs')) return 'unsupported'
  const { expectEpoch, force } = asked
  if (expectEpoch !== epochs.open.epoch) return 'epochOver'
  if (membersFit(asked.members) !== undefined || !asked.members.some(isVoter)) return 'malformed'
  const members = asked.members.map((member) => canonicalEntry(member, storeOf(member.serial)))
  const isUnknown = members.some((member) => {
    const isNew = isVoter(member) && !epochs.open.isVoter(member.serial)
    return isNew && member.storeId === undefined
  })
  if (isUnknown) return 'unknownStore'
  if (!force && !hasQuorum(parts, members)) return 'noQuorum'
  return { kind: 'reconfig', expectEpoch, members }
}

/** As it reads after a journey: what is not said is absent. `known`: its store, unless named. */
function canonicalEntry(member: MemberEntry, known: Uint8Array | undefined): MemberEntry {
  const { serial, id, address, replaces, storeId = known } = member
  return {
    ...{ serial, id, address },
    ...(isVoter(member) ? {} : { role: 'learner' }),
    ...(storeId === undefined ? {} : { storeId }),
    ...(replaces === undefined ? {} : { replaces }),
  }
}
