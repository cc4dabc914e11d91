/** Ballots: who may finish a transaction (`protocol.md` 1.2). They do not come from the clock. */

import { nodeSerial, type NodeSerial } from './timestamp.ts'

/** (round, node), compared in that order. Round is 0 … 2^32-1. */
export interface Ballot {
  readonly round: number
  readonly node: NodeSerial
}

/** Belongs to the coordinator's first attempt, and to nobody else. */
export const BALLOT_ZERO: Ballot = Object.freeze({ round: 0, node: nodeSerial(0) })

/**
 * The greatest round there is; a replica that reached it mints no further ballot for that
 * transaction.
 */
export const BALLOT_ROUND_MAX = 0xffff_ffff

/** Negative, 0 or positive: the order of ballots. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.round !== b.round ? a.round - b.round : a.node - b.node
}

/** Whether it is the coordinator's first attempt. */
export function isZero(ballot: Ballot): boolean {
  return ballot.round === 0 && ballot.node === 0
}
