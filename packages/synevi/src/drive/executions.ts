/** Runs executions through the lane, and tells whoever wants to know about them. */

import type { Execution, TxnId } from '@synevi/accord'
import { AppliedEvents } from '../observe/applied-events.ts'
import type { EventHub } from '../observe/events.ts'
import { SlowExecutions } from '../observe/slow-executions.ts'
import type { ParsedOptions } from '../options.ts'
import type { ExecutionLane, LaneResult } from './execution-lane.ts'
import { ExecutionTrace } from './execution-trace.ts'
import type { RequestOutcome } from './outcome.ts'

/** Who hears of executions. */
export interface ExecutionsParts {
  readonly options: ParsedOptions
  readonly events: EventHub
  readonly blocked: (why: string) => void
  /** Not yet durable. */
  readonly executed: (id: TxnId, outcomes: readonly RequestOutcome[]) => void
}

/** Beside the lane: channel, slow executions, the `applied` event. */
export class Executions {
  readonly #parts: ExecutionsParts
  readonly #trace = new ExecutionTrace()
  readonly #slow: SlowExecutions
  readonly #appliedEvents: AppliedEvents

  constructor(parts: ExecutionsParts) {
    const { events, options } = parts
    this.#parts = parts
    this.#slow = new SlowExecutions(options.clock, (event) => {
      options.logger.warn(event, 'a slow execution')
      events.emit('slow', event)
    })
    this.#appliedEvents = new AppliedEvents(events)
  }

  /** As {@link ExecutionLane.run}. */
  run(lane: ExecutionLane, execution: Execution): LaneResult | Promise<LaneResult> {
    const run = this.#trace.of(
      () => lane.run(execution),
      () => ({ node: this.#parts.options.self.id, txnId: execution.id.toString(16) }),
    )
    return this.#slow.run(execution, run, ({ result, ms }) => {
      if (result.kind === 'blocked') this.#parts.blocked(result.why)
      else {
        this.#parts.executed(execution.id, result.executed.outcomes)
        this.#appliedEvents.executed(execution, result.executed.outcomes, ms)
      }
      return result
    })
  }

  /** Its write is durable. */
  stored(id: TxnId): void {
    this.#appliedEvents.stored(id)
  }

  /** An execution that never ends is nobody's business any more. */
  close(): void {
    this.#slow.close()
  }
}
