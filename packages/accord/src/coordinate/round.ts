/**
 * The rounds a node leads, at most one for each transaction, and their timers (`protocol.md` 4.4,
 * 6.2).
 */

import { millis, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import { invariant } from '../invariant.ts'
import type { RecoverOk } from '../message/message.ts'
import type { CatchUpLog } from '../progress/catch-up.ts'
import type { Peers } from '../progress/peers.ts'
import type { ProgressLog } from '../progress/progress-log.ts'
import type { Path } from '../ready.ts'
import { BALLOT_ZERO, type Ballot } from '../time/ballot.ts'
import { Deadlines } from '../time/deadlines.ts'
import type { NodeSerial, Timestamp, TxnId } from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'

interface RoundBase {
  readonly id: TxnId
  readonly ballot: Ballot
  readonly startedAt: Millis
  /** Those who answered this round, in whatever way. */
  readonly answered: Set<NodeSerial>
  /** Those known to hold the payload: Stable need not repeat it. */
  readonly holders: Set<NodeSerial>
  resends: number
  resendAt: Millis
  /** Changes with each progress: what a Query is told. */
  token: number
}

/** The coordinator's first attempt. */
export interface PreAcceptRound extends RoundBase {
  readonly kind: 'preAccept'
  readonly votes: Map<NodeSerial, Timestamp>
  /** Of those who voted yes. */
  readonly deps: Map<NodeSerial, Deps>
  readonly refused: Set<NodeSerial>
  /** Set at the q-th vote: until then a fast quorum is hoped for. */
  patienceAt: Millis | undefined
}

/** A timestamp proposed under a ballot. */
export interface AcceptRound extends RoundBase {
  readonly kind: 'accept'
  readonly path: Path
  readonly keys: Keys
  readonly executeAt: Timestamp
  /** Undefined deps: covered there. */
  readonly oks: Map<NodeSerial, Deps | undefined>
}

/** Never, proposed under a ballot. */
export interface InvalidateRound extends RoundBase {
  readonly kind: 'invalidate'
  readonly oks: Set<NodeSerial>
}

/** Asking for promises. */
export interface RecoverRound extends RoundBase {
  readonly kind: 'recover'
  readonly replies: Map<NodeSerial, RecoverOk>
  /** Whether Recover carried the payload. */
  readonly withTxn: boolean
  /** Set at the q-th reply: until then more are awaited. */
  lingerAt: Millis | undefined
}

/** One round of one transaction. */
export type Round = PreAcceptRound | AcceptRound | InvalidateRound | RecoverRound

/** What a round has at hand. */
export interface Lead {
  readonly context: Context
  readonly peers: Peers
  readonly progress: ProgressLog
  readonly catchUp: CatchUpLog
  readonly rounds: Rounds
}

/** A message unanswered for so long is sent again, at least. */
const RESEND_MIN_MS = 50
/** And at least so often. */
const RESEND_MAX_MS = 1_000

/** At most one round for each transaction; a round that begins ends the one before. */
export class Rounds {
  readonly #rounds = new Map<TxnId, Round>()
  readonly #timers = new Deadlines<TxnId>()
  #token = 0
  #recovering = 0

  get size(): number {
    return this.#rounds.size
  }

  /** Recoveries under way: every round but the coordinator's own first attempts. */
  get recovering(): number {
    return this.#recovering
  }

  get(id: TxnId): Round | undefined {
    return this.#rounds.get(id)
  }

  all(): Iterable<Round> {
    return this.#rounds.values()
  }

  /** Begins a round; one that ran for this transaction is over. */
  begin(round: Round): void {
    this.end(round.id)
    this.#rounds.set(round.id, round)
    if (isRecovery(round)) this.#recovering += 1
    this.rearm(round)
  }

  end(id: TxnId): void {
    const round = this.#rounds.get(id)
    if (round === undefined) return
    if (isRecovery(round)) this.#recovering -= 1
    this.#rounds.delete(id)
    this.#timers.clear(id)
  }

  /** Rounds of ids below it are over. */
  endBelow(bound: Timestamp): void {
    for (const id of [...this.#rounds.keys()]) if (id < bound) this.end(id)
  }

  /** Something was learned. */
  progressed(round: Round, from: NodeSerial): void {
    round.answered.add(from)
    round.token = this.#token += 1
  }

  /** The parts that every round begins with. */
  base(
    lead: { context: Context; peers: Peers },
    parts: { id: TxnId; ballot: Ballot; holders: Iterable<NodeSerial> },
  ): RoundBase {
    const startedAt = lead.context.now.elapsed
    return {
      id: parts.id,
      ballot: parts.ballot,
      startedAt,
      answered: new Set([lead.context.self]),
      holders: new Set(parts.holders),
      resends: 0,
      resendAt: millis(startedAt + resendAfter(lead.peers, 0)),
      token: (this.#token += 1),
    }
  }

  /** The timer follows what the round waits for. */
  rearm(round: Round): void {
    const other =
      round.kind === 'preAccept'
        ? round.patienceAt
        : round.kind === 'recover'
          ? round.lingerAt
          : undefined
    this.#timers.set(
      round.id,
      other === undefined || round.resendAt < other ? round.resendAt : other,
    )
  }

  next(): Millis | undefined {
    return this.#timers.next()
  }

  /** The next round whose timer is due. */
  takeDue(now: Millis): Round | undefined {
    const id = this.#timers.takeDue(now)
    if (id === undefined) return undefined
    const round = this.#rounds.get(id)
    invariant(round !== undefined, 'a timer belongs to a round')
    return round
  }

  /** Whether the message of the round is to be sent again now; then when next. */
  takeResend(lead: { context: Context; peers: Peers }, round: Round): boolean {
    if (round.resendAt > lead.context.now.elapsed) return false
    round.resends += 1
    round.resendAt = millis(lead.context.now.elapsed + resendAfter(lead.peers, round.resends))
    return true
  }
}

function isRecovery(round: Round): boolean {
  return round.ballot.round !== BALLOT_ZERO.round
}

/** How long after it was sent the `resends`-th time a message is sent again, in milliseconds. */
export function resendAfter(peers: Peers, resends: number): number {
  const first = Math.max(RESEND_MIN_MS, peers.rttSlow)
  return Math.min(RESEND_MAX_MS, first * 2 ** Math.min(resends, 10))
}
