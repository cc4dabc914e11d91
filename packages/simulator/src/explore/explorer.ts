/**
 * Every schedule of a small cluster of real cores within bounds. States of the cluster that are
 * equal (states of the nodes, messages under way, what is decided, faults left) are searched once,
 * so schedules that differ only in the order of deliveries at different nodes meet again. Every end
 * is completed fairly.
 */

import { compareTimestamps, conflictKey, type TxnId } from '@synevi/accord'
import { payloadDigest } from '../core-world/chain.ts'
import { complete } from '../core-world/completion.ts'
import { CoreWorld, type CoreWorldOptions } from '../core-world/core-world.ts'
import { readId } from '../core-world/known-reads.ts'
import { submissionId } from '../core-world/submission-id.ts'
import { Transcript } from '../core-world/transcript.ts'
import { Truth } from '../core-world/truth.ts'
import { Violation } from '../core-world/violation.ts'
import type { Bounds } from './bounds.ts'
import { LocalMachine, serialOf, type LocalEvent, type Transition } from './local-machine.ts'
import { Truths } from './truths.ts'

/** Simulated time for the completion of an end. */
const PATIENCE_MS = 120_000

/** What a search saw. */
export interface Exploration {
  /** Different states of the cluster. */
  readonly states: number
  /** Steps between them. */
  readonly edges: number
  /** Different schedules from the start to an end: a double, exact below 2^53. */
  readonly schedules: number
  /** Different ends, each completed fairly. */
  readonly ends: number
  /** Different states of single nodes, and steps of the real core that were made. */
  readonly nodeStates: number
  readonly coreSteps: number
  /** Set when a rule broke: the schedule that shows it. */
  readonly violation:
    | { readonly rule: string; readonly what: string; readonly schedule: readonly string[] }
    | undefined
  /** Whether `statesMax` ended the search before every schedule was seen. */
  readonly cutOff: boolean
}

interface Budget {
  readonly losses: number
  readonly duplicates: number
  readonly recoveries: number
  readonly restarts: number
  readonly deaths: number
}

interface ClusterState {
  readonly nodes: readonly number[]
  /** Numbers of packets, rising. */
  readonly bag: readonly number[]
  readonly submitted: number
  readonly reads: number
  readonly budget: Budget
  /** By number, in {@link Truths}. */
  readonly truth: number
}

interface Step {
  readonly node: number
  readonly event: LocalEvent
  readonly bag: readonly number[]
  readonly submitted: number
  readonly reads: number
  readonly budget: Budget
}

/** Searches until everything was seen, a rule broke, or there were `statesMax` states. */
export function explore(bounds: Bounds, statesMax = 5_000_000): Exploration {
  return new Explorer(bounds, statesMax).run()
}

class Explorer {
  readonly #bounds: Bounds
  readonly #reads: NonNullable<Bounds['reads']>
  readonly #options: CoreWorldOptions
  readonly #machine: LocalMachine
  readonly #truths = new Truths()
  readonly #statesMax: number
  /** Schedules from each state to an end. */
  readonly #seen = new Map<string, number>()
  readonly #completed = new Set<string>()
  readonly #path: { readonly node: number; readonly event: LocalEvent }[] = []
  #edges = 0
  #cutOff = false

