/** Many seeds over worker processes, and what they come to together. */

import { type ChildProcess, fork } from 'node:child_process'
import { Coverage } from './coverage.ts'
import type { FaultClass } from './fault/plan.ts'
import type { Violation } from './watch.ts'

/** A seed for a worker. */
export interface Job {
  readonly seed: string
  readonly nodes?: number
  readonly snapshots?: boolean
  readonly requests?: number
  readonly only?: readonly FaultClass[]
}

/** What a worker answers: a verdict without its history. */
export interface SeedResult {
  readonly seed: string
  readonly nodes: number
  readonly violations: readonly Violation[]
  readonly thin: string | undefined
  readonly requests: number
  readonly definite: number
  readonly diskFaults: number
  readonly coverage: Readonly<Record<string, number>>
  readonly traceHash: string
  readonly ms: number
}

/** A worker process that runs one seed after the other. */
export class Worker {
  readonly #child: ChildProcess
  #answer: ((result: SeedResult) => void) | undefined
  #job: Job | undefined

  /** `script` answers each job that it receives by a message. */
  constructor(
    script: string,
    parts: { env?: NodeJS.ProcessEnv; execArgv?: readonly string[] } = {},
  ) {
    this.#child = fork(script, ['--worker'], {
      env: { ...process.env, ...parts.env },
      execArgv: [...process.execArgv, ...(parts.execArgv ?? [])],
    })
    this.#child.on('message', (result) => this.#settle(asResult(result)))
    this.#child.on('exit', (code, signal) => {
      this.#settle(broken(this.#job, `worker ended: ${code ?? signal}`))
    })
  }

  /** One at a time. Resolves also when the worker dies: then with a violation. */
  run(job: Job): Promise<SeedResult> {
    this.#job = job
    return new Promise((resolve) => {
      this.#answer = resolve
      if (!this.#child.connected) this.#settle(broken(job, 'worker is gone'))
      else this.#child.send(job)
    })
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #settle(result: SeedResult): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.(result)
  }
}

/** What goes wrong outside the simulated world is a violation too. */
export function broken(job: Job | undefined, why: string): SeedResult {
  return {
    seed: job?.seed ?? '0',
    nodes: job?.nodes ?? 0,
    violations: [{ checker: 'process', name: 'broke', why, at: 0 }],
    thin: undefined,
    requests: 0,
    definite: 0,
    diskFaults: 0,
    coverage: {},
    traceHash: '',
    ms: 0,
  }
}

function asResult(value: unknown): SeedResult {
  if (isResult(value)) return value
  return broken(undefined, `a worker answered ${JSON.stringify(value)?.slice(0, 80)}`)
}

function isResult(value: unknown): value is SeedResult {
  return (
    typeof value === 'object' && value !== null && 'traceHash' in value && 'violations' in value
  )
}

/** Sums of a batch. */
export class Tally {
  readonly coverage: Coverage = new Coverage()
  readonly failed: SeedResult[] = []
  readonly thin: SeedResult[] = []
  seeds = 0
  requests = 0
  definite = 0
  withDiskFaults = 0
  /** Seeds run a second time, and those whose traces differed. */
  twice = 0
  readonly unequal: string[] = []

  add(result: SeedResult): void {
    this.seeds++
    this.requests += result.requests
    this.definite += result.definite
    if (result.diskFaults > 0) this.withDiskFaults++
    if (result.violations.length > 0) this.failed.push(result)
    else if (result.thin !== undefined) this.thin.push(result)
    this.coverage.add(result.coverage)
  }

  /** Why the batch does not count; undefined when it does. Violations are not asked here. */
  whyInvalid(parts: { faults: boolean; isWhole: boolean }): string | undefined {
    if (this.seeds === 0) return 'no seed was run'
    if (!parts.faults) return undefined
    const share = (count: number): string => `${((100 * count) / this.seeds).toFixed(1)} %`
    if (this.thin.length > Math.max(0.1 * this.seeds, this.seeds < 10 ? 1 : 0)) {
      return `${share(this.thin.length)} of the seeds are thin, above 10 %`
    }
    if (this.seeds >= 20 && this.withDiskFaults < 0.5 * this.seeds) {
      return `disk faults in ${share(this.withDiskFaults)} of the seeds, below half`
    }
    const missing = this.coverage.missing()
    if (parts.isWhole && this.seeds >= 1_000 && missing.length > 0)
      return `never happened: ${missing.join(', ')}`
    return undefined
  }
}
