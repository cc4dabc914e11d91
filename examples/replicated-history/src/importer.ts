/** Submits the history through all nodes at once, and remembers what was acknowledged when. */

import type { Commit } from './commit.ts'
import type { ReplicaProcess } from './replica-process.ts'

/** An acknowledged commit. */
export interface Acknowledgement {
  readonly commit: string
  readonly position: bigint
  /** Milliseconds of `performance.now()`. */
  readonly at: number
}

/** How many commits each node has in hand at once. */
const LANES_PER_NODE = 6
/** Between two tries of one commit. */
const RETRY_MS = 20
/** A commit that no node took so often is given up. */
const TRIES_MAX = 500

/** Every commit is imported once, whatever happens to the nodes meanwhile. */
export class Importer {
  readonly acknowledged: Acknowledgement[] = []
  readonly #queue: Commit[]
  readonly #nodes: readonly ReplicaProcess[]
  retries = 0

  constructor(nodes: readonly ReplicaProcess[], commits: readonly Commit[]) {
    this.#nodes = nodes
    this.#queue = [...commits].reverse()
  }

  /** Resolves when every commit is acknowledged. Rejects when one cannot be. */
  async run(): Promise<void> {
    const lanes = this.#nodes.flatMap((_, home) =>
      Array.from({ length: LANES_PER_NODE }, () => this.#lane(home)),
    )
    await Promise.all(lanes)
  }

  async #lane(home: number): Promise<void> {
    for (let commit = this.#queue.pop(); commit !== undefined; commit = this.#queue.pop()) {
      await this.#import(commit, home)
    }
  }

  /**
   * Through its own node, and through the next ones when that is gone: a retry is the same request.
   */
  async #import(commit: Commit, home: number): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const node = this.#nodes[(home + tries) % this.#nodes.length]
      if (node === undefined || !node.isRunning) continue
      const outcome = await node.import(commit)
      if (outcome.kind === 'acknowledged') {
        const { position } = outcome
        this.acknowledged.push({ commit: commit.commit, position, at: performance.now() })
        return
      }
      this.retries += 1
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
    throw new Error(`commit ${commit.commit} was acknowledged by no node`)
  }
}

/** The longest time between two acknowledgements within a span, in milliseconds. */
export function longestPause(
  acknowledged: readonly Acknowledgement[],
  span: { readonly from: number; readonly until: number },
): number {
  const times = acknowledged.map(({ at }) => at).filter((at) => at >= span.from && at <= span.until)
  let before = span.from
  let longest = 0
  for (const at of times) {
    longest = Math.max(longest, at - before)
    before = at
  }
  return longest
}
