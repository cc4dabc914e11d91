/**
 * Spans and metrics through what the embedder passes in: a structural subset of
 * `@opentelemetry/api` 1.x.
 */

import type { SyneviErrorCode } from '../synevi-error.ts'

/** Attributes of spans and measurements. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** A span of a tracer. */
export interface SpanLike {
  setAttribute(key: string, value: string | number | boolean): unknown
  /** 1 is OK, 2 is ERROR. */
  setStatus(status: { code: number; message?: string }): unknown
  end(): void
}
/** Begins spans. */
export interface TracerLike {
  startSpan(name: string, options?: { attributes?: Attributes }): SpanLike
}
/** Only rises. */
export interface CounterLike {
  add(value: number, attributes?: Attributes): void
}
/** Collects measurements. */
export interface HistogramLike {
  record(value: number, attributes?: Attributes): void
}
/** Makes instruments: asked once for each node. */
export interface MeterLike {
  createCounter(name: string, options?: { description?: string; unit?: string }): CounterLike
  createHistogram(name: string, options?: { description?: string; unit?: string }): HistogramLike
}

/** What the embedder may pass. */
export interface Telemetry {
  readonly tracer?: TracerLike
  readonly meter?: MeterLike
}

/** How a call ended. */
export type CallEnd = 'ok' | 'refused' | SyneviErrorCode

/** What a node measures. Without telemetry it costs a few comparisons; throws harm nobody. */
export class NodeTelemetry {
  readonly #tracer: TracerLike | undefined
  readonly #submitted: CounterLike | undefined
  readonly #duration: HistogramLike | undefined
  readonly #decided: CounterLike | undefined

  /** Throws what the meter throws: the node has not opened then. */
  constructor({ tracer, meter }: Telemetry) {
    this.#tracer = tracer
    this.#submitted = meter?.createCounter('synevi.transactions', {
      description: 'submitted requests, by outcome',
    })
    this.#decided = meter?.createCounter('synevi.decisions', {
      description: 'decisions made here, by path',
    })
    this.#duration = meter?.createHistogram('synevi.transaction.duration', {
      description: 'from submit to its answer',
      unit: 'ms',
    })
  }

  /** A call began; the function given back says how it ended. */
  call(
    name: 'synevi.submit' | 'synevi.read',
    transaction: string,
    startMs: number,
  ): (end: CallEnd, nowMs: number) => void {
    const attributes = { 'synevi.transaction': transaction }
    const span = guarded(() => this.#tracer?.startSpan(name, { attributes }))
    return (end, nowMs) => {
      if (name === 'synevi.submit') this.#measure({ transaction, outcome: end }, nowMs - startMs)
      if (span === undefined) return
      guarded(() => {
        span.setAttribute('synevi.outcome', end)
        span.setStatus(end === 'ok' || end === 'refused' ? { code: 1 } : { code: 2, message: end })
        span.end()
      })
    }
  }

  decided(path: 'fast' | 'slow' | 'recovered' | 'invalidated'): void {
    guarded(() => this.#decided?.add(1, { path }))
  }

  #measure(attributes: Attributes, ms: number): void {
    guarded(() => this.#submitted?.add(1, attributes))
    guarded(() => this.#duration?.record(ms, attributes))
  }
}

/** Telemetry is not worth a node. */
function guarded<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
