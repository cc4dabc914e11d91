/** Everything that is true of one transaction in a run, whoever knows it. */

import {
  conflict,
  TIMESTAMP_ZERO,
  type Ballot,
  type Deps,
  type Keys,
  type NodeSerial,
  type SubmissionId,
  type Timestamp,
  type TxnId,
  type Vote,
} from '@synevi/accord'
import { check } from './violation.ts'

/** Mutable: owned by the {@link Truth} of the run. */
export interface KnownTxn {
  readonly id: TxnId
  readonly keys: Keys
  readonly coordinator: NodeSerial
  /** The life of the coordinator in which it was born. */
  readonly bornIn: number
  /** Undefined: the protocol's own. */
  readonly submission: SubmissionId | undefined
  /**
   * Real time: executeAt lies above it. The greatest executeAt that conflicts, decided before the
   * submission.
   */
  readonly after: Timestamp
  outcome: Timestamp | 'invalid' | undefined
  /** Decided by the votes of a fast quorum. */
  isFast: boolean
  /** Each set of deps that a decision was given, once. */
  readonly deps: Deps[]
  /** Durable ones. */
  readonly votes: Map<NodeSerial, Vote>
  /** Bits of the members whose yes reached the coordinator in the life in which it was born. */
  yesHeard: number
  /** By ballot: the value proposed, and bits of the members that accepted it durably. */
  readonly proposals: Map<number, Proposal>
  /** By ballot: the life of its owner in which it was issued. */
  readonly ballots: Map<number, number>
}

/** A value under a ballot. */
export interface Proposal {
  readonly value: Timestamp | 'invalid'
  accepted: number
}

/** One that was just born, of which nothing is known but that. */
export function newbornOf(
  of: Pick<KnownTxn, 'id' | 'keys' | 'coordinator' | 'bornIn' | 'submission'>,
  before: Iterable<KnownTxn>,
): KnownTxn {
  let after = TIMESTAMP_ZERO
  for (const { outcome, keys } of before) {
    if (typeof outcome === 'bigint' && outcome > after && conflict(keys, of.keys)) after = outcome
  }
  return {
    ...of,
    after,
    outcome: undefined,
    isFast: false,
    deps: [],
    votes: new Map(),
    yesHeard: 0,
    proposals: new Map(),
    ballots: new Map(),
  }
}

/** A ballot as a map key. Rounds stay far below 2^37 in a run. */
export function ballotKey(ballot: Ballot): number {
  return ballot.round * 65_536 + ballot.node
}

/** A copy that shares nothing mutable. */
export function copyKnown(known: KnownTxn): KnownTxn {
  const proposals = new Map<number, Proposal>()
  for (const [ballot, proposal] of known.proposals) proposals.set(ballot, { ...proposal })
  return {
    ...known,
    deps: [...known.deps],
    votes: new Map(known.votes),
    proposals,
    ballots: new Map(known.ballots),
  }
}

/** What stands under a ballot. Throws a Violation when that is another value (13.1.7). */
export function proposalOf(known: KnownTxn, ballot: number, value: Proposal['value']): Proposal {
  let proposal = known.proposals.get(ballot)
  if (proposal === undefined) known.proposals.set(ballot, (proposal = { value, accepted: 0 }))
  const { value: before } = proposal
  check(
    before === value,
    'ballots',
    () => `two values of ${known.id} under one ballot: ${before} and ${value}`,
  )
  return proposal
}

/** All that is judged by, as plain data. */
export function imageOfKnown(known: KnownTxn): unknown {
  const { deps, votes, yesHeard, outcome, proposals, ballots } = known
  return {
    ...known,
    votes: [...votes].sort(([a], [b]) => a - b),
    deps: deps.map(({ ids, marks }) => [ids, marks.map((mark) => [mark.key, mark.at])]),
    yesHeard: outcome === undefined ? yesHeard : 0,
    proposals: [...proposals].sort(([a], [b]) => a - b),
    ballots: [...ballots].sort(([a], [b]) => a - b),
  }
}

/**
 * Whether the deps of a transaction with `keys` name `other`, decided at `at`, or a mark that
 * stands for it.
 */
export function covers(deps: Deps, other: { id: TxnId; keys: Keys; at: Timestamp }): boolean {
  if (deps.ids.includes(other.id)) return true
  for (const mark of deps.marks) {
    if (mark.at < other.at) continue
    if (mark.key === 'all' || conflict(other.keys, [mark.key])) return true
  }
  return false
}

/** Deps of a decision cover what conflicts and stands below it. Throws a Violation. */
export function checkDeps(known: KnownTxn, deps: Deps, other: KnownTxn): void {
  const { id, keys, outcome: at } = other
  if (typeof at !== 'bigint') return
  check(
    covers(deps, { id, keys, at }),
    'dependency safety',
    () => `the deps of ${known.id} miss ${id}`,
  )
}

/** Whether both name the same ids and marks. */
export function sameDeps(a: Deps, b: Deps): boolean {
  if (a === b) return true
  if (a.ids.length !== b.ids.length || a.marks.length !== b.marks.length) return false
  return (
    a.ids.every((id, i) => id === b.ids[i]) &&
    a.marks.every((mark, i) => mark.key === b.marks[i]?.key && mark.at === b.marks[i].at)
  )
}
