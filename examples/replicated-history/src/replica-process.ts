/** A node process as the demo sees it: started, spoken to, killed, started again. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Reply, ReplicaPlan, ReplicaReport } from './conversation.ts'
import type { Commit } from './commit.ts'

const PROGRAM = fileURLToPath(new URL('./replica.js', import.meta.url))

/** How an import ended: at a position, or not known to have happened. */
export type Imported =
  | { readonly kind: 'acknowledged'; readonly position: bigint }
  | { readonly kind: 'unknown'; readonly why: string }

/** One process at a time under one plan. */
export class ReplicaProcess {
  readonly plan: ReplicaPlan
  #child: ChildProcess | undefined
  readonly #imports = new Map<string, (outcome: Imported) => void>()
  #awaitReport: ((report: ReplicaReport) => void) | undefined

  constructor(plan: ReplicaPlan) {
    this.plan = plan
  }

  /** Whether there is a process to speak to. */
  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /**
   * Resolves when the node is ready, with its applied position. Rejects when it does not get there.
   */
  async start(): Promise<bigint> {
    const child = fork(PROGRAM, [JSON.stringify(this.plan)], { serialization: 'advanced' })
    const ready = new Promise<bigint>((resolve, reject) => {
      child.on('message', (reply: Reply) => {
        if (reply.kind === 'ready') resolve(reply.position)
        else this.#hear(reply)
      })
      child.once('exit', (code, signal) => {
        if (this.#child === child) this.#child = undefined
        this.#giveUp(`the process ended (${signal ?? code})`)
        reject(new Error(`node-${this.plan.serial} ended before it was ready (${signal ?? code})`))
      })
    })
    const position = await ready
    this.#child = child
    return position
  }

  /** Asks for one commit to be imported. Never rejects. */
  import(commit: Commit): Promise<Imported> {
    return new Promise((resolve) => {
      const child = this.#child
      if (child === undefined) {
        resolve({ kind: 'unknown', why: 'the process is not running' })
        return
      }
      this.#imports.set(commit.commit, resolve)
      send(child, { kind: 'import', commit })
    })
  }

  /** How the node stands once this position is applied. */
  report(position: bigint): Promise<ReplicaReport> {
    return new Promise((resolve, reject) => {
      const child = this.#child
      if (child === undefined) {
        reject(new Error(`node-${this.plan.serial} is not running`))
        return
      }
      this.#awaitReport = resolve
      send(child, { kind: 'report', position })
    })
  }

  /** SIGKILL: no goodbye, nothing flushed. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Lets the node close. Resolves when the process is gone. */
  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const gone = once(child, 'exit')
    send(child, { kind: 'close' })
    await gone
  }

  #hear(reply: Exclude<Reply, { kind: 'ready' }>): void {
    switch (reply.kind) {
      case 'imported':
        this.#settle(reply.commit, { kind: 'acknowledged', position: reply.position })
        return
      case 'refused':
        this.#settle(reply.commit, { kind: 'unknown', why: reply.code })
        return
      case 'report':
        this.#awaitReport?.(reply.report)
        return
      case 'failed':
        this.#giveUp(reply.why)
    }
  }

  #settle(commit: string, outcome: Imported): void {
    const resolve = this.#imports.get(commit)
    this.#imports.delete(commit)
    resolve?.(outcome)
  }

  #giveUp(why: string): void {
    for (const commit of this.#imports.keys()) this.#settle(commit, { kind: 'unknown', why })
  }
}

function send(child: ChildProcess, order: Order): void {
  // A process that has just died refuses; its exit settles everything.
  child.send(order, () => {})
}
