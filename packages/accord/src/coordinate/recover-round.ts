/**
 * Leading Recover: finishing what another, or an earlier life of this node, left (`protocol.md`
 * 6.2).
 *
 * It looks at this transaction alone, waits for no other, and never skips Accept, not even when t =
 * id.
 */

import { millis } from '../brand.ts'
import { invariant } from '../invariant.ts'
import type { RecoverOk } from '../message/message.ts'
import { promise } from '../replicate/on-recover.ts'
import { BALLOT_ROUND_MAX, compareBallots, type Ballot } from '../time/ballot.ts'
import { nodeOf, type NodeSerial, type Timestamp, type TxnId } from '../time/timestamp.ts'
import type { Keys } from '../txn/keys.ts'
import type { Accepted } from '../txn/txn-record.ts'
import { statusOf } from '../txn/txn-record.ts'
import { propose } from './accept-round.ts'
import { proposeInvalid } from './invalidate-round.ts'
import { leastSupported } from './least-supported.ts'
import type { Lead, RecoverRound } from './round.ts'

/**
 * Begins a recovery under a new ballot, above every round seen: the own promise is durable before
 * Recover leaves.
 */
export function recover(lead: Lead, id: TxnId, roundSeen: number): void {
  const { context, rounds } = lead
  const record = context.ledger.getOrEmpty(id)
  if (record.outcome !== undefined || context.floors.isClosed(id)) return
  if (!context.epochs.isVoterOf(id)) return
  const round = 1 + Math.max(record.promised.round, roundSeen)
  if (round > BALLOT_ROUND_MAX) return
  const own = nodeOf(id) === context.self
  context.out.notice({ kind: 'recovering', id, status: statusOf(record), own })
  const ballot: Ballot = { round, node: context.self }
  const { txn } = record
  const reply = promise(context, { ballot, id, txn })
  const begun: RecoverRound = {
    kind: 'recover',
    ...rounds.base(lead, { id, ballot, holders: [context.self] }),
    replies: new Map([[context.self, reply]]),
    withTxn: txn !== undefined,
    lingerAt: undefined,
  }
  rounds.begin(begun)
  sendRecover(lead, begun)
  checkRecover(lead, begun)
}

/** To those who have not answered. */
export function sendRecover(lead: Lead, round: RecoverRound): void {
  const { ballot, id } = round
  const txn = round.withTxn ? lead.context.ledger.get(id)?.txn : undefined
  for (const peer of lead.context.epochs.of(round.id).peers) {
    if (!round.answered.has(peer))
      lead.context.out.afterStore(peer, { kind: 'recover', ballot, id, txn })
  }
}

/** An answer: each node counts once. */
export function onRecoverOk(lead: Lead, from: NodeSerial, message: RecoverOk): void {
  const round = lead.rounds.get(message.id)
  if (round?.kind !== 'recover' || compareBallots(round.ballot, message.ballot) !== 0) return
  if (round.replies.has(from)) return
  round.replies.set(from, message)
  if (message.vote !== undefined || round.withTxn) round.holders.add(from)
  lead.rounds.progressed(round, from)
  checkRecover(lead, round)
}

/** Waits for a quorum, lingers for more, then concludes. */
export function checkRecover(lead: Lead, round: RecoverRound): void {
  const { context, peers, rounds } = lead
  if (round.replies.size < context.epochs.of(round.id).sizes.q) return
  const { elapsed } = context.now
  round.lingerAt ??= millis(elapsed + peers.rttMedian)
  // Whoever is suspected is not waited for.
  const silent = context.epochs
    .of(round.id)
    .voters.some((member) => !round.replies.has(member) && !peers.isSuspected(member))
  if (!silent || round.lingerAt <= elapsed) conclude(lead, round)
  else rounds.rearm(round)
}

function conclude(lead: Lead, round: RecoverRound): void {
  const { context, rounds } = lead
  const { id, ballot } = round
  const replies = [...round.replies.values()]
  const accepted = highestAccepted(replies)
  if (accepted !== undefined) {
    takeAccepted(lead, round, accepted)
    return
  }
  if (context.ledger.get(id)?.txn === undefined) {
    const txn = replies.find((reply) => reply.txn !== undefined)?.txn
    if (txn !== undefined) {
      // Begin again with the payload, so that those who answer witness it.
      const record = context.ledger.getOrEmpty(id)
      const keys = replies.find((reply) => reply.keys !== undefined)?.keys
      context.ledger.put({ ...record, txn, keys: record.keys ?? keys })
      rounds.end(id)
      recover(lead, id, ballot.round)
      return
    }
  }
  const executeAt = leastSupported(supportOf(round), context.epochs.of(round.id).sizes.f)
  if (executeAt === undefined) {
    // Its payload is nowhere in the quorum, or too few would witness it.
    context.out.notice({ kind: 'reproposed', id, what: 'invalid' })
    proposeInvalid(lead, id, ballot)
    return
  }
  context.out.notice({ kind: 'reproposed', id, what: executeAt === id ? 'id' : 'later' })
  proposeRecovered(lead, round, executeAt)
}

/** The highest ballot wins, not the greatest timestamp. */
function highestAccepted(replies: readonly RecoverOk[]): Accepted | undefined {
  let highest: Accepted | undefined
  for (const { accepted } of replies) {
    if (accepted === undefined) continue
    if (highest === undefined || compareBallots(accepted.ballot, highest.ballot) > 0)
      highest = accepted
  }
  return highest
}

function takeAccepted(lead: Lead, round: RecoverRound, accepted: Accepted): void {
  const { id, ballot } = round
  lead.context.out.notice({ kind: 'reproposed', id, what: 'accepted' })
  if (accepted.value === 'invalid') proposeInvalid(lead, id, ballot)
  else proposeRecovered(lead, round, accepted.value)
}

/**
 * The votes in the quorum, and the id for an absent coordinator when anyone voted yes: a yes
 * anywhere proves that the coordinator's own vote was durable first (2.2 c).
 */
function supportOf(round: RecoverRound): readonly Timestamp[] {
  const { id, replies } = round
  const votes = [...replies.values()].flatMap((reply) =>
    reply.vote === undefined ? [] : [reply.vote],
  )
  const support = votes.map((vote) => vote.witnessedAt)
  if (!replies.has(nodeOf(id)) && votes.some((vote) => vote.yes)) support.push(id)
  return support
}

function proposeRecovered(lead: Lead, round: RecoverRound, executeAt: Timestamp): void {
  const { id, ballot, holders } = round
  const keys = keysIn(lead, round)
  invariant(keys !== undefined, 'whoever voted or accepted knows the keys')
  propose(lead, { id, ballot, keys, executeAt, path: 'recovered', holders })
}

function keysIn(lead: Lead, round: RecoverRound): Keys | undefined {
  const own = lead.context.ledger.get(round.id)?.keys
  if (own !== undefined) return own
  for (const reply of round.replies.values()) if (reply.keys !== undefined) return reply.keys
  return undefined
}
