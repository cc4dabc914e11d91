/** What a node counts since it was opened. */

/** Transactions, but for the last. */
export interface Counters {
  submitted: bigint
  fastPath: bigint
  slowPath: bigint
  recovered: bigint
  invalidated: bigint
  rejectedMessages: bigint
}

/** The counter of each way to a decision. */
export const COUNTER_OF = {
  fast: 'fastPath',
  slow: 'slowPath',
  recovered: 'recovered',
} as const

/** All at zero. */
export function noCounters(): Counters {
  return {
    submitted: 0n,
    fastPath: 0n,
    slowPath: 0n,
    recovered: 0n,
    invalidated: 0n,
    rejectedMessages: 0n,
  }
}
