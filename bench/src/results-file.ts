/** What a run found, as a dated file in `bench/results`. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchOptions } from './bench-options.ts'
import type { Machine, Moment } from './machine.ts'
import type { Row } from './row.ts'

const FOLDER = fileURLToPath(new URL('../results', import.meta.url))

/** Everything that is needed to judge the figures. */
export interface Results {
  /** ISO 8601. */
  readonly begun: string
  readonly seconds: number
  readonly machine: Machine
  readonly before: Moment
  readonly after: Moment
  readonly parameters: BenchOptions
  /** Name and version, or why there is none. */
  readonly peer: string
  readonly rows: readonly Row[]
}

/** Answers the path. An earlier file of the same minute and commit is replaced. */
export function writeResults(results: Results): string {
  mkdirSync(FOLDER, { recursive: true })
  const minute = results.begun.slice(0, 16).replaceAll(':', '')
  const file = join(FOLDER, `${minute}-${results.machine.commit.replace('+', '-changed')}.json`)
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  return file
}
