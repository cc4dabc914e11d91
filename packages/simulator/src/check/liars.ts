/** Nodes that know that their results differ from a majority's: they answer nobody any more. */

import type { Micros } from '../event-queue.ts'
import type { Anomaly } from './history.ts'

/** One for each run. */
export class Liars {
  readonly #since = new Map<number, Micros>()

  /** A node found out. */
  found(node: number, at: Micros): void {
    if (!this.#since.has(node)) this.#since.set(node, at)
  }

  /** Its state was replaced. */
  cured(node: number): void {
    this.#since.delete(node)
  }

  /** A node answered what it was asked at that time. */
  answered(node: number, askedAt: Micros): Anomaly | undefined {
    const since = this.#since.get(node)
    if (since === undefined || askedAt <= since) return undefined
    const why = `node ${node} answered what it was asked at ${askedAt}; it knew since ${since}`
    return { name: 'answered though diverged', why }
  }
}
