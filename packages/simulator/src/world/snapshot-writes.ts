/** Which writes of a node have to do with snapshots (`docs/reference/storage-layout.md`). */

import type { Bytes, Mutation } from '@synevi/accord'

/** The write that installs a snapshot: it changes the slot and the position. */
export function isFlip(batch: readonly Mutation[]): boolean {
  const has = (fact: number): boolean => batch.some(({ key }) => key[0] === 0x01 && key[1] === fact)
  return has(0x30) && has(0x0a)
}

/** The facts of slots and staging, and the tables of the second slot. */
export function isOfSnapshot(key: Bytes): boolean {
  const [table = 0, fact = 0] = key
  return table >= 0x80 || (table === 0x01 && (fact === 0x30 || fact === 0x31))
}