  constructor(bounds: Bounds, statesMax: number) {
    this.#bounds = bounds
    this.#reads = bounds.reads ?? []
    this.#statesMax = statesMax
    this.#options = {
      n: bounds.n,
      joiners: bounds.joiners,
      universe: universeOf(bounds),
      replica: {
        seed: 1n,
        digest: payloadDigest,
        recoverAfterMs: 500,
        heartbeatMs: 10_000,
        patienceMaxMs: 0,
      },
      wallOffsets: bounds.wallOffsets ?? [],
      prompt: true,
    }
    this.#machine = new LocalMachine(this.#options, {
      keys: bounds.txns.map((txn) => txn.keys),
      members: bounds.txns.map((txn) => txn.members),
      readKeys: this.#reads.map((read) => read.keys),
      swift: bounds.swift === true,
    })
  }

  run(): Exploration {
    const { n, joiners = 0, losses, duplicates, recoveries, restarts, deaths } = this.#bounds
    const start: ClusterState = {
      nodes: Array.from({ length: n + joiners }, (_, serial) => this.#machine.root(serial)),
      bag: [],
      submitted: 0,
      reads: 0,
      budget: { losses, duplicates, recoveries, restarts, deaths },
      truth: this.#truths.add(new Truth(n, this.#options.universe, n + joiners)),
    }
    let schedules = 0
    let violation: Exploration['violation']
    try {
      schedules = this.#search(start)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      violation = { rule: error.rule, what: error.message, schedule: this.#schedule() }
    }
    return {
      states: this.#seen.size,
      edges: this.#edges,
      schedules,
      ends: this.#completed.size,
      nodeStates: this.#machine.stateCount,
      coreSteps: this.#machine.transitionCount,
      violation,
      cutOff: this.#cutOff,
    }
  }

  /**
   * How many schedules lead from here to an end. Recursion is as deep as a schedule is long: some
   * dozens.
   */
  #search(state: ClusterState): number {
    const key = keyOf(state)
    const known = this.#seen.get(key)
    if (known !== undefined) return known
    if (this.#seen.size >= this.#statesMax) {
      this.#cutOff = true
      return 1
    }
    this.#seen.set(key, 0)
    let schedules = 0
    for (const step of this.#steps(state)) {
      this.#path.push(step)
      for (const next of this.#take(state, step)) {
        this.#edges++
        schedules += this.#search(next)
      }
      this.#path.pop()
    }
    if (state.bag.length === 0 && this.#isAllBegun(state)) {
      this.#complete(state)
      schedules++
    }
    this.#seen.set(key, schedules)
    return schedules
  }

  #isAllBegun({ submitted, reads }: ClusterState): boolean {
    return submitted === this.#bounds.txns.length && reads === this.#reads.length
  }

  *#steps(state: ClusterState): Iterable<Step> {
    const { bag, submitted, reads, budget, nodes } = state
    const read = this.#reads[reads]
    if (read !== undefined && this.#isAlive(state, read.node)) {
      const event: LocalEvent = { kind: 'read', read: reads }
      yield { node: read.node, event, bag, submitted, reads: reads + 1, budget }
    }
    const txn = this.#bounds.txns[submitted]
    if (txn !== undefined) {
      const event: LocalEvent = { kind: 'submit', txn: submitted }
      yield { node: txn.node, event, bag, submitted: submitted + 1, reads, budget }
      if (this.#bounds.together === true) return
    }
    for (const [i, packet] of bag.entries()) {
      if (packet === bag[i - 1]) continue
      const node = this.#machine.packet(packet).to
      const rest = bag.filter((_, j) => j !== i)
      yield { node, event: { kind: 'receive', packet }, bag: rest, submitted, reads, budget }
      if (budget.restarts > 0) {
        const event: LocalEvent = { kind: 'receiveAndStop', packet }
        yield {
          node,
          event,
          bag: rest,
          submitted,
          reads,
          budget: { ...budget, restarts: budget.restarts - 1 },
        }
      }
    }
    for (let node = 0; node < nodes.length; node++) {
      if (!this.#isAlive(state, node)) continue
      const at = { node, bag, submitted, reads }
      if (budget.recoveries > 0) {
        const rest = { ...budget, recoveries: budget.recoveries - 1 }
        for (const id of this.#recoverable(state))
          yield { ...at, event: { kind: 'recover', id }, budget: rest }
      }
      if (budget.restarts > 0) {
        yield {
          ...at,
          event: { kind: 'restart' },
          budget: { ...budget, restarts: budget.restarts - 1 },
        }
      }
      if (budget.deaths > 0 && submitted === this.#bounds.txns.length) {
        yield { ...at, event: { kind: 'die' }, budget: { ...budget, deaths: budget.deaths - 1 } }
      }
    }
  }

  /** The states that a step may lead to: each message that leaves may be lost, or arrive twice. */
  *#take(state: ClusterState, step: Step): Iterable<ClusterState> {
    const { node, event, budget, submitted, reads } = step
    const transition = this.#machine.step(state.nodes[node] ?? 0, event)
    const { next, sent } = transition
    if (event.kind === 'recover' && sent.length === 0) return
    const truth = this.#truths.after(state.truth, transition.number, (copy) =>
      this.#judge(copy, step, transition),
    )
    const nodes = state.nodes.map((each, i) => (i === node ? next : each))
    const live = (packet: number): boolean =>
      !this.#machine.isDead(nodes[this.#machine.packet(packet).to] ?? 0, packet)
    const open = sent.filter(live)
    const kept = step.bag.filter(live)
    const bagOf = (packets: readonly number[]): number[] =>
      [...kept, ...packets].sort((a, b) => a - b)
    yield { nodes, submitted, reads, truth, budget, bag: bagOf(open) }
    for (const [i, packet] of open.entries()) {
      if (budget.losses > 0) {
        const rest = open.filter((_, j) => j !== i)
        yield {
          nodes,
          submitted,
          reads,
          truth,
          budget: { ...budget, losses: budget.losses - 1 },
          bag: bagOf(rest),
        }
      }
      if (budget.duplicates > 0) {
        const more = [...open, packet]
        yield {
          nodes,
          submitted,
          reads,
          truth,
          budget: { ...budget, duplicates: budget.duplicates - 1 },
          bag: bagOf(more),
        }
      }
    }
  }

  #recoverable(state: ClusterState): readonly TxnId[] {
    const ids = [...this.#truths.get(state.truth).known()].map((known) => known.id)
    return this.#bounds.recoverFirst === true ? ids.sort(compareTimestamps).slice(0, 1) : ids
  }

  /** Throws a Violation for what may not be. */
  #judge(truth: Truth, step: Step, transition: Transition): void {
    const { node, event } = step
    if (event.kind === 'submit') {
      const keys = this.#bounds.txns[event.txn]?.keys ?? 'all'
      truth.submitted(serialOf(node), submissionId(event.txn), keys)
    }
    if (event.kind === 'read') {
      const keys = this.#reads[event.read]?.keys ?? 'all'
      truth.readBegun(serialOf(node), readId(event.read), keys)
    }
    if (event.kind === 'receive' || event.kind === 'receiveAndStop') {
      const { from, to, message } = this.#machine.packet(event.packet)
      truth.delivered(from, to, message)
    }
    truth.observe(serialOf(node), transition.effects)
  }

  #isAlive(state: ClusterState, node: number): boolean {
    return this.#machine.isAlive(state.nodes[node] ?? 0)
  }

  /** Real nodes go on from here, fairly; everything must be decided and applied. */
  #complete(state: ClusterState): void {
    const key = state.nodes.join(' ')
    if (this.#completed.has(key)) return
    this.#completed.add(key)
    const nodes = state.nodes.map((each) => this.#machine.rebuild(each))
    const truth = this.#truths.get(state.truth).copy()
    const world = CoreWorld.resume(this.#options, {
      nodes,
      truth,
      submissions: state.submitted,
      reads: state.reads,
    })
    for (const dead of nodes) {
      if (!dead.alive)
        for (const node of nodes) if (node.alive) world.link(node.serial, dead.serial, false)
    }
    complete(world, PATIENCE_MS)
  }

  #schedule(): readonly string[] {
    const names = new Transcript(true)
    return this.#path.map(({ node, event }) => {
      if (event.kind === 'receive' || event.kind === 'receiveAndStop') {
        const { from, message } = this.#machine.packet(event.packet)
        const then = event.kind === 'receive' ? '' : ', which stores and stops'
        return `n${from} → n${node} ${names.message(message)}${then}`
      }
      if (event.kind === 'submit') return `n${node} submits`
      return event.kind === 'read' ? `n${node} reads` : `n${node} ${event.kind}`
    })
  }
}

/** Short strings of small numbers: they are hashed a million times. */
function keyOf(state: ClusterState): string {
  const { losses, duplicates, recoveries, restarts, deaths } = state.budget
  const faults = ((losses * 4 + duplicates) * 4 + recoveries) * 16 + restarts * 4 + deaths
  const { truth, submitted, reads, nodes, bag } = state
  return String.fromCharCode(
    truth & 0xffff,
    truth >>> 16,
    submitted * 16 + reads,
    faults,
    ...nodes.flatMap((each) => [each & 0xffff, each >>> 16]),
    ...bag,
  )
}

function universeOf(bounds: Bounds): CoreWorldOptions['universe'] {
  const keys = new Set<string>()
  for (const txn of bounds.txns) if (txn.keys !== 'all') for (const key of txn.keys) keys.add(key)
  return [...keys].sort().map((key) => conflictKey(key))
}
