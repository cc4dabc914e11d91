/** Whether two ends of an epoch are the one value that it can have (`protocol.md` 10.3). */

import type { EpochEnd } from '../message/message.ts'
import { sameBytes } from '../replicate/on-stable.ts'
import { isVoter, type MemberEntry } from '../topology/configuration.ts'
import { sameKeys } from '../txn/keys.ts'

/** Part by part. */
export function sameEnd(a: EpochEnd, b: EpochEnd): boolean {
  return (
    a.epoch === b.epoch &&
    a.reconfig.id === b.reconfig.id &&
    a.reconfig.executeAt === b.reconfig.executeAt &&
    a.tail.length === b.tail.length &&
    a.members.length === b.members.length &&
    a.tail.every((entry, i) => {
      const other = b.tail[i]
      if (other === undefined) return false
      return (
        entry.id === other.id &&
        entry.executeAt === other.executeAt &&
        sameKeys(entry.keys, other.keys)
      )
    }) &&
    a.members.every((member, i) => sameMember(member, b.members[i]))
  )
}

function sameMember(a: MemberEntry, b: MemberEntry | undefined): boolean {
  return (
    b !== undefined &&
    a.serial === b.serial &&
    a.id === b.id &&
    a.address === b.address &&
    isVoter(a) === isVoter(b) &&
    a.replaces === b.replaces &&
    sameBytes(a.storeId ?? NO_BYTES, b.storeId ?? NO_BYTES)
  )
}

const NO_BYTES = new Uint8Array(0)
