/** One node process as the bench sees it: started, spoken to in turns, ended. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NodePlan, Order, Reply } from './conversation.ts'

const PROGRAM = fileURLToPath(new URL('./node-process.js', import.meta.url))

/** The reply of one kind. */
export type ReplyOf<Kind extends Reply['kind']> = Extract<Reply, { readonly kind: Kind }>

/** Its replies come in the order of the orders. */
export class MemberHandle {
  readonly plan: NodePlan
  readonly #child: ChildProcess
  readonly #replies: Reply[] = []
  #ended: Error | undefined
  #wake: (() => void) | undefined

  private constructor(plan: NodePlan, child: ChildProcess) {
    this.plan = plan
    this.#child = child
    child.on('message', (reply: Reply) => {
      this.#replies.push(reply)
      this.#wake?.()
    })
    child.once('exit', (code, signal) => {
      this.#ended = new Error(`node-${plan.serial} ended (${signal ?? code})`)
      this.#wake?.()
    })
  }

  /** Its first reply is `ready`. It can collect garbage when asked to. */
  static start(plan: NodePlan): MemberHandle {
    const child = fork(PROGRAM, [JSON.stringify(plan)], {
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
    })
    return new MemberHandle(plan, child)
  }

  /** A process that has just died refuses; `next` says so. */
  send(order: Order): void {
    this.#child.send(order, () => {})
  }

  /** Rejects when another kind comes, a failure, or the end of the process. */
  async next<Kind extends Reply['kind']>(kind: Kind): Promise<ReplyOf<Kind>> {
    for (;;) {
      const reply = this.#replies.shift()
      if (reply?.kind === 'failed') throw new Error(`node-${this.plan.serial}: ${reply.why}`)
      if (reply !== undefined) {
        if (isKind(reply, kind)) return reply
        throw new Error(`node-${this.plan.serial} said ${reply.kind}, expected ${kind}`)
      }
      if (this.#ended !== undefined) throw this.#ended
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** An order, and its reply. */
  ask<Kind extends Reply['kind']>(order: Order, kind: Kind): Promise<ReplyOf<Kind>> {
    this.send(order)
    return this.next(kind)
  }

  /** SIGKILL: nothing flushed, no goodbye. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#isGone) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Lets the node close. Resolves when the process is gone. */
  async close(): Promise<void> {
    if (this.#isGone) return
    const gone = once(this.#child, 'exit')
    this.send({ kind: 'close' })
    await gone
  }

  get #isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

function isKind<Kind extends Reply['kind']>(reply: Reply, kind: Kind): reply is ReplyOf<Kind> {
  return reply.kind === kind
}
