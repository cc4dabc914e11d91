/**
 * A client in a closed loop: one operation at a time, retried under the same request id, through
 * any node.
 */

import type { Bytes } from '@synevi/accord'
import { type Codec, isSyneviError } from 'synevi'
import type { Json } from '../check/history.ts'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Plan } from '../fault/plan.ts'
import type { Prng } from '../prng.ts'
import type { Watch } from '../watch.ts'
import type { Machine } from '../world/machine.ts'
import type { OpenOperation, Recorder, SentRequest } from './recorder.ts'
import type { Step, Workload } from './workload.ts'

/** Attempts of one request before its client gives up. */
const ATTEMPTS_MAX = 8

/** What all clients share. */
export interface ClientGround {
  readonly queue: EventQueue
  readonly plan: Plan
  readonly machines: readonly Machine[]
  readonly recorder: Recorder
  readonly watch: Watch
  readonly workload: Workload
  /** Nodes to go to now; a client holds on until it is answered when `untilAnswered`. */
  readonly phase: { serials: readonly number[]; untilAnswered: boolean; stop: boolean }
}

/** How one attempt ended. `gone`: nobody will say. */
type Attempt =
  | {
      readonly kind: 'answered'
      readonly value: Json
      /** Of a submission: the executor's word. */
      readonly ok: boolean
      readonly position: number | undefined
      readonly duplicate: boolean
    }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly definite: boolean
      readonly final: boolean
    }
  | { readonly kind: 'gone' }

/** Outcomes as they are. */
const RAW: Codec<Bytes> = { encode: (value) => value, decode: (bytes) => bytes }

/** One client. */
export class Client {
  readonly #ground: ClientGround
  readonly #random: Prng
  #process: number
  #home: number
  #position = 0
  #left: number
  #busy = false

  constructor(ground: ClientGround, random: Prng, requests: number) {
    this.#ground = ground
    this.#random = random
    this.#left = requests
    this.#process = ground.recorder.newProcess()
    this.#home = random.below(ground.machines.length)
  }

  /** Whether an operation is under way. */
  get busy(): boolean {
    return this.#busy
  }

  /** Until its requests are used up or the phase says stop. */
  async run(): Promise<void> {
    const { plan, phase, watch } = this.#ground
    await this.#sleep(this.#random.exponential(plan.clients.longPause))
    while (this.#left > 0 && !phase.stop) {
      this.#left--
      this.#busy = true
      try {
        await this.#operation()
      } catch (error) {
        watch.violation('simulator', { name: 'client broke', why: String(error) })
        return
      } finally {
        this.#busy = false
      }
      const { shortPause, longPause, longShare } = plan.clients
      const mean = this.#random.chance(longShare) ? longPause : shortPause
      await this.#sleep(this.#random.exponential(mean))
    }
  }

