/** Changes of the membership that this node has ordered, and what the core answered. */

import {
  unreachable,
  type Answer,
  type Epoch,
  type Input,
  type MemberEntry,
  type SubmissionId,
} from '@synevi/accord'
import type { Patience, Settle, Waits } from '../read/waits.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'

/** Far above the submissions of batches: both count up. */
const FIRST_SUBMISSION = 2 ** 48

/** What is ordered. */
export interface Change {
  readonly expectEpoch: Epoch
  readonly members: readonly MemberEntry[]
  /** Also when it would leave no quorum that is reachable and caught up. */
  readonly force: boolean
}

/**
 * How it went. `executed`: the next epoch opens. `overtaken`: another change came first, this one
 * has no effect. `again`: it never happened, and may be ordered again. `busy`: nothing was begun,
 * for another change is under way, or too much is. `unsupported`: nothing was begun, for not every
 * member has said yet that it can.
 */
export type Ordered = 'executed' | 'overtaken' | 'again' | 'busy' | 'unsupported'

/** One for each node. */
export class ChangeOrders {
  readonly #feed: (input: Input) => void
  readonly #waits: Waits
  readonly #waiting = new Map<SubmissionId, Settle<Answer>>()
  #next = FIRST_SUBMISSION

  constructor(parts: { readonly feed: (input: Input) => void; readonly waits: Waits }) {
    this.#feed = parts.feed
    this.#waits = parts.waits
  }

  /**
   * Resolves when the core has answered. Rejects, definite, with what the core refuses
   * (`MEMBERSHIP_UNSAFE`, `MEMBERSHIP_REMOVED`, `NOT_READY`, …), and not definite with `TIMEOUT`
   * and `CANCELLED`: the change may still happen.
   */
  async order(change: Change, patience: Patience): Promise<Ordered> {
    const submission = this.#next++ as SubmissionId
    try {
      const answer = await this.#waits.wait<Answer>(
        patience,
        () => 'a change of the membership has not been executed here',
        (settle) => {
          this.#waiting.set(submission, settle)
          this.#feed({ kind: 'reconfigure', submission, ...change })
          return () => this.#waiting.delete(submission)
        },
      )
      return outcomeOf(answer)
    } catch (error) {
      throw isSyneviError(error, 'TIMEOUT') || isSyneviError(error, 'CANCELLED')
        ? indefinite(error)
        : error
    }
  }

  /** True when the answer was to a change. */
  answer(answer: Answer): boolean {
    const settle = this.#waiting.get(answer.submission)
    this.#waiting.delete(answer.submission)
    settle?.resolve(answer)
    return answer.submission >= FIRST_SUBMISSION
  }

  /** The node failed or closes: nobody knows what becomes of them. */
  stop(why: SyneviError): void {
    for (const settle of [...this.#waiting.values()]) settle.reject(indefinite(why))
    this.#waiting.clear()
  }
}

/** What was waited for may still come: the change is on its way. */
export function indefinite(error: SyneviError): SyneviError {
  const { code, message } = error
  return new SyneviError(code, message, { definite: false, retryable: true, cause: error })
}

function outcomeOf(answer: Answer): Ordered {
  switch (answer.kind) {
    case 'reconfigured':
      return failureOf(answer.failure)
    case 'invalidated':
      return 'again'
    case 'settled':
    case 'covered':
      return 'overtaken'
    case 'refused':
      if (answer.reason === 'epochOver') return 'overtaken'
      if (answer.reason === 'busy' || answer.reason === 'unsupported') return answer.reason
      throw refusalOf(answer.reason)
    default:
      return unreachable(answer)
  }
}

function failureOf(failure: (Answer & { kind: 'reconfigured' })['failure']): Ordered {
  switch (failure) {
    case undefined:
      return 'executed'
    case 'epochOver':
    case 'pending':
    case 'serialUsed':
      return 'overtaken'
    case 'noVoter':
      throw refused('MEMBERSHIP_UNSAFE', 'no voter would be left')
    case 'unknownStore':
      throw refused('MEMBERSHIP_UNSAFE', 'a new voter has not joined yet')
    case 'lastEpoch':
      throw refused('MEMBERSHIP_UNSAFE', 'this cluster has had as many epochs as there can be')
    default:
      return unreachable(failure)
  }
}

type Refused = Exclude<
  (Answer & { kind: 'refused' })['reason'],
  'epochOver' | 'busy' | 'unsupported'
>

function refusalOf(reason: Refused): SyneviError {
  switch (reason) {
    case 'notReady':
    case 'learner':
      return refused('NOT_READY', 'this node has no vote yet')
    case 'stopped':
      return refused('DIVERGED', 'this node is not trusted any more')
    case 'removed':
      return refused('MEMBERSHIP_REMOVED', 'this node was removed')
    case 'noQuorum':
      return refused(
        'MEMBERSHIP_UNSAFE',
        'it would leave no quorum that is reachable and caught up',
      )
    case 'unknownStore':
      return refused('MEMBERSHIP_UNSAFE', 'a new voter was never heard of')
    case 'malformed':
      return refused('INVALID_ARGUMENT', 'the list of members makes no configuration')
    default:
      return unreachable(reason)
  }
}

function refused(
  code: 'NOT_READY' | 'DIVERGED' | 'MEMBERSHIP_REMOVED' | 'MEMBERSHIP_UNSAFE' | 'INVALID_ARGUMENT',
  why: string,
): SyneviError {
  const retryable = code === 'NOT_READY'
  return new SyneviError(code, `the membership was not changed: ${why}`, {
    definite: true,
    retryable,
  })
}
