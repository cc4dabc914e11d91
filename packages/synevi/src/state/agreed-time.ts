/** Agreed time (`protocol.md` 5.3): strictly increasing from entry to entry, equal on all nodes. */

import { nanosOf, type Timestamp } from '@synevi/accord'

/** The time of the entry that follows one of time `before`, in nanoseconds since 1970. */
export function timeAfter(before: bigint, executeAt: Timestamp): bigint {
  const own: bigint = nanosOf(executeAt)
  return own > before ? own : before + 1n
}
