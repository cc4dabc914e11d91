/** What stands beside what: a cluster that can be loaded and measured. */

/**
 * What clients ask for. `put` writes; the others read a key: without the log, as a transaction, or
 * what the member asked has.
 */
export type Operation = 'put' | 'linearizable' | 'logged' | 'local'

/** What a cluster is put under. */
export interface Load {
  /** Default `put`. */
  readonly operation?: Operation
  /** Clients that put meanwhile and are not counted. Default 0. */
  readonly writers?: number
  /** Clients, each with one request under way at any time. */
  readonly concurrency: number
  readonly warmUpMs: number
  readonly windowMs: number
  /** Of each value. */
  readonly bytes: number
  /** Names the measurement, in file names too. */
  readonly name: string
}

/** What was done in the window of one load. Latencies of what ended in it. */
export interface Measurement {
  readonly operations: number
  readonly errors: number
  readonly firstError: string | undefined
  readonly operationsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of all processes, those that make the load included. Undefined where it cannot be known. */
  readonly cpuMicrosPerOperation: number | undefined
  /** Of ours alone. */
  readonly decisions: Decisions | undefined
}

/** Decisions in the window, over all members. */
export interface Decisions {
  readonly fast: number
  readonly slow: number
  readonly recovered: number
  readonly invalidated: number
}

/** A cluster that runs. */
export interface Contender {
  /** One at a time. Rejects when it cannot be measured at all. */
  measure(load: Load): Promise<Measurement>
  /** Ends its processes and resolves when they are gone. */
  close(): Promise<void>
}

/** How many different keys are written. */
export const KEY_COUNT = 10_000