  /** One request through one node, once; says how it ended: undefined when it was answered. */
  once(
    machine: Machine,
    request: SentRequest,
    parts: { timeoutMs: number; ended: (said: string | undefined) => void },
  ): void {
    const { recorder } = this.#ground
    this.#home = machine.serial
    this.#process = recorder.newProcess()
    const open = this.#begin(request.f, request.asked, request.id)
    void this.#attempt(machine, request, parts.timeoutMs).then((result) => {
      if (result.kind === 'answered') {
        this.#acknowledge(open, machine.serial, request, result)
        parts.ended(undefined)
      } else {
        const said = result.kind === 'failed' ? result.code : 'gone'
        if (result.kind === 'failed' && result.definite) recorder.fail(open, machine.serial, said)
        else recorder.info(open, machine.serial, said)
        parts.ended(said)
      }
    })
  }

  async #operation(): Promise<void> {
    const { plan, workload, recorder } = this.#ground
    const random = this.#random
    const on = (name: 'retryOld' | 'reuse' | 'throw'): boolean => plan.classes.includes(name)
    const old = recorder.sent.length > 0 ? random.pick(recorder.sent) : undefined
    if (old !== undefined && on('retryOld') && random.chance(0.08)) return this.#submit(old)
    if (old !== undefined && on('reuse') && random.chance(0.02)) {
      const step = workload.next(workload.operations[0] ?? '', random)
      if (step.kind === 'submit') return this.#submit({ ...step, id: old.id })
    }
    const weights = Object.entries(plan.clients.weights).map(
      ([name, weight]) => [weight, name] as const,
    )
    const wanted = on('throw') && random.chance(0.03) ? 'throw' : random.weighted(weights)
    const step = workload.next(wanted, random)
    if (step.kind === 'submit') return this.#submit({ ...step, id: requestId(random) })
    if (step.kind === 'barrier') return this.#read({ f: 'barrier', asked: null }, step)
    if ((step.claimed ?? step.consistency) === 'linearizable') return this.#read(step, step)
    const atLeast = step.consistency === 'atLeast' ? this.#position : null
    return this.#local({ f: 'local', asked: [step.f, step.asked, atLeast] }, step)
  }

  /** Submits until answered, or until it gives up. */
  async #submit(request: SentRequest): Promise<void> {
    const { recorder, phase } = this.#ground
    recorder.sent.push(request)
    const open = this.#begin(request.f, request.asked, request.id)
    let isDefinite = true
    let code = 'unreachable'
    for (let attempt = 1; attempt <= ATTEMPTS_MAX || phase.untilAnswered; attempt++) {
      const machine = await this.#choose(attempt)
      const result = machine === undefined ? undefined : await this.#attempt(machine, request)
      if (result?.kind === 'answered') {
        this.#acknowledge(open, this.#home, request, result)
        return
      }
      if (result?.kind === 'failed') {
        code = result.code
        if (result.final) {
          if (result.definite) recorder.fail(open, this.#home, code)
          else this.#giveUp(open, code)
          return
        }
        if (!result.definite) isDefinite = false
      } else if (result !== undefined) {
        isDefinite = false
        code = 'gone'
      }
      await this.#backoff(attempt)
    }
    if (isDefinite) recorder.fail(open, this.#home, code)
    else this.#giveUp(open, code)
  }

  #acknowledge(
    open: OpenOperation,
    node: number,
    request: SentRequest,
    result: Extract<Attempt, { kind: 'answered' }>,
  ): void {
    const { recorder } = this.#ground
    const { value, ok, position, duplicate } = result
    recorder.ok(open, { node, value, position, duplicate })
    this.#position = Math.max(this.#position, position ?? 0)
    if (position === undefined) return
    const { id, name, payload } = request
    recorder.acknowledged.push({ request: id, position, name, payload, ok })
  }

  /** A linearizable read, or a barrier: no effect, so that an unknown outcome is a failure. */
  async #read(of: { f: string; asked: Json }, step: Step): Promise<void> {
    const { recorder, phase } = this.#ground
    const open = this.#begin(of.f, of.asked)
    let code = 'unreachable'
    for (let attempt = 1; attempt <= 3 || phase.untilAnswered; attempt++) {
      const machine = await this.#choose(attempt)
      const result = machine === undefined ? undefined : await this.#look(machine, step)
      if (result?.kind === 'answered') {
        const { value, position } = result
        recorder.ok(open, { node: this.#home, value, position })
        this.#position = Math.max(this.#position, position ?? 0)
        return
      }
      if (result?.kind === 'failed') code = result.code
      await this.#backoff(attempt)
    }
    recorder.fail(open, this.#home, code)
  }

  /** One attempt at one node: which one answers is the point of it. */
  async #local(of: { f: string; asked: Json }, step: Step): Promise<void> {
    const { recorder } = this.#ground
    const machine = await this.#choose(1)
    const open = this.#begin(of.f, of.asked)
    const result = machine === undefined ? undefined : await this.#look(machine, step)
    if (result?.kind === 'answered') {
      recorder.ok(open, { node: this.#home, value: result.value, position: result.position })
      this.#position = Math.max(this.#position, result.position ?? 0)
    } else {
      recorder.fail(open, this.#home, result?.kind === 'failed' ? result.code : 'unreachable')
    }
  }

  #begin(f: string, asked: Json, request?: string): OpenOperation {
    const id = request === undefined ? {} : { request }
    return this.#ground.recorder.begin({
      process: this.#process,
      node: this.#home,
      f,
      asked,
      ...id,
    })
  }

  #giveUp(open: OpenOperation, code: string): void {
    this.#ground.watch.coverage.count('unknown outcome')
    this.#ground.recorder.info(open, this.#home, code)
    this.#process = this.#ground.recorder.newProcess()
  }

  /** A node to go to; undefined when none serves now. */
  async #choose(attempt: number): Promise<Machine | undefined> {
    const { machines, phase, plan } = this.#ground
    const usable = phase.serials.filter((serial) => machines[serial]?.node !== undefined)
    if (usable.length === 0) {
      await this.#sleep(50_000)
      return undefined
    }
    const stays = plan.clients.sticky && attempt === 1 && usable.includes(this.#home)
    if (!stays) this.#home = this.#random.pick(usable)
    return machines[this.#home]
  }

  #attempt(machine: Machine, request: SentRequest, timeoutMs?: number): Promise<Attempt> {
    const { workload, watch, queue } = this.#ground
    const askedAt = queue.now
    const life = machine.lives
    const signal = this.#signal()
    const transaction = {
      name: request.name,
      payload: request.payload,
      shape: { ok: RAW, err: RAW },
    }
    return this.#call(machine, async (node) => {
      const options = { id: request.id, timeoutMs: timeoutMs ?? this.#timeoutMs() }
      const applied = await node.submit(
        transaction,
        signal === undefined ? options : { ...options, signal },
      )
      if (machine.differs) return watch.lied(machine.serial, askedAt)
      const { txnId, duplicate } = applied
      if (duplicate) {
        watch.coverage.count('duplicate answered from memory')
        if (life > 1) watch.coverage.count('duplicate answered after restart')
      }
      watch.answered(machine.serial, { txnId, duplicate, askedAt, life })
      const { ok } = applied
      const value = await workload.answerOf(
        request.f,
        ok,
        applied.ok ? applied.value : applied.error,
      )
      return { kind: 'answered', value, ok, position: Number(applied.position), duplicate }
    })
  }

  #look(machine: Machine, step: Step): Promise<Attempt> {
    const { workload, watch, queue } = this.#ground
    const askedAt = queue.now
    const timeoutMs = this.#timeoutMs()
    return this.#call(machine, async (node) => {
      if (step.kind === 'barrier') {
        const position = Number(await node.barrier({ timeoutMs }))
        return { kind: 'answered', value: position, ok: true, position, duplicate: false }
      }
      if (step.kind !== 'read') return { kind: 'gone' }
      const query = { name: step.name, payload: step.payload, output: RAW }
      const consistency =
        step.consistency === 'atLeast' ? { atLeast: BigInt(this.#position) } : step.consistency
      const bytes = await node.read(query, { consistency, timeoutMs })
      if (machine.differs) return watch.lied(machine.serial, askedAt)
      const { value, position } = workload.readOf(step.f, bytes)
      return { kind: 'answered', value, ok: true, position, duplicate: false }
    })
  }

  /**
   * Calls a node inside its process; whatever happens to that, the client hears something in the
   * end.
   */
  #call(
    machine: Machine,
    run: (node: NonNullable<Machine['node']>) => Promise<Attempt>,
  ): Promise<Attempt> {
    const { queue, phase } = this.#ground
    const { node, process, serial } = machine
    if (node === undefined || process === undefined) return Promise.resolve({ kind: 'gone' })
    return new Promise((resolve) => {
      // A client notices the end of its connection some time later.
      const ended = machine.onDown(() =>
        queue.after(this.#random.between(100, 20_000), () => end({ kind: 'gone' })),
      )
      const left = queue.after(this.#timeoutMs() * 1000 * 4, () => end({ kind: 'gone' }))
      const poll = (): void => {
        if (phase.serials.includes(serial)) watching = queue.after(100_000, poll)
        else end({ kind: 'gone' })
      }
      let watching = queue.after(100_000, poll)
      const end = (attempt: Attempt): void => {
        ended()
        left.cancel()
        watching.cancel()
        resolve(attempt)
      }
      process.enter(() => {
        run(node).then(end, (error: unknown) => end(this.#judge(machine, error)))
      })
    })
  }

  #judge(machine: Machine, error: unknown): Attempt {
    const { watch } = this.#ground
    if (!isSyneviError(error)) {
      watch.violation('errors', {
        name: 'not a SyneviError',
        why: `node ${machine.serial}: ${String(error)}`,
      })
      return { kind: 'failed', code: 'UNKNOWN', definite: false, final: true }
    }
    const { code, definite } = error
    watch.coverage.count(`error ${code}`)
    if (definite) watch.coverage.count('definite failure')
    if (code === 'STORE_FULL') watch.coverage.count('read-only by space')
    if (machine.differs) return { kind: 'gone' }
    if (code === 'EXECUTOR_FAILED') {
      return {
        kind: 'answered',
        value: { failed: true },
        ok: false,
        position: undefined,
        duplicate: false,
      }
    }
    // It did happen, and its answer is no longer known: nothing to retry, nothing to claim.
    if (code === 'ALREADY_APPLIED') return { kind: 'failed', code, definite: false, final: true }
    if (code === 'REQUEST_ID_REUSED') return { kind: 'failed', code, definite: true, final: true }
    if (code === 'INVALID_ARGUMENT' || code === 'UNKNOWN_TRANSACTION') {
      watch.violation('errors', { name: code, why: error.message })
    }
    return { kind: 'failed', code, definite, final: false }
  }

  /** Of one attempt. Whoever waits for the answer to a pending request is patient. */
  #timeoutMs(): number {
    const { plan, phase } = this.#ground
    return phase.untilAnswered ? Math.max(5_000, plan.clients.timeoutMs) : plan.clients.timeoutMs
  }

  /** Sometimes a client cancels. */
  #signal(): AbortSignal | undefined {
    const { plan, queue, phase } = this.#ground
    if (!plan.classes.includes('cancel') || phase.untilAnswered || !this.#random.chance(0.1))
      return undefined
    const controller = new AbortController()
    queue.after(this.#random.logBetween(10, 200_000), () => controller.abort())
    return controller.signal
  }

  #backoff(attempt: number): Promise<void> {
    return this.#sleep(this.#random.float() * Math.min(500_000, 2_000 * 2 ** attempt))
  }

  #sleep(micros: Micros): Promise<void> {
    return new Promise((resolve) => this.#ground.queue.after(micros, resolve))
  }
}

/** A request id: 128 bits of chance, in the form in which logs show it. */
export function requestId(random: Prng): string {
  return Buffer.from(random.bytes(16)).toString('hex')
}
