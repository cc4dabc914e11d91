/**
 * For authors of executors: a cluster with their executor in virtual time, under faults, from one
 * seed.
 */

import type { Bytes } from '@synevi/accord'
import type { AppliedTransaction, Executor, Query, Transaction } from 'synevi'
import type { Json, Line } from './check/history.ts'
import { drawPlan } from './fault/swarm.ts'
import { Prng } from './prng.ts'
import { runPlan } from './simulation.ts'
import type { Violation } from './watch.ts'
import type { Step, Workload } from './workload/workload.ts'

/** What a client does next. */
export type ClientStep =
  | { readonly kind: 'submit'; readonly transaction: Transaction<unknown, unknown> }
  | {
      readonly kind: 'read'
      readonly query: Query<unknown>
      /** Default `linearizable`. */
      readonly consistency?: 'linearizable' | 'local'
    }

/** What a check may look at. */
export interface SimulatedRun {
  /** Everything that was applied, in order, as all nodes agree. */
  readonly log: readonly AppliedTransaction[]
  /**
   * What clients asked and were told: `f` is the name, `value` the payload and then the outcome, as
   * hexadecimal digits in `{ ok, value }`.
   */
  readonly history: readonly Line[]
}

/** What to simulate. */
export interface SimulateOptions {
  /** Voters, 1 … 7. Default: drawn from the seed. */
  readonly nodes?: number
  /** New executors for each process that starts: nothing may be shared between two. */
  readonly executors: (node: number) => readonly Executor[]
  /** The next step of a client. Draw everything from `random`, or the run cannot be repeated. */
  readonly workload: (random: Prng) => ClientStep
  /** Equal seeds, equal runs. */
  readonly seed: bigint
  /** Default true: partitions, crashes, pauses, loss, wrong clocks, slow and failing disks. */
  readonly faults?: boolean
  /** Of all clients. Default 200. */
  readonly requests?: number
  /** Called once all is over: a throw is a violation. */
  readonly check?: (run: SimulatedRun) => void | Promise<void>
}

/** How it ended. */
export interface SimulationReport {
  readonly seed: bigint
  /** Empty: everything held. */
  readonly violations: readonly Violation[]
  /** Why too little happened to mean anything; undefined when enough did. */
  readonly thin: string | undefined
  /** Equal for equal runs: a difference means that an executor depends on what it may not. */
  readonly traceHash: string
  readonly log: readonly AppliedTransaction[]
}

/**
 * Runs clients against real nodes with these executors: all faults, then a healed majority that
 * must answer, then power loss everywhere. Judged: one order everywhere, equal results (an executor
 * that is not deterministic shows as `outcome chain differs`), nothing acknowledged is lost, no
 * request applied twice.
 */
export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const { seed, nodes, requests, faults, check } = options
  const workload = new CallersWorkload(options)
  const { restore: _, ...plan } = drawPlan(Prng.of(seed), seed, {
    operations: workload.operations,
    ...(nodes === undefined ? {} : { nodes }),
    ...(requests === undefined ? {} : { requests }),
    ...(faults === undefined ? {} : { faults }),
  })
  let log: readonly AppliedTransaction[] = []
  const verdict = await runPlan({
    // Its executors are the caller's: none of them differs on purpose, and none is restored.
    plan: { ...plan, faults: plan.faults.filter(({ kind }) => kind !== 'diverge') },
    workload,
    check: async (world) => {
      log = world.log
      await check?.({ log, history: world.recorder.lines })
    },
  })
  const { violations, thin, traceHash } = verdict
  return { seed, violations, thin, traceHash, log }
}

/** The caller's clients and executors as a workload without a model. */
class CallersWorkload implements Workload {
  readonly operations: readonly string[] = ['step']
  readonly #options: SimulateOptions

  constructor(options: SimulateOptions) {
    this.#options = options
  }

  executors(world: { readonly node: number }): readonly Executor[] {
    return this.#options.executors(world.node)
  }

  next(_operation: string, random: Prng): Step {
    const step = this.#options.workload(random)
    if (step.kind === 'submit') {
      const { name, payload } = step.transaction
      return { kind: 'submit', f: name, asked: hex(payload), name, payload }
    }
    const { name, payload } = step.query
    const consistency = step.consistency ?? 'linearizable'
    return { kind: 'read', f: name, asked: hex(payload), name, payload, consistency }
  }

  answerOf(_f: string, ok: boolean, value: Bytes): Json {
    return { ok, value: hex(value) }
  }

  readOf(_f: string, value: Bytes): { value: Json; position: undefined } {
    return { value: { ok: true, value: hex(value) }, position: undefined }
  }

  operationOf(name: string, payload: Bytes): { f: string; asked: Json } {
    return { f: name, asked: hex(payload) }
  }
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex')
}
