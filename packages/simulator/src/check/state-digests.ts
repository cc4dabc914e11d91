/** What the executors kept at each place of the order, as nodes said while they were there. */

import type { Machine } from '../world/machine.ts'

/** Looks at a node after each write of its disk. */
export class StateDigests {
  readonly #byHash = new Map<string, string>()
  readonly #seen = new Map<number, number>()

  /** Something happened: whoever has written since the last time is asked. */
  look(machines: readonly Machine[]): void {
    for (const { serial, node, disk, differs, damaged } of machines) {
      if (node === undefined || differs || damaged || this.#seen.get(serial) === disk.synced)
        continue
      this.#seen.set(serial, disk.synced)
      const { hash } = node.status().applied
      if (!this.#byHash.has(hash)) this.#byHash.set(hash, node.stateDigest())
    }
  }

  /** With this head of the chain; undefined when no node was seen there. */
  at(hash: string): string | undefined {
    return this.#byHash.get(hash)
  }
}
