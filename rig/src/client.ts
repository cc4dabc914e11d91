/**
 * A client in a closed loop at a bounded rate: one operation at a time, retried under the same
 * request id, through changing nodes. What it saw is in the history.
 */

import {
  requestId,
  type Json,
  type MixedWorkload,
  type OpenOperation,
  type Prng,
  type Recorder,
  type SentRequest,
  type Step,
} from '@synevi/simulator'
import type { Acknowledgements } from './acknowledgements.ts'
import type { Cluster } from './cluster.ts'
import { sleep, type Micros } from './monotonic.ts'
import type { Question } from './orders.ts'

/** How often each kind of operation comes, beside the others. */
const WEIGHTS: readonly (readonly [number, string])[] = [
  ...([
    [10, 'append'],
    [4, 'put'],
    [3, 'cas'],
    [1, 'delete'],
  ] as const),
  ...([
    [3, 'readTxn'],
    [2, 'getTxn'],
    [4, 'get'],
    [4, 'list'],
  ] as const),
  ...([
    [3, 'localGet'],
    [3, 'localList'],
    [1, 'barrier'],
  ] as const),
  ...([
    [3, 'kv.write'],
    [2, 'kv.cas'],
    [1, 'kv.delete'],
    [1, 'kv.read'],
    [2, 'kv.get'],
  ] as const),
]
/** Share of operations that are an earlier request, sent once more. */
const RETRY_OLD_SHARE = 0.05
/** Share of operations that are given up after one attempt: their failures stay as they are. */
const ONCE_SHARE = 0.3
/** Beyond the node's own deadline: then the process is deaf. */
const GRACE_MS = 300
const BACKOFF_MS = 25

/** How a client behaves. */
export interface Habit {
  /** Its node as long as that runs; undefined: another one each time. */
  readonly home: number | undefined
  /** Of one attempt. */
  readonly timeoutMs: number
  /** Of one operation, all its attempts together. */
  readonly patienceMs: number
  /** From the start of one operation to that of the next, at least, on average. */
  readonly everyMs: number
}

/** What all clients of a run share. */
export interface Ground {
  readonly cluster: Cluster
  readonly workload: MixedWorkload
  readonly recorder: Recorder
  readonly clock: { readonly now: Micros }
  /** Of operations in the agreed order. */
  readonly acknowledgements: Acknowledgements
  /** What no node may ever say. */
  readonly trouble: (what: string) => void
  /** But these codes, in this row. */
  readonly maySay: ReadonlySet<string>
  /** Members that never come back. */
  readonly lost: ReadonlySet<number>
}

type Attempt =
  | {
      readonly kind: 'answered'
      readonly value: Json
      readonly ok: boolean
      readonly position: number | undefined
      readonly duplicate: boolean
    }
  | { readonly kind: 'failed'; readonly code: string; readonly definite: boolean }
  | { readonly kind: 'gone'; readonly why: string }

/** One client. */
export class Client {
  readonly #ground: Ground
  readonly #habit: Habit
  readonly #random: Prng
  #process: number
  #node = 0
  /** The greatest position it knows: a local read may ask for no less. */
  #position = 0
  #stopped = false

  constructor(ground: Ground, habit: Habit, random: Prng) {
    this.#ground = ground
    this.#habit = habit
    this.#random = random
    this.#process = ground.recorder.newProcess()
  }

  /** It ends the operation under way, and begins no other. */
  stop(): void {
    this.#stopped = true
  }

