/**
 * Tracing channels of `node:diagnostics_channel`: who subscribes sees each call begin and end;
 * nobody else pays.
 */

import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel'

/** What a channel's messages carry; `result` and `error` are added by Node.js. Never payloads. */
export interface TraceContext {
  /** The id of the node. */
  readonly node: string
  /** A transaction's or query's name; of a change of the membership, which. */
  readonly name?: string
  /** 128 bits, hexadecimal. */
  readonly txnId?: string
  /** Mutations in a write of the store. */
  readonly mutationCount?: number
}

/**
 * By name, as subscribers know them. The channels live in Node.js, one for each name in the
 * process.
 */
export type ChannelName =
  | 'synevi:submit'
  | 'synevi:read'
  | 'synevi:execute'
  | 'synevi:recover'
  | 'synevi:store.write'
  | 'synevi:membership'
  | 'synevi:damage'

/** One of the channels. */
export class Channel {
  readonly #channel: TracingChannel<string, TraceContext>

  constructor(name: ChannelName) {
    this.#channel = tracingChannel<string, TraceContext>(name)
  }

  /** Runs it, traced when someone listens. */
  async trace<T>(context: () => TraceContext, run: () => Promise<T>): Promise<T> {
    return this.isHeard ? this.#channel.tracePromise(run, context()) : run()
  }

  /** Something without an extent happened. */
  mark(context: () => TraceContext): void {
    if (this.isHeard) this.#channel.traceSync(() => undefined, context())
  }

  /** Whether anyone listens. */
  get isHeard(): boolean {
    const { start, end, asyncStart, asyncEnd, error } = this.#channel
    return [start, end, asyncStart, asyncEnd, error].some((channel) => channel.hasSubscribers)
  }
}
