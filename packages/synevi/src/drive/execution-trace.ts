/** Executions as subscribers of `synevi:execute` see them. */

import { Channel, type TraceContext } from '../observe/channels.ts'
import type { LaneResult } from './execution-lane.ts'

/** Runs one execution. */
export type Run = () => LaneResult | Promise<LaneResult>

/** Traces while someone listens; else adds nothing. */
export class ExecutionTrace {
  readonly #channel = new Channel('synevi:execute')

  of(run: Run, context: () => TraceContext): Run {
    if (!this.#channel.isHeard) return run
    return () => this.#channel.trace(context, async () => run())
  }
}
