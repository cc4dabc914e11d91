/**
 * How epochs of a run began and ended (`protocol.md` 13.1.13): who votes in each, and that its end
 * is one value, equal to what is truly decided, after which nothing is first decided in it.
 */

import {
  epochOf,
  hlcOf,
  type Configuration,
  type EpochEnd,
  type MemberEntry,
  type NodeSerial,
  type TxnId,
} from '@synevi/accord'
import { canonical } from './canonical.ts'
import type { KnownTxn } from './known-txn.ts'
import { check } from './violation.ts'

/** One for each run. */
export class KnownEpochs {
  readonly #voters = new Map<number, readonly NodeSerial[]>()
  readonly #members = new Map<number, readonly NodeSerial[]>()
  readonly #ends = new Map<number, string>()
  /** The latest clock in the tail of each end. */
  readonly #tails = new Map<number, bigint>()
  #last = 1

  /** Members of epoch 1. */
  constructor(first: readonly NodeSerial[]) {
    this.#voters.set(1, first)
    this.#members.set(1, first)
  }

  copy(): KnownEpochs {
    const copy = new KnownEpochs([])
    for (const [epoch, voters] of this.#voters) copy.#voters.set(epoch, voters)
    for (const [epoch, members] of this.#members) copy.#members.set(epoch, members)
    for (const [epoch, end] of this.#ends) copy.#ends.set(epoch, end)
    for (const [epoch, above] of this.#tails) copy.#tails.set(epoch, above)
    copy.#last = this.#last
    return copy
  }

  image(): unknown {
    return [...this.#ends]
  }

  /** The epoch that nobody has ended. */
  get last(): number {
    return this.#last
  }

  /** Voters and learners. */
  membersOf(epoch: number): readonly NodeSerial[] {
    return this.#members.get(epoch) ?? []
  }

  /** How many vote on a transaction. */
  sizeOf(id: TxnId): number {
    return this.#votersOf(id).length
  }

  /** A vote, or an acceptance, of a node that has none is no vote. */
  checkVoter(node: NodeSerial, id: TxnId): void {
    check(
      this.#votersOf(id).includes(node),
      'membership',
      () => `n${node} votes on ${id}, and has no vote in its epoch`,
    )
  }

  /** Nothing is decided in an epoch that has ended, but what was decided before. */
  checkOpen(id: TxnId): void {
    const epoch = epochOf(id)
    check(
      !this.#ends.has(epoch),
      'epoch end',
      () => `${id} is first decided after the end of epoch ${epoch}`,
    )
  }

  /** A node opens the next epoch; that it may is checked when the end is on its disk. */
  announced({ epoch, members }: Configuration): void {
    if (this.#voters.has(epoch)) return
    this.#voters.set(epoch, votersIn(members))
  }

  /** What is born stands above the tail of the epoch before by its clock alone (10.3 D). */
  checkBirth(id: TxnId): void {
    const above = this.#tails.get(epochOf(id) - 1)
    check(
      above === undefined || hlcOf(id) > above,
      'epoch clock',
      () => `${id} is born with a clock below the end of the epoch before`,
    )
  }

  /** Whether its epoch is over: what has no outcome then never gets one. */
  hasEnded(id: TxnId): boolean {
    return this.#ends.has(epochOf(id))
  }

  /** A node holds the end of an epoch, durably. `all`: every transaction there is. */
  ended(node: NodeSerial, end: EpochEnd, all: Iterable<KnownTxn>): void {
    const value = canonical(end)
    const known = this.#ends.get(end.epoch)
    check(
      known === undefined || known === value,
      'epoch end',
      () => `n${node} holds another end of epoch ${end.epoch}`,
    )
    if (known !== undefined) return
    this.#ends.set(end.epoch, value)
    checkTail(end, all)
    for (const { executeAt } of end.tail) {
      const before = this.#tails.get(end.epoch) ?? 0n
      if (hlcOf(executeAt) > before) this.#tails.set(end.epoch, hlcOf(executeAt))
    }
    const next = end.epoch + 1
    check(next === this.#last + 1, 'epoch end', () => `epoch ${end.epoch} ends out of order`)
    this.#last = next
    this.#members.set(
      next,
      end.members.map(({ serial }) => serial),
    )
    const announced = this.#voters.get(next)
    const voters = votersIn(end.members)
    check(
      announced === undefined || canonical(announced) === canonical(voters),
      'epoch end',
      () => `others were told to vote in epoch ${next}`,
    )
    this.#voters.set(next, voters)
  }

  #votersOf(id: TxnId): readonly NodeSerial[] {
    const voters = this.#voters.get(epochOf(id))
    check(voters !== undefined, 'membership', () => `${id} is of an epoch that nobody opened`)
    return voters
  }
}

function votersIn(members: readonly MemberEntry[]): readonly NodeSerial[] {
  return members.filter(({ role }) => role !== 'learner').map(({ serial }) => serial)
}

/** The last that is decided with all keys, and all that is decided above it: no more, no less. */
function checkTail(end: EpochEnd, all: Iterable<KnownTxn>): void {
  const decided: { id: TxnId; at: bigint; isAll: boolean }[] = []
  for (const { id, outcome, keys } of all) {
    if (epochOf(id) === end.epoch && typeof outcome === 'bigint')
      decided.push({ id, at: outcome, isAll: keys === 'all' })
  }
  decided.sort((a, b) => (a.at < b.at ? -1 : 1))
  const from = decided.findLastIndex(({ isAll }) => isAll)
  const truth = decided.slice(Math.max(0, from)).map(({ id, at }) => [id, at])
  const told = end.tail.map(({ id, executeAt }) => [id, executeAt])
  check(
    canonical(truth) === canonical(told),
    'epoch end',
    () => `epoch ${end.epoch} ends with ${canonical(told)}, and truly with ${canonical(truth)}`,
  )
}
