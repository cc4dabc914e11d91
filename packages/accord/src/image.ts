/**
 * The whole state of a replica as canonical plain data: replicas with equal images behave alike.
 */

import type { Context } from './context.ts'
import type { Lead, Round } from './coordinate/round.ts'
import type { NodeSerial } from './time/timestamp.ts'
import type { TxnRecord } from './txn/txn-record.ts'

/**
 * Arrays and objects of numbers, strings, bigints and bytes; records and rounds in the order of
 * their ids.
 */
export function imageOf(parts: {
  context: Context
  lead: Lead
  execution: unknown
  reads: unknown
  more: readonly unknown[]
}): unknown {
  const { context, lead } = parts
  return {
    clock: context.clock.last,
    chance: context.chance.state,
    stopped: context.stopped,
    marks: context.marks.of('all'),
    floorsDurable: context.floors.durable,
    features: context.features.image(),
    floors: context.floors.state,
    epochs: [context.epochs.open.configuration, context.succession.image()],
    records: [...context.ledger.records()].sort(byId),
    rounds: [...lead.rounds.all()].sort(byId).map(roundImage),
    progress: lead.progress.image(),
    catchUp: lead.catchUp.image(),
    peers: [...lead.peers.all()].map(({ serial, suspected, linkUp, distrusted, heardAt }) => ({
      serial,
      suspected,
      linkUp,
      distrusted,
      heardAt,
    })),
    execution: parts.execution,
    reads: parts.reads,
    more: parts.more,
  }
}

function byId(a: Pick<TxnRecord, 'id'>, b: Pick<TxnRecord, 'id'>): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/**
 * Without what only timing and reports need: startedAt, tokens and who answered are implied or
 * immaterial.
 */
function roundImage(round: Round): unknown {
  const { kind, id, ballot, resendAt } = round
  const holders = [...round.holders].sort((a, b) => a - b)
  const base = { kind, id, ballot, resendAt, holders }
  switch (round.kind) {
    case 'preAccept':
      return {
        ...base,
        votes: entries(round.votes),
        deps: entries(round.deps),
        refused: [...round.refused].sort((a, b) => a - b),
        patienceAt: round.patienceAt,
      }
    case 'accept':
      return { ...base, executeAt: round.executeAt, oks: entries(round.oks) }
    case 'invalidate':
      return { ...base, oks: [...round.oks].sort((a, b) => a - b) }
    case 'recover':
      return { ...base, replies: entries(round.replies), lingerAt: round.lingerAt }
  }
}

function entries<T>(map: ReadonlyMap<NodeSerial, T>): readonly (readonly [NodeSerial, T])[] {
  return [...map].sort(([a], [b]) => a - b)
}
