/**
 * What reads of a run must see (`protocol.md` 9): everything with their keys that was decided
 * anywhere before they began. So they see what was answered before, and what any finished read
 * saw.
 */

import { conflict, type Keys, type NodeSerial, type ReadAnswer, type ReadId } from '@synevi/accord'
import type { KnownTxn } from './known-txn.ts'
import { check } from './violation.ts'

interface KnownRead {
  readonly node: NodeSerial
  /** The life of the node in which it began. */
  readonly life: number
  readonly before: readonly KnownTxn[]
  readonly state: 'open' | 'cancelled' | 'answered'
}

/** The brand of reads, for harnesses that make their own: a number never used twice in a run. */
export function readId(value: number): ReadId {
  return value as ReadId
}

/** All reads of a run. */
export class KnownReads {
  readonly #all = new Map<ReadId, KnownRead>()

  copy(): KnownReads {
    const copy = new KnownReads()
    for (const [read, each] of this.#all) copy.#all.set(read, each)
    return copy
  }

  image(): unknown {
    return [...this.#all].map(([read, { life, before, state }]) => [
      read,
      life,
      state,
      state === 'answered' ? [] : before.map(({ id }) => id),
    ])
  }

  /** Before the core hears of it. `all`: every transaction there is. */
  begun(
    read: ReadId,
    of: { node: NodeSerial; life: number; keys: Keys },
    all: Iterable<KnownTxn>,
  ): void {
    const { node, life, keys } = of
    const before: KnownTxn[] = []
    for (const known of all) {
      if (typeof known.outcome === 'bigint' && conflict(known.keys, keys)) before.push(known)
    }
    this.#all.set(read, { node, life, before, state: 'open' })
  }

  /** Nobody waits for it: it may still be answered, if the answer was on its way, or never. */
  cancelled(read: ReadId): void {
    const known = this.#all.get(read)
    if (known?.state === 'open') this.#all.set(read, { ...known, state: 'cancelled' })
  }

  /** `hasApplied`: whether the durable state of the node holds a transaction. */
  answered(node: NodeSerial, answer: ReadAnswer, hasApplied: (txn: KnownTxn) => boolean): void {
    const known = this.#all.get(answer.read)
    check(known?.node === node, 'read', () => `n${node} answers read ${answer.read}, a stranger`)
    check(known.state !== 'answered', 'read', () => `n${node} answers ${answer.read} twice`)
    this.#all.set(answer.read, { ...known, state: 'answered' })
    if (answer.kind === 'refused') return
    for (const txn of known.before) {
      check(
        hasApplied(txn),
        'stale read',
        () => `read ${answer.read} at n${node} misses ${txn.id}, decided before it began`,
      )
    }
  }

  /** What nodes that never stopped since owe an answer. `lives`: how often each was opened. */
  unanswered(lives: readonly number[]): readonly ReadId[] {
    const owed: ReadId[] = []
    for (const [read, { node, life, state }] of this.#all) {
      if (state === 'open' && lives[node] === life) owed.push(read)
    }
    return owed
  }
}
