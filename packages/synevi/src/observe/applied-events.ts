/** The `applied` event, once an execution is durable: nothing is kept when nobody listens. */

import type { Execution, TxnId } from '@synevi/accord'
import type { RequestOutcome } from '../drive/outcome.ts'
import { decodeBatch } from '../request.ts'
import type { EventHub } from './events.ts'

type Applied = Parameters<Parameters<typeof EventHub.prototype.on<'applied'>>[1]>[0]

/** Remembers executions from their end to their write. */
export class AppliedEvents {
  readonly #events: EventHub
  readonly #waiting = new Map<TxnId, readonly Applied[]>()

  constructor(events: EventHub) {
    this.#events = events
  }

  executed(execution: Execution, outcomes: readonly RequestOutcome[], ms: number): void {
    if (!this.#events.has('applied') || execution.txn.kind !== 'application') return
    const requests = decodeBatch(execution.txn.payload) ?? []
    const events: Applied[] = []
    for (const [i, { duplicate, kind, position }] of outcomes.entries()) {
      // Duplicates have no place of their own.
      if (!duplicate && kind !== 'reused')
        events.push({ position, name: requests[i]?.name ?? '', ms })
    }
    this.#waiting.set(execution.id, events)
  }

  stored(id: TxnId): void {
    const events = this.#waiting.get(id)
    if (events === undefined) return
    this.#waiting.delete(id)
    for (const event of events) this.#events.emit('applied', event)
  }
}