  /** Until it is stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now()
      await this.#operation()
      const pace = this.#habit.everyMs * (0.5 + this.#random.float())
      await sleep(Math.max(0, pace - (performance.now() - began)))
    }
  }

  /** Writes through this member until that is acknowledged; false when `timeoutMs` pass before. */
  async knock(serial: number, timeoutMs: number): Promise<boolean> {
    const { workload } = this.#ground
    const ends = performance.now() + timeoutMs
    while (performance.now() < ends) {
      this.#node = serial
      const step = workload.next('append', this.#random)
      if (this.#ground.cluster.member(serial).isReady && step.kind === 'submit') {
        if (await this.#submit({ ...step, id: requestId(this.#random) }, 1)) return true
      }
      await sleep(10)
    }
    return false
  }

  async #operation(): Promise<void> {
    const { recorder, workload } = this.#ground
    if (!(await this.#choose())) return
    const attempts = this.#random.chance(ONCE_SHARE) ? 1 : Number.POSITIVE_INFINITY
    const old = recorder.sent.length > 0 && this.#random.chance(RETRY_OLD_SHARE)
    if (old) {
      await this.#submit(this.#random.pick(recorder.sent), attempts)
      return
    }
    const step = workload.next(this.#random.weighted(WEIGHTS), this.#random)
    if (step.kind === 'submit') {
      await this.#submit({ ...step, id: requestId(this.#random) }, attempts)
    } else if (step.kind === 'barrier') {
      await this.#read({ f: 'barrier', asked: null }, step, attempts)
    } else if (step.consistency === 'linearizable') await this.#read(step, step, attempts)
    else {
      const atLeast = step.consistency === 'atLeast' ? this.#position : null
      await this.#read({ f: 'local', asked: [step.f, step.asked, atLeast] }, step, 1)
    }
  }

  /** True when it was acknowledged. */
  async #submit(request: SentRequest, attemptsMax: number): Promise<boolean> {
    const { recorder } = this.#ground
    recorder.sent.push(request)
    const open = this.#begin(request.f, request.asked, request.id)
    const { name, payload, id } = request
    const { timeoutMs } = this.#habit
    let isDefinite = true
    const attempt = await this.#tries(attemptsMax, async () => {
      const question = { kind: 'submit', name, payload, id, timeoutMs } as const
      const answer = await this.#ask(question, request.f)
      if (!isDefiniteFailure(answer)) isDefinite = false
      return answer
    })
    if (attempt.kind === 'answered') {
      const { value, ok, position, duplicate } = attempt
      recorder.ok(open, { node: this.#node, value, position, duplicate })
      recorder.acknowledged.push({ request: id, position, name, payload, ok })
      this.#learned(position, open)
      return true
    }
    if (isDefinite) recorder.fail(open, this.#node, wordOf(attempt))
    else {
      recorder.info(open, this.#node, wordOf(attempt))
      this.#process = recorder.newProcess()
    }
    return false
  }

  /** No effect, so that an unknown outcome is a failure. */
  async #read(of: { f: string; asked: Json }, step: Step, attemptsMax: number): Promise<void> {
    const { recorder } = this.#ground
    const open = this.#begin(of.f, of.asked)
    const question = this.#questionOf(step)
    const f = step.kind === 'read' ? step.f : of.f
    const attempt = await this.#tries(attemptsMax, () => this.#ask(question, f))
    if (attempt.kind !== 'answered') {
      recorder.fail(open, this.#node, wordOf(attempt))
      return
    }
    const { value, position } = attempt
    recorder.ok(open, { node: this.#node, value, position })
    if (of.f === 'local') this.#position = Math.max(this.#position, position ?? 0)
    else this.#learned(position, open)
  }

  #questionOf(step: Step): Question {
    const { timeoutMs } = this.#habit
    if (step.kind !== 'read') return { kind: 'barrier', timeoutMs }
    const { name, payload, consistency } = step
    const atLeast = { atLeast: BigInt(this.#position) }
    return {
      ...{ kind: 'read', name, payload, timeoutMs },
      consistency: consistency === 'atLeast' ? atLeast : consistency,
    }
  }

  /** Until answered, finally refused, or out of patience or attempts. */
  async #tries(attemptsMax: number, attempt: () => Promise<Attempt>): Promise<Attempt> {
    const ends = performance.now() + this.#habit.patienceMs
    for (let count = 1; ; count++) {
      const result = await attempt()
      if (result.kind === 'answered' || isFinal(result) || count >= attemptsMax) return result
      await sleep(BACKOFF_MS * this.#random.float() * Math.min(count, 8))
      if (performance.now() >= ends || !(await this.#choose())) return result
    }
  }

  /** Settles on a node to ask; false when it was stopped before there was one. */
  async #choose(): Promise<boolean> {
    const { cluster, lost } = this.#ground
    const { home, patienceMs } = this.#habit
    const ends = performance.now() + patienceMs
    while (performance.now() < ends) {
      if (home !== undefined && !lost.has(home)) {
        if (cluster.member(home).isReady) {
          this.#node = home
          return true
        }
      } else {
        const ready = cluster.members.filter(({ isReady, serial }) => isReady && !lost.has(serial))
        if (ready.length > 0) {
          this.#node = this.#random.pick(ready).serial
          return true
        }
      }
      if (this.#stopped) return false
      await sleep(20)
    }
    return false
  }

  async #ask(question: Question, f: string): Promise<Attempt> {
    const { cluster, workload, trouble, maySay } = this.#ground
    const { timeoutMs } = this.#habit
    const heard = await cluster.member(this.#node).ask(question, timeoutMs + GRACE_MS)
    switch (heard.kind) {
      case 'submitted': {
        const { ok, position, duplicate } = heard
        const value = await workload.answerOf(f, ok, heard.value)
        return { kind: 'answered', value, ok, position: Number(position), duplicate }
      }
      case 'value': {
        const { value, position } = workload.readOf(f, heard.value)
        return { kind: 'answered', value, ok: true, position, duplicate: false }
      }
      case 'position': {
        const position = Number(heard.position)
        return { kind: 'answered', value: position, ok: true, position, duplicate: false }
      }
      case 'failed': {
        const { code, message, definite } = heard.failure
        if (NEVER_SAID.has(code) && !maySay.has(code)) {
          trouble(`member ${this.#node} said ${code}: ${message}`)
        }
        return { kind: 'failed', code, definite }
      }
      case 'gone':
        return heard
      default:
        throw new Error(`a ${question.kind} was answered with a ${heard.kind}`)
    }
  }

  #begin(f: string, asked: Json, request?: string): OpenOperation {
    const id = request === undefined ? {} : { request }
    return this.#ground.recorder.begin({
      process: this.#process,
      node: this.#node,
      f,
      asked,
      ...id,
    })
  }

  #learned(position: number | undefined, open: OpenOperation): void {
    const { acknowledgements, clock } = this.#ground
    this.#position = Math.max(this.#position, position ?? 0)
    acknowledgements.note(this.#node, open.start, clock.now)
  }
}

/** Codes that a right client of a right node never hears. */
const NEVER_SAID: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'UNKNOWN_TRANSACTION',
  'REQUEST_ID_REUSED',
  'EXECUTOR_FAILED',
  'DIVERGED',
  'NODE_FAILED',
  'STORE_FAILED',
])

/** It did happen, and its answer is no longer known: nothing to retry, nothing to claim. */
function isFinal(attempt: Attempt): boolean {
  return attempt.kind === 'failed' && attempt.code === 'ALREADY_APPLIED'
}

function isDefiniteFailure(attempt: Attempt): boolean {
  return attempt.kind === 'failed' && attempt.definite && !isFinal(attempt)
}

function wordOf(attempt: Exclude<Attempt, { kind: 'answered' }>): string {
  return attempt.kind === 'failed' ? attempt.code : attempt.why
}
