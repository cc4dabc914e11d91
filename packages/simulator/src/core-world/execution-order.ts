/** Who executed what, in which order (`protocol.md` 13.1.3 and 13.1.4). */

import { conflict, type ConflictKey, type Keys, type NodeSerial, type TxnId } from '@synevi/accord'
import type { KnownTxn } from './known-txn.ts'
import { check } from './violation.ts'

interface Executions {
  /** In order; the first `durable` of them survive a crash. */
  order: TxnId[]
  readonly known: KnownTxn[]
  durable: number
}

/** Judges each execution when it begins, ahead of the disk. */
export class ExecutionOrder {
  readonly #universe: readonly ConflictKey[]
  readonly #nodes: readonly Executions[]
  /** For each key the longest sequence that any node executed. */
  readonly #sequences = new Map<ConflictKey, TxnId[]>()

  constructor(n: number, universe: readonly ConflictKey[]) {
    this.#universe = universe
    this.#nodes = Array.from({ length: n }, () => ({ order: [], known: [], durable: 0 }))
    for (const key of universe) this.#sequences.set(key, [])
  }

  /** Becomes a copy of `from`, which has as many nodes. The transactions themselves are shared. */
  take(from: ExecutionOrder): void {
    from.#nodes.forEach(({ order, known, durable }, i) => {
      const own = this.#nodes[i]
      if (own === undefined) return
      own.order = [...order]
      own.known.splice(0, own.known.length, ...known)
      own.durable = durable
    })
    for (const [key, sequence] of from.#sequences) this.#sequences.set(key, [...sequence])
  }

  image(): unknown {
    return this.#nodes.map(({ order, durable }) => [order, durable])
  }

  executed(node: NodeSerial): readonly TxnId[] {
    return this.#of(node).order
  }

  hasApplied(node: NodeSerial, id: TxnId): boolean {
    const { order, durable } = this.#of(node)
    const at = order.indexOf(id)
    return at >= 0 && at < durable
  }

  /** `node` executes it now. `all`: every transaction there is. */
  executes(node: NodeSerial, txn: KnownTxn, all: Iterable<KnownTxn>): void {
    const { order, known } = this.#of(node)
    const { id, keys, outcome: at } = txn
    if (typeof at !== 'bigint') return
    check(!order.includes(id), 'execution', () => `n${node} executes ${id} twice`)
    for (const other of all) {
      if (typeof other.outcome !== 'bigint' || other.id === id || !conflict(other.keys, keys))
        continue
      const done = order.includes(other.id)
      check(
        done === other.outcome < at || !done,
        'order',
        () => `n${node} executes ${id} after the later ${other.id}`,
      )
      check(
        done || other.outcome > at,
        'gap',
        () => `n${node} executes ${id} before the earlier ${other.id}`,
      )
    }
    for (const key of keysIn(keys, this.#universe)) this.#extend(node, key, id)
    order.push(id)
    known.push(txn)
  }

  /** Its execution is durable: in the order of the executions. */
  applied(node: NodeSerial, id: TxnId): void {
    const executions = this.#of(node)
    const next = executions.order[executions.durable]
    check(
      next === id,
      'applied',
      () => `n${node} stored the execution of ${id}, not of ${next}, which came first`,
    )
    executions.durable++
  }

  /** What was not durable is forgotten, to be executed again. */
  crashed(node: NodeSerial): void {
    const executions = this.#of(node)
    executions.order.length = executions.durable
    executions.known.length = executions.durable
  }

  /** A first decision of `txn`: nobody went past it, to `later`, which conflicts (13.1.4). */
  checkNotPassed(txn: KnownTxn, later: KnownTxn): void {
    this.#nodes.forEach(({ order }, node) => {
      const passed = order.includes(later.id) && !order.includes(txn.id)
      check(
        !passed,
        'gap',
        () => `${txn.id} is decided below ${later.id}, which n${node} has executed`,
      )
    })
  }

  #extend(node: NodeSerial, key: ConflictKey, id: TxnId): void {
    const sequence = this.#sequences.get(key)
    if (sequence === undefined) return
    let place = 0
    for (const { keys } of this.#of(node).known) if (conflict(keys, [key])) place++
    if (place === sequence.length) sequence.push(id)
    const there = sequence[place]
    check(
      there === id,
      'order',
      () => `n${node} executes ${id} as number ${place} of its key, others ${there}`,
    )
  }

  #of(node: NodeSerial): Executions {
    const executions = this.#nodes[node]
    check(executions !== undefined, 'harness', () => `no node n${node}`)
    return executions
  }
}

function keysIn(keys: Keys, universe: readonly ConflictKey[]): readonly ConflictKey[] {
  return keys === 'all' ? universe : keys
}
