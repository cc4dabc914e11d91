/** Who was handed what, what had been decided by then, and whether it was answered. */

import type { Answer, Keys, NodeSerial, SubmissionId, TxnId } from '@synevi/accord'
import type { KnownTxn } from './known-txn.ts'
import { check } from './violation.ts'

/** One submission. */
export interface Submitted {
  readonly node: NodeSerial
  /** The life of the node in which it was handed over. */
  readonly life: number
  readonly keys: Keys
  /** What conflicts and was decided before: it stands before this (real time, 13.1.5). */
  readonly before: readonly KnownTxn[]
  readonly id: TxnId | undefined
  readonly answered: boolean
}

/** All submissions of a run. */
export class Submissions {
  readonly #all = new Map<SubmissionId, Submitted>()

  copy(): Submissions {
    const copy = new Submissions()
    for (const [submission, each] of this.#all) copy.#all.set(submission, each)
    return copy
  }

  /** An answer is owed by the life that was handed it, and by no later one. */
  image(): unknown {
    return [...this.#all].map(([id, { life, before, answered }]) => [
      ...[id, before.length, answered],
      answered ? 0 : life,
    ])
  }

  add(submission: SubmissionId, of: Omit<Submitted, 'id' | 'answered'>): void {
    this.#all.set(submission, { ...of, id: undefined, answered: false })
  }

  /** It became this transaction. Throws a Violation when it is another's, or was born before. */
  born(submission: SubmissionId, id: TxnId): Submitted {
    const submitted = this.#all.get(submission)
    check(
      submitted !== undefined && submitted.id === undefined,
      'birth',
      () => `${id} was not submitted, or twice`,
    )
    const born = { ...submitted, id }
    this.#all.set(submission, born)
    return born
  }

  /** It is answered: once, at the node that was handed it, about what it became. */
  answered(node: NodeSerial, answer: Answer): void {
    const submitted = this.#all.get(answer.submission)
    check(
      submitted?.node === node && !submitted.answered,
      'answer',
      () => `n${node} answered twice, or a stranger`,
    )
    const id = answer.kind === 'refused' ? undefined : answer.id
    check(submitted.id === id, 'answer', () => `n${node} answered ${id}, another's`)
    this.#all.set(answer.submission, { ...submitted, answered: true })
  }

  /** What nodes that never stopped since owe an answer. `lives`: how often each was opened. */
  unanswered(lives: readonly number[]): readonly SubmissionId[] {
    const owed: SubmissionId[] = []
    for (const [submission, { node, life, answered }] of this.#all) {
      if (!answered && lives[node] === life) owed.push(submission)
    }
    return owed
  }
}
