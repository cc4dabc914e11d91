/**
 * Agreement, while a world runs and at its end (`testing.md` 2.7, checkers 6 and 9).
 *
 * One outcome for each transaction everywhere; applied sequences that are prefixes of one another
 * at all times; equal chain heads at equal positions; no TxnId issued twice.
 */

import type { Anomaly } from './history.ts'

/** A transaction as a node applied it. */
export interface AppliedStep {
  readonly id: bigint
  readonly executeAt: bigint
  /** Of its last entry. */
  readonly position: bigint
  readonly txnHash: string
  readonly execHash: string
}

/** What a node holds in the end. */
export interface NodeDigest {
  readonly node: number
  readonly position: bigint
  readonly txnHash: string
  readonly execHash: string
  /** Of everything the executors keep. */
  readonly state: string
}

interface Life {
  /** The place in the sequence of the transaction applied last. */
  index: number
  /** The life in which that happened. */
  incarnation: number
}

/** Watches all nodes. Each method says what is wrong, or nothing. */
export class Agreement {
  readonly #sequence: AppliedStep[] = []
  readonly #places = new Map<bigint, number>()
  readonly #outcomes = new Map<bigint, bigint | 'invalidated'>()
  readonly #issued = new Map<bigint, string>()
  readonly #lives = new Map<number, Life>()
  /** A snapshot was about to be installed there: whether it was, the next life shows. */
  readonly #installing = new Set<number>()

  /** The agreed sequence so far, as the node that is farthest ahead applied it. */
  get sequence(): readonly AppliedStep[] {
    return this.#sequence
  }

  /** What became of a transaction, as far as anybody said. */
  outcomeOf(id: bigint): bigint | 'invalidated' | undefined {
    return this.#outcomes.get(id)
  }

  /** A node made an id. */
  submitted(node: number, incarnation: number, id: bigint): Anomaly | undefined {
    const who = `node ${node} in its life ${incarnation}`
    const before = this.#issued.get(id)
    this.#issued.set(id, who)
    if (before === undefined) return undefined
    return { name: 'timestamp issued twice', why: `${id} by ${before} and by ${who}` }
  }

  /** A node decided, learned or applied. */
  decided(node: number, id: bigint, executeAt: bigint): Anomaly | undefined {
    return this.#outcome(node, id, executeAt)
  }

  /** A node decided that it never happens. */
  invalidated(node: number, id: bigint): Anomaly | undefined {
    return this.#outcome(node, id, 'invalidated')
  }

  /** A node asked for the write that installs a snapshot. */
  installing(node: number): void {
    this.#installing.add(node)
  }

  /**
   * A node began anew in the same life, after a snapshot if one is given: that must be what others
   * applied. It may repeat what was not durable, and goes on from what it has then.
   */
  restarted(
    node: number,
    incarnation: number,
    installed: Omit<AppliedStep, 'id'> | undefined,
  ): Anomaly | undefined {
    this.#installing.delete(node)
    const life = this.#lives.get(node)
    this.#lives.set(node, { index: life?.index ?? -1, incarnation: -incarnation })
    if (installed === undefined || installed.position === 0n) return undefined
    const { position, executeAt, txnHash, execHash } = installed
    const index = this.#sequence.findIndex((step) => step.executeAt === executeAt)
    const step = this.#sequence[index]
    const what = `node ${node} at position ${position}`
    if (step === undefined) return { name: 'snapshot of nothing applied', why: what }
    this.#lives.set(node, { index, incarnation: -incarnation })
    const isSame =
      position === step.position && txnHash === step.txnHash && execHash === step.execHash
    return isSame ? undefined : { name: 'snapshot of another state', why: what }
  }

  /** A node applied the next transaction. */
  applied(node: number, incarnation: number, step: AppliedStep): Anomaly | undefined {
    const outcome = this.#outcome(node, step.id, step.executeAt)
    if (outcome !== undefined) return outcome
    const place = this.#places.get(step.id)
    const life = this.#lives.get(node)
    const index = life?.index ?? -1
    // After a restart it may repeat what was not yet durable, but not skip. Who went down with a
    // snapshot may have applied nothing before.
    const isNewLife = life?.incarnation !== incarnation
    const next = place ?? this.#sequence.length
    const mayJump = isNewLife && this.#installing.delete(node)
    const fits = mayJump || (isNewLife ? next <= index + 1 : next === index + 1)
    this.#lives.set(node, { index: next, incarnation })
    if (!fits) {
      const why = `node ${node} applied ${step.id}, number ${next}, after number ${index}`
      return { name: 'order differs', why }
    }
    return place === undefined ? this.#extend(node, step) : this.#compare(node, place, step)
  }

  #extend(node: number, step: AppliedStep): Anomaly | undefined {
    const last = this.#sequence[this.#sequence.length - 1]
    this.#places.set(step.id, this.#sequence.length)
    this.#sequence.push(step)
    if (last === undefined) return undefined
    if (step.executeAt <= last.executeAt) {
      return {
        name: 'executeAt fell',
        why: `node ${node}: ${step.executeAt} after ${last.executeAt}`,
      }
    }
    if (step.position < last.position) {
      return { name: 'position fell', why: `node ${node}: ${step.position} after ${last.position}` }
    }
    return undefined
  }

  #compare(node: number, place: number, step: AppliedStep): Anomaly | undefined {
    const agreed = this.#sequence[place]
    if (agreed === undefined) return undefined
    const what = `node ${node} at position ${step.position}`
    if (agreed.position !== step.position) {
      return { name: 'position differs', why: `${what}, others at ${agreed.position}` }
    }
    if (agreed.txnHash !== step.txnHash) return { name: 'transaction chain differs', why: what }
    if (agreed.execHash !== step.execHash) return { name: 'outcome chain differs', why: what }
    return undefined
  }

  #outcome(node: number, id: bigint, outcome: bigint | 'invalidated'): Anomaly | undefined {
    const before = this.#outcomes.get(id)
    if (before === undefined) this.#outcomes.set(id, outcome)
    if (before === undefined || before === outcome) return undefined
    const both = before === 'invalidated' || outcome === 'invalidated'
    const name = both ? 'decided and invalidated' : 'two timestamps'
    return { name, why: `transaction ${id}: ${before}, and ${outcome} at node ${node}` }
  }
}

/** All nodes hold the same. */
export function compareDigests(digests: readonly NodeDigest[]): readonly Anomaly[] {
  const first = digests[0]
  if (first === undefined) return []
  const found: Anomaly[] = []
  for (const other of digests.slice(1)) {
    const pair = `nodes ${first.node} and ${other.node}`
    const fields = ['position', 'txnHash', 'execHash', 'state'] as const
    for (const field of fields) {
      if (first[field] === other[field]) continue
      const why = `${pair}: ${field} is ${first[field]} and ${other[field]}`
      found.push({ name: 'nodes differ', why })
      break
    }
  }
  return found
}
