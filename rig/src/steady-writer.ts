/** Writes through certain members all the time: whether anything disturbs them. */

import { MixedWorkload, Prng, requestId } from '@synevi/simulator'
import type { Cluster } from './cluster.ts'
import type { Heard } from './member-process.ts'
import { sleep } from './monotonic.ts'

const EVERY_MS = 20
const TIMEOUT_MS = 5_000

/** One loop for each member. */
export class SteadyWriter {
  readonly #cluster: Cluster
  readonly #workload = new MixedWorkload()
  readonly #random = Prng.of(1n)
  readonly #loops: Promise<void>[] = []
  readonly #written = new Map<number, number>()
  /** Every write that failed. */
  readonly failures: string[] = []
  #stopped = false
  #longestMs = 0

  constructor(cluster: Cluster, serials: readonly number[]) {
    this.#cluster = cluster
    for (const serial of serials) this.#loops.push(this.#loop(serial))
  }

  /** The longest that a write took. */
  get longestMs(): number {
    return this.#longestMs
  }

  /** Resolves once each has written that many more. */
  async written(more: number): Promise<void> {
    const before = new Map(this.#written)
    const lacks = ([serial, count]: readonly [number, number]): boolean =>
      count < (before.get(serial) ?? 0) + more
    while (this.failures.length === 0 && [...this.#written].some(lacks)) await sleep(EVERY_MS)
  }

  /** Resolves once nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #loop(serial: number): Promise<void> {
    this.#written.set(serial, 0)
    while (!this.#stopped) {
      const began = performance.now()
      const step = this.#workload.next('append', this.#random)
      if (step.kind !== 'submit') throw new Error('an append is a submission')
      const { name, payload } = step
      const id = requestId(this.#random)
      const question = { kind: 'submit', name, payload, id, timeoutMs: TIMEOUT_MS } as const
      const member = this.#cluster.member(serial)
      let heard = await member.ask(question, TIMEOUT_MS)
      // A computer that is busy elsewhere misses heartbeats: the node says so, and took nothing in.
      while (isBusy(heard) && performance.now() - began < TIMEOUT_MS) {
        await sleep(EVERY_MS)
        heard = await member.ask(question, TIMEOUT_MS)
      }
      if (heard.kind !== 'submitted') this.failures.push(`${serial}: ${JSON.stringify(heard)}`)
      this.#longestMs = Math.max(this.#longestMs, performance.now() - began)
      this.#written.set(serial, (this.#written.get(serial) ?? 0) + 1)
      await sleep(EVERY_MS)
    }
  }
}

function isBusy(heard: Heard): boolean {
  return heard.kind === 'failed' && heard.failure.code === 'NO_QUORUM'
}
