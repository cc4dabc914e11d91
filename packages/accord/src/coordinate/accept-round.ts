/**
 * Leading Accept: a timestamp under a ballot, until a quorum accepted it (`protocol.md` 4.4, 6.3).
 */

import { invariant } from '../invariant.ts'
import type { AcceptOk } from '../message/message.ts'
import type { Path } from '../ready.ts'
import { closeCovered } from '../replicate/on-stable.ts'
import { accept } from '../replicate/on-accept.ts'
import { compareBallots, type Ballot } from '../time/ballot.ts'
import type { NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import { mergeDeps, type Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import { decide } from './decide.ts'
import type { AcceptRound, Lead } from './round.ts'

/** Accepts here in the same step, and asks the others; the own answer counts. */
export function propose(
  lead: Lead,
  value: {
    id: TxnId
    ballot: Ballot
    keys: Keys
    executeAt: Timestamp
    path: Path
    holders: ReadonlySet<NodeSerial>
  },
): void {
  const { context, rounds } = lead
  const { id, ballot, keys, executeAt, path } = value
  const promised = context.ledger.getOrEmpty(id).promised
  invariant(compareBallots(promised, ballot) <= 0, 'nobody proposes below its own promise')
  const own = accept(context, { ballot, id, keys, executeAt })
  const round: AcceptRound = {
    kind: 'accept',
    ...rounds.base(lead, { id, ballot, holders: value.holders }),
    path,
    keys,
    executeAt,
    oks: new Map([[context.self, own.deps]]),
  }
  rounds.begin(round)
  sendAccept(lead, round)
  checkAccept(lead, round)
}

/** To those who have not answered. */
export function sendAccept(lead: Lead, round: AcceptRound): void {
  const { ballot, id, keys, executeAt } = round
  for (const peer of lead.context.epochs.of(id).peers) {
    if (round.answered.has(peer)) continue
    lead.context.out.afterStore(peer, { kind: 'accept', ballot, id, keys, executeAt })
  }
}

/** An answer: each node counts once. */
export function onAcceptOk(lead: Lead, from: NodeSerial, message: AcceptOk): void {
  const round = lead.rounds.get(message.id)
  if (round?.kind !== 'accept' || compareBallots(round.ballot, message.ballot) !== 0) return
  // Deps replace "covered": the same replica answers again once it can.
  if (round.oks.has(from) && (round.oks.get(from) !== undefined || message.deps === undefined))
    return
  round.oks.set(from, message.deps)
  lead.rounds.progressed(round, from)
  checkAccept(lead, round)
}

function checkAccept(lead: Lead, round: AcceptRound): void {
  const { context, rounds } = lead
  const { id, keys, executeAt, path, holders } = round
  const { q } = context.epochs.of(id).sizes
  if (round.oks.size < q) return
  const given = [...round.oks.values()].filter((deps): deps is Deps => deps !== undefined)
  if (given.length >= q) {
    rounds.end(id)
    decide(context, { id, keys, executeAt, deps: mergeDeps(given), path, holders })
    return
  }
  // Decided, but too few could list what lies below: those that could not have applied it.
  if (context.marks.covers(keys, executeAt)) {
    rounds.end(id)
    closeCovered(context, { ...context.ledger.getOrEmpty(id), keys }, executeAt)
    return
  }
  for (const [from, deps] of round.oks) {
    if (deps === undefined && from !== context.self) {
      lead.catchUp.request(from)
      return
    }
  }
}
