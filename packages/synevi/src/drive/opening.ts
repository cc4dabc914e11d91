/** The wait of `Node.open`: until the node is ready, has failed, or patience is over. */

import type { NodeHealth } from '../observe/node-health.ts'
import type { Patience, Settle, Waits } from '../read/waits.ts'
import type { Readiness } from './readiness.ts'

/** What is waited for. */
export interface OpeningParts {
  readonly readiness: Readiness
  readonly health: NodeHealth
  readonly waits: Waits
  /** Once, just before the wait ends well. */
  readonly ready: () => void
}

/** One for each start. */
export class Opening {
  readonly #parts: OpeningParts
  #settle: Settle<void> | undefined

  constructor(parts: OpeningParts) {
    this.#parts = parts
  }

  /** `begin` is called once the wait stands. Rejects as `NodeHealth.whyNotOpened` says. */
  async wait(patience: Patience, begin: () => void): Promise<void> {
    const { health, waits } = this.#parts
    const ready = waits.wait<void>(
      patience,
      () => health.whyNotReady(),
      (settle) => {
        this.#settle = settle
        return () => (this.#settle = undefined)
      },
    )
    begin()
    this.check()
    try {
      await ready
    } catch (error) {
      throw health.whyNotOpened(error)
    }
  }

  /** Something happened. */
  check(): void {
    const { readiness, health, ready } = this.#parts
    const settle = this.#settle
    if (settle === undefined || health.failure !== undefined || !readiness.isReady()) return
    this.#settle = undefined
    health.ready()
    ready()
    settle.resolve()
  }

  /** It will not get ready. */
  fail(error: unknown): void {
    this.#settle?.reject(error)
  }
}
