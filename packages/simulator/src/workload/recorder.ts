/** Writes the history: what clients asked, when, and what they were told. */

import type { Json, Line } from '../check/history.ts'
import type { Acknowledged } from '../check/durable.ts'
import type { Micros } from '../event-queue.ts'

/** An operation under way. */
export interface OpenOperation {
  readonly process: number
  readonly f: string
  readonly asked: Json
  readonly request: string | undefined
  readonly start: Micros
}

/** A request that may be sent again. */
export interface SentRequest {
  readonly id: string
  readonly f: string
  readonly asked: Json
  readonly name: string
  readonly payload: Uint8Array
}

/** The history of one run. */
export class Recorder {
  readonly lines: Line[] = []
  readonly acknowledged: Acknowledged[] = []
  readonly sent: SentRequest[] = []
  /** [start, end] of each finished operation: for the gates. */
  readonly spans: (readonly [Micros, Micros])[] = []
  readonly counts: { ok: number; fail: number; info: number } = { ok: 0, fail: 0, info: 0 }
  readonly #clock: { readonly now: Micros }
  readonly #open = new Set<OpenOperation>()
  #processes = 0

  /** `clock`: the one of all clients; never goes back. */
  constructor(clock: { readonly now: Micros }) {
    this.#clock = clock
  }

  /** A process number that was never used. */
  newProcess(): number {
    return this.#processes++
  }

  /** Operations that nobody answered yet. */
  get pending(): readonly OpenOperation[] {
    return [...this.#open]
  }

  begin(parts: {
    process: number
    node: number
    f: string
    asked: Json
    request?: string
  }): OpenOperation {
    const { process, node, f, asked, request } = parts
    const id = request === undefined ? {} : { request }
    this.lines.push({
      type: 'invoke',
      process,
      f,
      value: asked,
      node,
      time: this.#clock.now,
      ...id,
    })
    const open = { process, f, asked, request, start: this.#clock.now }
    this.#open.add(open)
    return open
  }

  ok(
    open: OpenOperation,
    parts: { node: number; value: Json; position: number | undefined; duplicate?: boolean },
  ): void {
    this.counts.ok++
    this.#end(open, {
      type: 'ok',
      value: parts.value,
      node: parts.node,
      ...(parts.position === undefined ? {} : { position: parts.position }),
      ...(parts.duplicate === true ? { duplicate: true } : {}),
    })
  }

  fail(open: OpenOperation, node: number, error: string): void {
    this.counts.fail++
    this.#end(open, { type: 'fail', value: open.asked, node, error })
  }

  info(open: OpenOperation, node: number, error: string): void {
    this.counts.info++
    this.#end(open, { type: 'info', value: open.asked, node, error })
  }

  #end(open: OpenOperation, parts: Pick<Line, 'type' | 'value' | 'node'> & Partial<Line>): void {
    this.#open.delete(open)
    this.spans.push([open.start, this.#clock.now])
    const id = open.request === undefined ? {} : { request: open.request }
    this.lines.push({ process: open.process, f: open.f, time: this.#clock.now, ...id, ...parts })
  }
}
