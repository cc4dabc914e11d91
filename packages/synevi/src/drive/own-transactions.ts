/**
 * This node's submissions on their way: which became which transaction, and what came of each of
 * its requests.
 */

import {
  invariant,
  unreachable,
  type Answer,
  type RefusedSubmission,
  type SubmissionId,
  type TxnId,
} from '@synevi/accord'
import type { Batcher } from '../batcher.ts'
import { ChainHasher } from '../chain/hash-chain.ts'
import type { Request } from '../request.ts'
import { repeated } from './execution-lane.ts'
import type { Bytes } from '@synevi/accord'
import type { Remembered } from '../state/request-memory.ts'
import type { RequestOutcome } from './outcome.ts'

/** Whom answers go to, and where lost outcomes are found. */
export interface OwnTransactionsParts {
  readonly batcher: Batcher
  /** From the request memory, durable. */
  readonly remembered: (id: Bytes) => Remembered | undefined
}

/**
 * Brings the core's answers, which name submissions, together with the lane's outcomes, which name
 * transactions.
 */
export class OwnTransactions {
  readonly #parts: OwnTransactionsParts
  readonly #hasher = new ChainHasher()
  readonly #submissions = new Map<TxnId, SubmissionId>()
  /** From the execution to the answer. */
  readonly #outcomes = new Map<TxnId, readonly RequestOutcome[]>()

  constructor(parts: OwnTransactionsParts) {
    this.#parts = parts
  }

  /** Those that have an id and no answer. */
  get unanswered(): ReadonlyMap<TxnId, SubmissionId> {
    return new Map(this.#submissions)
  }

  /** The submission has an id now. */
  began(id: TxnId, submission: SubmissionId): void {
    this.#submissions.set(id, submission)
  }

  /** It can only be executed, whatever happens: the next may begin. */
  decided(id: TxnId): void {
    const submission = this.#submissions.get(id)
    if (submission !== undefined) this.#parts.batcher.decided(submission)
  }

  /** Executed, not yet durable. Those of other nodes are not kept. */
  executed(id: TxnId, outcomes: readonly RequestOutcome[]): void {
    if (this.#submissions.has(id)) this.#outcomes.set(id, outcomes)
  }

  answer(answer: Answer): void {
    const { batcher } = this.#parts
    switch (answer.kind) {
      case 'settled':
        batcher.settle(answer.submission, this.#outcomesOf(answer.id))
        this.#forget(answer.id)
        return
      case 'invalidated':
        batcher.invalidated(answer.submission)
        this.#forget(answer.id)
        return
      case 'refused':
        batcher.refused(answer.submission, reasonFor(answer.reason))
        return
      case 'covered':
        batcher.settle(
          answer.submission,
          batcher.requestsOf(answer.submission).map((request) => this.#recall(request, answer.id)),
        )
        this.#forget(answer.id)
        return
      case 'reconfigured':
        // Of a change of the membership, which no batch is.
        return
      default:
        return unreachable(answer)
    }
  }

  #outcomesOf(id: TxnId): readonly RequestOutcome[] {
    const outcomes = this.#outcomes.get(id)
    invariant(outcomes !== undefined, 'what is settled was executed here')
    return outcomes
  }

  /** An id may have been used before for something else: what came of that is not its outcome. */
  #recall(request: Request, own: TxnId): RequestOutcome | undefined {
    const first = this.#parts.remembered(request.id)
    if (first === undefined) return undefined
    const outcome = repeated(request, this.#hasher.request(request), first)
    return first.txnId === own ? { ...outcome, duplicate: false } : outcome
  }

  #forget(id: TxnId): void {
    this.#submissions.delete(id)
    this.#outcomes.delete(id)
  }
}

/** A learner may become a voter; a node that was removed stays so. */
function reasonFor(reason: RefusedSubmission): 'busy' | 'notReady' | 'stopped' {
  if (reason === 'busy') return 'busy'
  return reason === 'notReady' || reason === 'learner' ? 'notReady' : 'stopped'
}
