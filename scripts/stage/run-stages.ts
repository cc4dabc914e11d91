/** Runs stages in order, one line each, and adds up what they counted. */

import { countsOf, runCommand, type Counts, type Run, type Stage } from './stage.ts'

/** The sum over all stages. */
export interface Verdict extends Counts {
  readonly stages: number
  readonly failedStages: readonly string[]
  readonly ms: number
}

/** Lines of a failed command that are shown. */
const SHOWN_LINES_MAX = 200

/**
 * One after the other, each to its end: a failure stops only what needs the build. Prints a line
 * for each stage, and the end of the output of those that failed.
 */
export async function runStages(
  stages: readonly Stage[],
  options: { readonly cwd: string; readonly print: (line: string) => void },
): Promise<Verdict> {
  const started = performance.now()
  const failedStages: string[] = []
  let passed = 0
  let failed = 0
  for (const stage of stages) {
    const stopped = stage.needsBuild === true && failedStages.includes('build')
    const run: Run = stopped
      ? { code: undefined, output: 'not run: the build failed', ms: 0 }
      : await runCommand(stage.command, { cwd: options.cwd, timeLimitMs: stage.timeLimitMs })
    const counts = stopped ? { passed: 0, failed: 1 } : countsOf(stage, run)
    passed += counts.passed
    failed += counts.failed
    options.print(stageLine(stage, counts, run))
    if (counts.failed === 0) continue
    failedStages.push(stage.name)
    const lines = run.output.trimEnd().split('\n')
    for (const line of lines.slice(-SHOWN_LINES_MAX)) options.print(`     ${line}`)
  }
  return { passed, failed, failedStages, stages: stages.length, ms: performance.now() - started }
}

/** `ok vitest 812 passed, 0 failed 48.3 s`. */
export function stageLine(stage: Stage, counts: Counts, run: Run): string {
  const verdict = counts.failed === 0 ? 'ok  ' : 'FAIL'
  const said = `${counts.passed} passed, ${counts.failed} failed`
  return `${verdict} ${stage.name.padEnd(12)} ${said.padEnd(28)} ${(run.ms / 1000).toFixed(1)} s`
}
