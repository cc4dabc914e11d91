/** Leading AcceptInvalid: never, under a ballot (`protocol.md` 6.2). */

import type { AcceptInvalidOk } from '../message/message.ts'
import { acceptInvalid } from '../replicate/on-accept.ts'
import { compareBallots, type Ballot } from '../time/ballot.ts'
import type { NodeSerial, TxnId } from '../time/timestamp.ts'
import { decideInvalid } from './decide.ts'
import type { InvalidateRound, Lead } from './round.ts'

/** Accepts here in the same step, and asks the others; the own answer counts. */
export function proposeInvalid(lead: Lead, id: TxnId, ballot: Ballot): void {
  const { context, rounds } = lead
  acceptInvalid(context, id, ballot)
  const round: InvalidateRound = {
    kind: 'invalidate',
    ...rounds.base(lead, { id, ballot, holders: [] }),
    oks: new Set([context.self]),
  }
  rounds.begin(round)
  sendAcceptInvalid(lead, round)
  checkInvalidate(lead, round)
}

/** To those who have not answered. */
export function sendAcceptInvalid(lead: Lead, round: InvalidateRound): void {
  const { ballot, id } = round
  for (const peer of lead.context.epochs.of(id).peers) {
    if (!round.answered.has(peer))
      lead.context.out.afterStore(peer, { kind: 'acceptInvalid', ballot, id })
  }
}

/** An answer: each node counts once. */
export function onAcceptInvalidOk(lead: Lead, from: NodeSerial, message: AcceptInvalidOk): void {
  const round = lead.rounds.get(message.id)
  if (round?.kind !== 'invalidate' || compareBallots(round.ballot, message.ballot) !== 0) return
  if (round.oks.has(from)) return
  round.oks.add(from)
  lead.rounds.progressed(round, from)
  checkInvalidate(lead, round)
}

function checkInvalidate(lead: Lead, round: InvalidateRound): void {
  if (round.oks.size < lead.context.epochs.of(round.id).sizes.q) return
  lead.rounds.end(round.id)
  decideInvalid(lead.context, round.id)
}
