/** Who changes the membership: asks one node after the other until a change is in force. */

import { type Node, isSyneviError } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Change, Plan } from '../fault/plan.ts'
import type { Prng } from '../prng.ts'
import type { Watch } from '../watch.ts'
import { type Machine, memberOf } from '../world/machine.ts'

/** Of one attempt. */
const ATTEMPT_MS = 3_000
const BACKOFF_MAX: Micros = 500_000

/** What an administrator works with. */
export interface AdministratorGround {
  readonly queue: EventQueue
  readonly plan: Plan
  readonly machines: readonly Machine[]
  readonly watch: Watch
  readonly random: Prng
}

/** Never gives up before a node says that it never can be. */
export class Administrator {
  readonly #ground: AdministratorGround
  #pending = 0

  constructor(ground: AdministratorGround) {
    this.#ground = ground
  }

  /** Changes that are not in force yet. */
  get pending(): number {
    return this.#pending
  }

  /** Puts every change of the plan into the queue. */
  schedule(): void {
    const { plan, queue, watch } = this.#ground
    for (const change of plan.changes ?? []) {
      this.#pending++
      queue.at(change.at, () => {
        this.#change(change).then(
          () => this.#pending--,
          (error: unknown) =>
            watch.violation('simulator', { name: 'administrator broke', why: String(error) }),
        )
      })
    }
  }

  async #change(change: Change): Promise<void> {
    const { watch, machines } = this.#ground
    if (change.kind !== 'leave' && change.startsFirst) machines[change.node]?.invite()
    for (let attempt = 0; ; attempt++) {
      const machine = this.#choose(change, attempt)
      const said = machine === undefined ? 'nobody' : await this.#ask(machine, change)
      if (said === undefined) break
      watch.coverage.count(`change: ${said}`)
      if (FINAL.has(said)) {
        watch.coverage.count('change given up')
        return
      }
      await this.#sleep(Math.min(BACKOFF_MAX, 10_000 * 2 ** attempt))
    }
    watch.coverage.count(`changed: ${change.kind}`)
    if (change.kind !== 'leave') machines[change.node]?.invite()
  }

  /** The one that the plan says, then any that serves. */
  #choose(change: Change, attempt: number): Machine | undefined {
    const { machines, random } = this.#ground
    const wanted = machines[change.via]
    if (attempt === 0 && wanted?.node !== undefined) return wanted
    const serving = machines.filter(({ node }) => node !== undefined)
    return serving.length === 0 ? undefined : random.pick(serving)
  }

  /** Undefined when it is in force; else why not, or that nobody says. */
  #ask(machine: Machine, change: Change): Promise<string | undefined> {
    const { queue, watch } = this.#ground
    const { node, process } = machine
    if (node === undefined || process === undefined) return Promise.resolve('gone')
    return new Promise((resolve) => {
      const ended = machine.onDown(() => end('gone'))
      const late = queue.after(ATTEMPT_MS * 4_000, () => end('gone'))
      const end = (said: string | undefined): void => {
        ended()
        late.cancel()
        resolve(said)
      }
      process.enter(() => {
        askFor(node, change).then(
          () => end(undefined),
          (error: unknown) => {
            if (isSyneviError(error)) return end(error.code)
            const why = `node ${machine.serial}: ${String(error)}`
            watch.violation('errors', { name: 'not a SyneviError', why })
            end('UNKNOWN')
          },
        )
      })
    })
  }

  #sleep(micros: Micros): Promise<void> {
    return new Promise((resolve) => this.#ground.queue.after(micros, resolve))
  }
}

/** Answers after which asking again is of no use. */
const FINAL: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'SERIAL_TAKEN',
  'MEMBERSHIP_UNKNOWN',
])

async function askFor(node: Node, change: Change): Promise<void> {
  const options = { timeoutMs: ATTEMPT_MS }
  switch (change.kind) {
    case 'join':
      await node.addMember(memberOf(change.node), options)
      return
    case 'leave':
      await node.removeMember(memberOf(change.node).id, options)
      return
    case 'replace':
      await node.replaceMember(memberOf(change.old).id, memberOf(change.node), options)
      return
  }
}
