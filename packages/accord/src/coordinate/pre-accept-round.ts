/**
 * Leading PreAccept: the coordinator's first attempt, under ballot ZERO (`protocol.md` 2.2, 4.4).
 */

import { millis, type Millis } from '../brand.ts'
import { invariant } from '../invariant.ts'
import type { PreAcceptOk, Refused } from '../message/message.ts'
import { closeCovered } from '../replicate/on-stable.ts'
import { depsFor } from '../replicate/vote.ts'
import { BALLOT_ZERO, isZero } from '../time/ballot.ts'
import type { NodeSerial } from '../time/timestamp.ts'
import { mergeDeps } from '../txn/deps.ts'
import { keysOfTxn } from '../txn/txn.ts'
import type { TxnRecord } from '../txn/txn-record.ts'
import { propose } from './accept-round.ts'
import { decide } from './decide.ts'
import { leastSupported } from './least-supported.ts'
import { recover } from './recover-round.ts'
import type { Lead, PreAcceptRound } from './round.ts'

/** The coordinator has voted yes, in its record; its vote is durable before PreAccept leaves. */
export function beginPreAccept(lead: Lead, record: TxnRecord): void {
  const { context, rounds } = lead
  const { id, vote } = record
  invariant(vote?.yes === true, 'a coordinator votes yes on its own transaction, first')
  const round: PreAcceptRound = {
    kind: 'preAccept',
    ...rounds.base(lead, { id, ballot: BALLOT_ZERO, holders: [context.self] }),
    votes: new Map([[context.self, vote.witnessedAt]]),
    deps: new Map(),
    refused: new Set(),
    patienceAt: undefined,
  }
  rounds.begin(round)
  sendPreAccept(lead, round)
  checkPreAccept(lead, round)
}

/** To those who have not voted: one that refused may have room, or a later clock, by now. */
export function sendPreAccept(lead: Lead, round: PreAcceptRound): void {
  const txn = lead.context.ledger.get(round.id)?.txn
  invariant(txn !== undefined, 'a coordinator holds its payload')
  for (const peer of lead.context.epochs.of(round.id).peers) {
    if (!round.votes.has(peer))
      lead.context.out.afterStore(peer, { kind: 'preAccept', id: round.id, txn })
  }
}

/** A vote: each node counts once, members only. */
export function onPreAcceptOk(lead: Lead, from: NodeSerial, message: PreAcceptOk): void {
  const round = lead.rounds.get(message.id)
  if (round?.kind !== 'preAccept' || round.votes.has(from)) return
  if (round.resends === 0) measure(lead, round, from)
  round.votes.set(from, message.witnessedAt)
  if (message.deps !== undefined) round.deps.set(from, message.deps)
  round.refused.delete(from)
  round.holders.add(from)
  lead.rounds.progressed(round, from)
  checkPreAccept(lead, round)
}

/** No vote, and none to come soon. */
export function onRefused(lead: Lead, from: NodeSerial, message: Refused): void {
  const round = lead.rounds.get(message.id)
  if (round?.kind !== 'preAccept' || round.votes.has(from) || round.refused.has(from)) return
  round.refused.add(from)
  lead.rounds.progressed(round, from)
  lead.context.out.notice({
    kind: 'refusedByPeer',
    id: message.id,
    peer: from,
    reason: message.reason,
  })
  checkPreAccept(lead, round)
}

/** Draws the consequence of what is known: fast, slow, recovery, or wait. */
export function checkPreAccept(lead: Lead, round: PreAcceptRound): void {
  const { context, rounds } = lead
  const { id, votes } = round
  const record = context.ledger.getOrEmpty(id)
  // The register decides, not the round: after a promise of its own a coordinator never decides
  // fast.
  if (record.outcome !== undefined || !isZero(record.promised) || record.accepted !== undefined)
    return
  const { f, q, fast } = context.epochs.of(id).sizes
  const yes = [...votes].filter(([, witnessedAt]) => witnessedAt === id).map(([node]) => node)
  if (yes.length >= fast) {
    decideFast(lead, round, record)
    return
  }
  if (votes.size >= q && (!fastReachable(lead, round) || patienceIsOver(lead, round))) {
    const { txn } = record
    invariant(txn !== undefined, 'a coordinator holds its payload')
    const executeAt = leastSupported([...votes.values()], f)
    invariant(executeAt !== undefined, 'a slow quorum has f+1 votes')
    propose(lead, {
      id,
      ballot: BALLOT_ZERO,
      keys: keysOfTxn(txn),
      executeAt,
      path: 'slow',
      holders: round.holders,
    })
    return
  }
  if (isHopeless(lead, round)) {
    rounds.end(id)
    recover(lead, id, 0)
    return
  }
  if (votes.size >= q && round.patienceAt === undefined) round.patienceAt = patience(lead, round)
  rounds.rearm(round)
}

function decideFast(lead: Lead, round: PreAcceptRound, record: TxnRecord): void {
  const { context } = lead
  const { id } = round
  const { txn } = record
  invariant(txn !== undefined, 'a coordinator holds its payload')
  const keys = keysOfTxn(txn)
  lead.rounds.end(id)
  if (context.marks.covers(keys, id)) {
    closeCovered(context, record, id)
    return
  }
  // The coordinator's own part is taken now, at the decision: its later votes did not count this
  // transaction.
  const own = depsFor(context, keys, { id, bound: id })
  const deps = mergeDeps([...round.deps.values(), own])
  decide(context, { id, keys, executeAt: id, deps, path: 'fast', holders: round.holders })
}

/**
 * Too many refused, suspected members counted with them: a slow quorum will not come, so recovery
 * finds an end. Suspicion alone is waited out, for recovery could not reach a quorum either.
 */
function isHopeless(lead: Lead, round: PreAcceptRound): boolean {
  if (round.refused.size === 0) return false
  const { voters, sizes } = lead.context.epochs.of(round.id)
  const silent = voters.filter((member) => !round.votes.has(member) && !round.refused.has(member))
  const possible = silent.filter((member) => !lead.peers.isSuspected(member)).length
  return round.votes.size + possible < sizes.q
}

/** Whether a fast quorum may still come, from those who have not spoken and are not suspected. */
function fastReachable(lead: Lead, round: PreAcceptRound): boolean {
  const topology = lead.context.epochs.of(round.id)
  let possible = 0
  for (const member of topology.voters) {
    const vote = round.votes.get(member)
    if (vote !== undefined) possible += vote === round.id ? 1 : 0
    else if (!round.refused.has(member) && !lead.peers.isSuspected(member)) possible += 1
  }
  return possible >= topology.sizes.fast
}

function patienceIsOver(lead: Lead, round: PreAcceptRound): boolean {
  return round.patienceAt !== undefined && round.patienceAt <= lead.context.now.elapsed
}

/** min(1.5 × p99 to the peer that would complete the fast quorum, the limit), counted from now. */
function patience(lead: Lead, round: PreAcceptRound): Millis {
  const { context, peers } = lead
  const topology = context.epochs.of(round.id)
  const rtt = peers.rttOfFastest(topology.peers, topology.sizes.fast - 1)
  const wait = Math.min(rtt + Math.ceil(rtt / 2), context.limits.patienceMaxMs)
  return millis(context.now.elapsed + wait)
}

function measure(lead: Lead, round: PreAcceptRound, from: NodeSerial): void {
  const rtt = millis(lead.context.now.elapsed - round.startedAt)
  lead.peers.measured(lead.context, { from, rtt, wall: undefined })
}
