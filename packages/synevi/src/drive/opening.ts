/** The wait of `Node.open`: until the node is ready, has failed, or patience is over. */

import type { TxnId } from '@synevi/accord'
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
  #readiness: Readiness
  #settle: Settle<void> | undefined

  constructor(parts: OpeningParts) {
    this.#parts = parts
    this.#readiness = parts.readiness
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
    const { health, ready } = this.#parts
    const settle = this.#settle
    if (settle === undefined || health.failure !== undefined || !this.#readiness.isReady()) return
    this.#settle = undefined
    health.ready()
    ready()
    settle.resolve()
  }

  /** This start was admitted. */
  admitted(): void {
    this.#readiness.admitted()
    this.check()
  }

  /** What was decided before this start may have become applied. */
  applied(id: TxnId): void {
    this.#readiness.applied(id)
  }

  /** The node began anew, from another state. */
  begunAgain(readiness: Readiness): void {
    this.#readiness = readiness
  }

  /** It will not get ready. */
  fail(error: unknown): void {
    this.#settle?.reject(error)
  }
}
