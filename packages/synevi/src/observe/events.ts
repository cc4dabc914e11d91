/** What a node tells its embedder, by name. A listener that throws is logged and harms nobody. */

import type { NodeSerial, TxnId } from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import type { Logger } from '../contract/observe.ts'
import type { DamageEvent } from '../repair/damage.ts'
import { SyneviError } from '../synevi-error.ts'
import type { SnapshotProgress } from '../snapshot/fetch-end.ts'
import type { Member, NodeStatus } from './status.ts'

/** The events and what each carries. */
export interface NodeEvents {
  /** Once. */
  readonly ready: NodeStatus
  /** The phase changed. */
  readonly phase: NodeStatus
  /** A member became reachable or unreachable, came, or became a voter. */
  readonly member: Member
  /** An epoch opened here: the members changed, durably. */
  readonly epoch: { readonly epoch: number }
  /** A transaction was applied here; durable. `ms`: how long it executed. */
  readonly applied: { readonly position: LogPosition; readonly name: string; readonly ms: number }
  /** This node decided a transaction that another had begun. */
  readonly recovered: { readonly txnId: TxnId; readonly by: NodeSerial }
  /**
   * Results here differ from a majority's: nothing more is applied, read or submitted here. Hashes
   * as hexadecimal.
   */
  readonly diverged: {
    readonly position: LogPosition
    readonly mine: string
    readonly majority: string
  }
  /** A snapshot is being taken from another member: a part of it is staged. */
  readonly catchingUp: SnapshotProgress
  /** An execution takes, or took, above 50 ms. Said again while it goes on, ever more rarely. */
  readonly slow: { readonly what: string; readonly ms: number }
  /**
   * A record or table of the store is not what was written, or was put right. What was found before
   * `Node.open` resolved is in `NodeStatus.damage`.
   */
  readonly damage: DamageEvent
  /** The node had to stop. */
  readonly fatal: Error
}

type Listeners = { readonly [K in keyof NodeEvents]: Set<(event: NodeEvents[K]) => void> }

/** Registers and calls listeners. */
export class EventHub {
  readonly #listeners: Listeners = {
    ready: new Set(),
    phase: new Set(),
    member: new Set(),
    epoch: new Set(),
    applied: new Set(),
    recovered: new Set(),
    diverged: new Set(),
    catchingUp: new Set(),
    slow: new Set(),
    damage: new Set(),
    fatal: new Set(),
  }
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Throws `INVALID_ARGUMENT` for a name that is no event. */
  on<K extends keyof NodeEvents>(
    name: K,
    listen: (event: NodeEvents[K]) => void,
    options: { readonly signal?: AbortSignal } = {},
  ): Disposable {
    if (!Object.hasOwn(this.#listeners, name)) {
      const names = Object.keys(this.#listeners).join(', ')
      throw new SyneviError('INVALID_ARGUMENT', `no event ${String(name)}; there are ${names}`, {
        definite: true,
      })
    }
    const listeners = this.#listeners[name]
    // The same function may listen twice; each registration is its own.
    const registered = (event: NodeEvents[K]): void => listen(event)
    const dispose = (): void => {
      listeners.delete(registered)
      options.signal?.removeEventListener('abort', dispose)
    }
    if (options.signal?.aborted !== true) {
      listeners.add(registered)
      options.signal?.addEventListener('abort', dispose, { once: true })
    }
    return { [Symbol.dispose]: dispose }
  }

  has(name: keyof NodeEvents): boolean {
    return this.#listeners[name].size > 0
  }

  emit<K extends keyof NodeEvents>(name: K, event: NodeEvents[K]): void {
    for (const listen of [...this.#listeners[name]]) {
      try {
        listen(event)
      } catch (error) {
        this.#logger.error({ event: name, error: String(error) }, 'a listener threw')
      }
    }
  }
}
