/**
 * Linearizable reads: who waits until everything that was answered anywhere before is applied here.
 * The core asks a quorum and writes nothing (`protocol.md` 9); where a member cannot answer that
 * yet, an entry of the log serves (`Barriers`).
 */

import { DEFAULT_KEYS, unreachable, type Input, type ReadAnswer, type ReadId } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { LogPosition } from '../contract/executor.ts'
import { BARRIER_NAME } from '../drive/routes.ts'
import type { Request } from '../request.ts'
import { SyneviError, definitely, isSyneviError } from '../synevi-error.ts'
import { Barriers } from './barrier.ts'
import type { Patience, Settle, Waits } from './waits.ts'

/** What linearizable reads need of the node. */
export interface LinearizableReadsParts {
  readonly clock: Clock
  readonly waits: Waits
  /** To the core. */
  readonly feed: (input: Input) => void
  /** Orders a request: what serves while a member does not know how to answer ReadDeps. */
  readonly submit: (request: Request, patience: Patience) => Promise<{ position: LogPosition }>
  readonly freshId: () => Uint8Array
  /** What may keep a request from succeeding, for error messages. */
  readonly suspicion: () => string | undefined
}

interface Caller {
  readonly patience: Patience
  readonly settle: Settle<void>
}

/** Those who came in one turn of the event loop: one read of the core. */
interface Group {
  readonly read: ReadId
  readonly callers: Set<Caller>
}

/** Every caller is settled exactly once: by an answer, its deadline, its signal, or the end. */
export class LinearizableReads {
  readonly #parts: LinearizableReadsParts
  readonly #barriers: Barriers
  readonly #asked = new Map<ReadId, Group>()
  #gathering: Group | undefined
  #next = 0
  #ended: { readonly error: unknown } | undefined
  readonly #idle: (() => void)[] = []

  constructor(parts: LinearizableReadsParts) {
    this.#parts = parts
    const { clock, waits, suspicion } = parts
    this.#barriers = new Barriers({
      ...{ clock, waits, suspicion },
      submit: async (patience) => {
        const request = { id: parts.freshId(), name: BARRIER_NAME, payload: new Uint8Array(0) }
        return (await parts.submit(request, patience)).position
      },
    })
  }

  /**
   * Resolves when everything that was acknowledged anywhere before the call is applied and durable
   * here. Rejects, definite, with `TIMEOUT`, `CANCELLED`, `OVERLOADED`, and as {@link stop} says.
   */
  take(patience: Patience): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended.error)
    const what = (): string => 'no quorum told what to read, or this node has not applied all of it'
    return this.#parts.waits.wait(patience, what, (settle) => {
      const group = this.#gather()
      const caller = { patience, settle }
      group.callers.add(caller)
      return () => this.#leave(group, caller)
    })
  }

  /** What the core says of a read. */
  answer(answer: ReadAnswer): void {
    const group = this.#asked.get(answer.read)
    if (group === undefined) return
    this.#asked.delete(answer.read)
    for (const caller of group.callers) this.#settle(caller, answer)
    this.#wakeIdle()
  }

  /** The core is another one, which knows of no read. */
  askAgain(): void {
    for (const read of this.#asked.keys()) {
      this.#parts.feed({ kind: 'read', read, keys: DEFAULT_KEYS })
    }
  }

  /** After {@link stop}: takes reads in again. */
  resume(): void {
    this.#ended = undefined
  }

  /** Resolves when nobody waits. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#wakeIdle()
    })
  }

  /** Nobody will be answered any more; all who wait, and who come, are told why. */
  stop(error: unknown): void {
    this.#ended ??= { error }
    const groups = [...this.#asked.values(), this.#gathering]
    this.#asked.clear()
    this.#gathering = undefined
    for (const group of groups)
      for (const caller of group?.callers ?? []) caller.settle.reject(error)
    this.#wakeIdle()
  }

  #gather(): Group {
    if (this.#gathering !== undefined) return this.#gathering
    // The only place that gives the brand, and never the same number twice.
    const group: Group = { read: this.#next++ as ReadId, callers: new Set() }
    this.#gathering = group
    this.#parts.clock.soon(() => this.#ask(group))
    return group
  }

  #ask(group: Group): void {
    if (this.#gathering !== group) return
    this.#gathering = undefined
    if (group.callers.size === 0) return this.#wakeIdle()
    this.#asked.set(group.read, group)
    this.#parts.feed({ kind: 'read', read: group.read, keys: DEFAULT_KEYS })
  }

  #leave(group: Group, caller: Caller): void {
    group.callers.delete(caller)
    if (group.callers.size === 0 && this.#asked.delete(group.read))
      this.#parts.feed({ kind: 'cancelRead', read: group.read })
    this.#wakeIdle()
  }

  #settle({ patience, settle }: Caller, answer: ReadAnswer): void {
    if (answer.kind === 'ready') return settle.resolve()
    switch (answer.reason) {
      case 'unsupported':
        this.#barriers.take(patience).then(
          () => settle.resolve(),
          // An entry that only has a place changes nothing, whatever became of it.
          (error: unknown) => settle.reject(isSyneviError(error) ? definitely(error) : error),
        )
        return
      case 'busy':
        return settle.reject(refusal('OVERLOADED', 'too many reads wait'))
      case 'stopped':
        return settle.reject(refusal('DIVERGED', 'results here differ from the majority’s'))
      default:
        return unreachable(answer.reason)
    }
  }

  #wakeIdle(): void {
    if (this.#asked.size > 0 || this.#gathering !== undefined) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function refusal(code: 'OVERLOADED' | 'DIVERGED', why: string): SyneviError {
  return new SyneviError(code, `cannot read: ${why}`, { definite: true, retryable: true })
}
