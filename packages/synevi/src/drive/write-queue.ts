/**
 * The one way to a store's writes: the contract of a store allows one at a time, and two parts of a
 * node write, the driver and what stages snapshots.
 */

import type { Mutation } from '@synevi/accord'
import type { Store } from '../contract/store.ts'

interface Waiting {
  readonly batch: readonly Mutation[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** In order, but for the driver's, which go first. After a failure every write fails alike. */
export class WriteQueue {
  readonly #store: Store
  readonly #urgent: Waiting[] = []
  readonly #patient: Waiting[] = []
  #isWriting = false
  /** The last one begun. */
  #writing: Promise<void> | undefined
  #isClosed = false
  #failure: { readonly error: unknown } | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** For the driver. Resolves when durable; rejects as `Store.write` does. */
  urgent(batch: readonly Mutation[]): Promise<void> {
    return this.#add(this.#urgent, batch)
  }

  /** For what can wait. */
  patient(batch: readonly Mutation[]): Promise<void> {
    return this.#add(this.#patient, batch)
  }

  /**
   * Ends for good; resolves when nothing is written any more. What waits, and what comes later, is
   * neither written nor told how it ended.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing?.catch(() => {})
  }

  #add(queue: Waiting[], batch: readonly Mutation[]): Promise<void> {
    if (this.#isClosed) return new Promise(() => {})
    if (this.#failure === undefined && !this.#isWriting) return this.#begin(batch)
    return new Promise((resolve, reject) => {
      queue.push({ batch, resolve, reject })
      if (!this.#isWriting) this.#next()
    })
  }

  #begin(batch: readonly Mutation[]): Promise<void> {
    this.#writing = this.#write(batch)
    return this.#writing
  }

  async #write(batch: readonly Mutation[]): Promise<void> {
    this.#isWriting = true
    try {
      await this.#store.write(batch)
    } catch (error) {
      this.#failure ??= { error }
      throw error
    } finally {
      this.#isWriting = false
      this.#next()
    }
  }

  #next(): void {
    if (this.#isClosed) return
    const failure = this.#failure
    if (failure !== undefined) {
      for (const { reject } of [...this.#urgent.splice(0), ...this.#patient.splice(0)]) {
        reject(failure.error)
      }
      return
    }
    const next = this.#urgent.shift() ?? this.#patient.shift()
    if (next !== undefined) this.#begin(next.batch).then(next.resolve, next.reject)
  }
}
