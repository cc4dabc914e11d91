/** One rule for coordinator and recoverer: which timestamp to propose (`protocol.md` 4.4). */

import { compareTimestamps, type Timestamp } from '../time/timestamp.ts'

/**
 * The (f+1)-th smallest: the least timestamp that f+1 members support. Undefined with fewer votes.
 */
export function leastSupported(votes: readonly Timestamp[], f: number): Timestamp | undefined {
  return [...votes].sort(compareTimestamps)[f]
}
