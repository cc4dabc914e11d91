/** A node process as the rig sees it: started, spoken to, stopped by signals, started again. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Answer, Failure, MemberEvent, MemberPlan, Order, Question, Reply } from './orders.ts'

/** The same file for sources and for what was built of them: real processes are built ones. */
const PROGRAM = fileURLToPath(new URL('../dist/member.js', import.meta.url))

/** What became of a question. `gone`: nobody will say. */
export type Heard = Answer | { readonly kind: 'gone'; readonly why: string }

/** How a start ended. */
export type Start =
  | { readonly kind: 'ready' }
  /** It said why it stopped. */
  | { readonly kind: 'stopped'; readonly failure: Failure }
  /** It ended without a word, killed or broken. */
  | { readonly kind: 'ended'; readonly how: string }

/** Who hears of a process. */
export interface MemberListener {
  /** Peers can reach it there, from now on. */
  readonly listening: (serial: number, address: string) => void
  readonly events: (serial: number, events: readonly MemberEvent[]) => void
  /** It ended unasked, or wrote to its standard error. */
  readonly trouble: (serial: number, what: string) => void
}

interface Running {
  readonly child: ChildProcess
  readonly calls: Map<number, (heard: Heard) => void>
  readonly started: Promise<Start>
  stderr: string
  /** Its end is our doing, or expected. */
  mayEnd: boolean
  /** It may say on its standard error what ails it. */
  mayWrite: boolean
  isReady: boolean
  isPaused: boolean
}

/** One member over all its lives. */
export class MemberProcess {
  #plan: MemberPlan
  readonly #listener: MemberListener
  #running: Running | undefined
  #calls = 0
  #lastStop: Failure | undefined

  constructor(plan: MemberPlan, listener: MemberListener) {
    this.#plan = plan
    this.#listener = listener
  }

  /** Of its next start. */
  get plan(): MemberPlan {
    return this.#plan
  }

  get serial(): number {
    return this.#plan.serial
  }

  /** From its next start on. */
  replan(changes: Partial<MemberPlan>): void {
    this.#plan = { ...this.#plan, ...changes }
  }

  /** Undefined when there is none. */
  get pid(): number | undefined {
    return this.#running?.child.pid
  }

  /** Its node is open, and the process is there. */
  get isReady(): boolean {
    return this.#running?.isReady === true
  }

  get isPaused(): boolean {
    return this.#running?.isPaused === true
  }

  /** Why it stopped, when it said so at its last end. */
  get lastStop(): Failure | undefined {
    return this.#lastStop
  }

  /** From now on it may stop by itself and say why: that is no trouble. */
  expectEnd(): void {
    if (this.#running === undefined) return
    this.#running.mayEnd = true
    this.#running.mayWrite = true
  }

  /**
   * Resolves when its node is open, or it ended before. `mayStop`: that it stops is no trouble.
   * `change`: to its plan, for this life. Throws when it is running, or was not built.
   */
  start(
    options: { readonly mayStop?: boolean; readonly change?: Partial<MemberPlan> } = {},
  ): Promise<Start> {
    if (this.#running !== undefined) throw new Error(`member ${this.serial} is running`)
    const program = this.#plan.program ?? PROGRAM
    if (!existsSync(program)) throw new Error(`not built: ${program}; run npm run build first`)
    const { NODE_OPTIONS: _, ...env } = process.env
    const plan = { ...this.#plan, ...options.change }
    const child = fork(program, [JSON.stringify(plan)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env,
    })
    const said: { stopped?: Failure } = {}
    const started = new Promise<Start>((resolve) => {
      child.on('message', (reply: Reply) => {
        if (reply.kind === 'ready') resolve({ kind: 'ready' })
        if (reply.kind === 'stopped') said.stopped = reply.failure
        this.#hear(running, reply)
      })
      child.once('close', (code, signal) => {
        const how = signal ?? `exit code ${code}`
        this.#lastStop = said.stopped
        if (said.stopped === undefined) resolve({ kind: 'ended', how })
        else resolve({ kind: 'stopped', failure: said.stopped })
        this.#ended(running, said.stopped === undefined ? how : said.stopped.message)
      })
    })
    const running: Running = {
      ...{ child, started, calls: new Map(), stderr: '' },
      ...{ mayEnd: options.mayStop === true, mayWrite: false, isReady: false, isPaused: false },
    }
    child.on('error', (error) => this.#listener.trouble(this.serial, String(error)))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      running.stderr += text
    })
    this.#running = running
    return started
  }

  /** Never rejects. `gone` after `timeoutMs` without an answer, or when the process is. */
  ask(question: Question, timeoutMs: number): Promise<Heard> {
    return new Promise((resolve) => {
      const running = this.#running
      if (running === undefined || !running.isReady) {
        resolve({ kind: 'gone', why: 'not running' })
        return
      }
      const call = this.#calls++
      const late = setTimeout(() => end({ kind: 'gone', why: 'no answer' }), timeoutMs)
      const end = (heard: Heard): void => {
        clearTimeout(late)
        running.calls.delete(call)
        resolve(heard)
      }
      running.calls.set(call, end)
      const order: Order = { ...question, call }
      // A process that has just died refuses; its end settles everything.
      running.child.send(order, () => undefined)
    })
  }

  /** SIGKILL: no goodbye, nothing flushed. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.mayEnd = true
    const gone = once(running.child, 'close')
    running.child.kill('SIGKILL')
    await gone
  }

  /** SIGSTOP: it neither runs nor knows. */
  pause(): void {
    if (this.#running === undefined) return
    this.#running.isPaused = true
    this.#running.child.kill('SIGSTOP')
  }

  /** SIGCONT. */
  resume(): void {
    if (this.#running === undefined) return
    this.#running.isPaused = false
    this.#running.child.kill('SIGCONT')
  }

  /** Lets the node close; after `patienceMs` it is killed, which is trouble. */
  async close(patienceMs: number): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.mayEnd = true
    if (running.isReady) {
      const gone = once(running.child, 'close')
      if ((await this.ask({ kind: 'close' }, patienceMs)).kind === 'position') {
        await gone
        return
      }
      this.#listener.trouble(this.serial, 'did not close')
    }
    await this.kill()
  }

  #hear(running: Running, reply: Reply): void {
    switch (reply.kind) {
      case 'listening':
        this.#listener.listening(this.serial, reply.address)
        return
      case 'ready':
        running.isReady = true
        return
      case 'answer':
        running.calls.get(reply.call)?.(reply.answer)
        return
      case 'events':
        this.#listener.events(this.serial, reply.events)
        return
      case 'stopped':
        running.isReady = false
    }
  }

  #ended(running: Running, how: string): void {
    if (this.#running === running) this.#running = undefined
    running.isReady = false
    for (const end of [...running.calls.values()]) end({ kind: 'gone', why: `ended: ${how}` })
    const said = running.stderr.trim()
    if (said !== '' && !running.mayWrite)
      this.#listener.trouble(this.serial, `wrote to stderr: ${said}`)
    if (!running.mayEnd) this.#listener.trouble(this.serial, `ended unasked: ${how}`)
  }
}
