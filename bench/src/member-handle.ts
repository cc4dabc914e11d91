/** One node process as the bench sees it: started, spoken to in turns, ended. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NodePlan, Order, Reply } from './conversation.ts'

const PROGRAM = fileURLToPath(new URL('./node-process.js', import.meta.url))

/** Longer than a node drains. */
const CLOSE_MS = 20_000

/** The reply of one kind. */
export type ReplyOf<Kind extends Reply['kind']> = Extract<Reply, { readonly kind: Kind }>

/** Replies of one kind come in the order of their orders. */
export class MemberHandle {
  readonly plan: NodePlan
  readonly #child: ChildProcess
  readonly #replies: Reply[] = []
  #ended: Error | undefined
  #waiting: (() => void)[] = []

  private constructor(plan: NodePlan, child: ChildProcess) {
    this.plan = plan
    this.#child = child
    child.on('message', (reply: Reply) => {
      this.#replies.push(reply)
      this.#wake()
    })
    child.once('exit', (code, signal) => {
      this.#ended = new Error(`node-${plan.serial} ended (${signal ?? code})`)
      this.#wake()
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

  /** The next of that kind. Rejects when the process says that it failed, or ends. */
  async next<Kind extends Reply['kind']>(kind: Kind): Promise<ReplyOf<Kind>> {
    for (;;) {
      const at = this.#replies.findIndex((each) => each.kind === kind || each.kind === 'failed')
      const [reply] = at < 0 ? [] : this.#replies.splice(at, 1)
      if (reply?.kind === 'failed') throw new Error(`node-${this.plan.serial}: ${reply.why}`)
      if (reply !== undefined && isKind(reply, kind)) return reply
      if (this.#ended !== undefined) throw this.#ended
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
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

  /** Lets the node close. Resolves when the process is gone; one that does not go is killed. */
  async close(): Promise<void> {
    if (this.#isGone) return
    const gone = once(this.#child, 'exit')
    this.send({ kind: 'close' })
    const late = setTimeout(() => {
      console.log(`node-${this.plan.serial} did not close within ${CLOSE_MS} ms: killed`)
      this.#child.kill('SIGKILL')
    }, CLOSE_MS)
    await gone
    clearTimeout(late)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  get #isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

function isKind<Kind extends Reply['kind']>(reply: Reply, kind: Kind): reply is ReplyOf<Kind> {
  return reply.kind === kind
}
