/** Who waits for the applied position: reads at a position, and those who follow the log. */

import type { LogPosition } from '../contract/executor.ts'
import type { Patience, Settle, Waits } from './waits.ts'

/** Where the log is read. */
export interface AppliedFeedParts<Entry> {
  readonly waits: Waits
  /** Durable here. */
  readonly position: () => LogPosition
  /** Entries above a position, in order, a bounded page of them; empty when there are none yet. */
  readonly page: (after: LogPosition) => readonly Entry[]
  readonly positionOf: (entry: Entry) => LogPosition
}

/** How the feed ended: without an error when the node was closed. */
interface End {
  readonly how: 'closed' | 'failed'
  readonly error: unknown
}

/** Says when the log grew; keeps nothing but who waits. */
export class AppliedFeed<Entry> {
  readonly #parts: AppliedFeedParts<Entry>
  readonly #waiting = new Map<LogPosition, Set<Settle<void>>>()
  readonly #following = new Set<() => void>()
  #least: LogPosition | undefined
  #end: End | undefined

  constructor(parts: AppliedFeedParts<Entry>) {
    this.#parts = parts
  }

  /**
   * Resolves when everything up to `position` is applied and durable here. Rejects as {@link end}
   * says.
   */
  async reached(position: LogPosition, patience: Patience): Promise<void> {
    const { waits } = this.#parts
    if (this.#parts.position() >= position) return
    if (this.#end !== undefined) throw this.#end.error
    const what = (): string =>
      `position ${position} is not applied here, ${this.#parts.position()} is`
    await waits.wait<void>(patience, what, (settle) => {
      const others = this.#waiting.get(position) ?? new Set()
      this.#waiting.set(position, others.add(settle))
      if (this.#least === undefined || position < this.#least) this.#least = position
      return () => {
        others.delete(settle)
        if (others.size === 0) this.#waiting.delete(position)
      }
    })
  }

  /** The log grew. */
  advance(): void {
    for (const wake of this.#following) wake()
    this.#following.clear()
    const position = this.#parts.position()
    if (this.#least === undefined || this.#least > position) return
    this.#least = undefined
    for (const [at, settles] of this.#waiting) {
      if (at <= position) {
        this.#waiting.delete(at)
        for (const settle of settles) settle.resolve()
      } else if (this.#least === undefined || at < this.#least) {
        this.#least = at
      }
    }
  }

  /**
   * Nothing will be applied here any more. `closed`: followers end; `failed`: they throw. The first
   * call counts.
   */
  end(how: 'closed' | 'failed', error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { how, error }
    for (const settles of this.#waiting.values()) for (const settle of settles) settle.reject(error)
    this.#waiting.clear()
    for (const wake of this.#following) wake()
    this.#following.clear()
  }

  /** What ended by a failure goes on: followers that began before have ended all the same. */
  resume(): void {
    if (this.#end?.how === 'failed') this.#end = undefined
  }

  /**
   * History, then live: each entry above `after` once, in order. Read page by page as it is
   * consumed, so a slow consumer holds one page. Ends when the signal is aborted or the node
   * closes; throws when the node failed.
   */
  async *follow(
    after: LogPosition,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Entry, void, undefined> {
    let position = after
    while (!isAborted(signal)) {
      if (this.#end !== undefined) {
        if (this.#end.how === 'closed') return
        throw this.#end.error
      }
      const page = this.#parts.page(position)
      for (const entry of page) {
        position = this.#parts.positionOf(entry)
        yield entry
        if (isAborted(signal)) return
      }
      if (page.length === 0) await this.#grown(signal)
    }
  }

  /** Nothing is awaited between an empty page and this, so no growth is missed. */
  #grown(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#following.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#following.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
