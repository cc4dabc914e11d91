/** Every stage there is; `verify` and `test` choose from them. */

import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countOne, lastLine, type Counts, type Run, type Stage } from './stage.ts'

const MINUTE = 60_000

/** Compiles all workspaces. */
export const build: Stage = {
  name: 'build',
  command: ['npx', 'tsc', '-b'],
  timeLimitMs: 3 * MINUTE,
  count: countOne,
}

/** The types of tests, which the build leaves out. */
export const types: Stage = {
  name: 'types',
  command: ['npx', 'tsc', '-p', 'tsconfig.tests.json'],
  timeLimitMs: 3 * MINUTE,
  count: countOne,
}

/** The linter, with types. */
export const lint: Stage = {
  name: 'lint',
  command: ['npx', 'oxlint', '--type-aware', '--deny-warnings', '--format=unix'],
  timeLimitMs: 2 * MINUTE,
  count: countOne,
}

/** Whether the formatter would change anything. */
export const format: Stage = {
  name: 'format',
  command: ['npx', 'oxfmt', '--check'],
  timeLimitMs: MINUTE,
  count: countOne,
}

/** The tests of the source text: each rule counts. */
export const tidy: Stage = {
  name: 'tidy',
  command: ['npx', 'tsx', 'scripts/tidy.ts'],
  timeLimitMs: MINUTE,
  count: countTidy,
}

/** Unused files, exports and dependencies. */
export const unused: Stage = {
  name: 'knip',
  command: ['npx', 'knip', '--no-config-hints'],
  timeLimitMs: 2 * MINUTE,
  count: countOne,
}

/** What the packages export can be imported from their built files, in plain Node.js. */
export const smoke: Stage = {
  name: 'smoke',
  command: ['npx', 'tsx', 'scripts/smoke.ts'],
  timeLimitMs: MINUTE,
  needsBuild: true,
  count: countSaid,
}

/** What would be published can be resolved, and has types. */
export const packaging: Stage = {
  name: 'packaging',
  command: ['npx', 'tsx', 'scripts/packaging.ts'],
  timeLimitMs: 3 * MINUTE,
  needsBuild: true,
  count: countSaid,
}

/** Every test of vitest, or those that `arguments_` leave. Real processes need the build. */
export function vitest(arguments_: readonly string[] = []): Stage {
  const report = join(mkdtempSync(join(tmpdir(), 'synevi-vitest-')), 'report.json')
  return {
    name: 'vitest',
    command: [
      'npx',
      'vitest',
      'run',
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...arguments_,
    ],
    timeLimitMs: 12 * MINUTE,
    needsBuild: true,
    count: () => countVitest(existsSync(report) ? readFileSync(report, 'utf8') : ''),
  }
}

/** A program of the simulator: one check, however many seeds or states. It must say what it did. */
export function simulator(
  program: 'simulate' | 'explore',
  arguments_: readonly string[],
  timeLimitMs: number,
): Stage {
  return {
    name: program,
    command: ['node', `packages/simulator/dist/bin/${program}.js`, ...arguments_],
    timeLimitMs,
    needsBuild: true,
    count: (run) => (/\d/.test(lastLine(run.output)) ? countOne(run) : { passed: 0, failed: 1 }),
  }
}

/** From `tidy: rules broken: F of N` and `tidy: N checks, M findings`. */
export function countTidy(run: Run): Counts {
  const checks = /^tidy: (\d+) checks, \d+ findings$/.exec(lastLine(run.output))?.[1]
  if (checks === undefined) return { passed: 0, failed: 1 }
  const failed = Number(/^tidy: rules broken: (\d+) of/m.exec(run.output)?.[1] ?? 0)
  return { passed: Number(checks) - failed, failed }
}

/** From a last line `…: N passed, M failed`. */
export function countSaid(run: Run): Counts {
  const said = /(\d+) passed, (\d+) failed$/.exec(lastLine(run.output))
  return said === null
    ? { passed: 0, failed: 1 }
    : { passed: Number(said[1]), failed: Number(said[2]) }
}

interface VitestReport {
  readonly numPassedTests?: unknown
  readonly numFailedTests?: unknown
  readonly testResults?: readonly {
    readonly status?: unknown
    readonly assertionResults?: readonly unknown[]
  }[]
}

/**
 * Tests that passed and failed; a file that did not load is one failure, and so is no test at all.
 */
export function countVitest(report: string): Counts {
  const { numPassedTests, numFailedTests, testResults = [] } = parseReport(report)
  if (typeof numPassedTests !== 'number' || typeof numFailedTests !== 'number') {
    return { passed: 0, failed: 1 }
  }
  const notLoaded = testResults.filter(
    (file) => file.status === 'failed' && (file.assertionResults ?? []).length === 0,
  ).length
  const failed = numFailedTests + notLoaded
  return { passed: numPassedTests, failed: numPassedTests + failed === 0 ? 1 : failed }
}

function parseReport(report: string): VitestReport {
  try {
    const value: unknown = JSON.parse(report)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
