import { describe, expect, it } from 'vitest'
import { runStages } from './run-stages.ts'
import { countOne, countsOf, lastLine, runCommand, type Run, type Stage } from './stage.ts'
import { countSaid, countTidy, countVitest, simulator } from './stages.ts'

const RUN: Run = { code: 0, output: '', ms: 1 }

function stage(name: string, script: string, more: Partial<Stage> = {}): Stage {
  const command = [process.execPath, '-e', script] as const
  return { name, command, timeLimitMs: 20_000, count: countOne, ...more }
}

async function linesOf(stages: readonly Stage[]) {
  const lines: string[] = []
  const verdict = await runStages(stages, { cwd: '.', print: (line) => lines.push(line) })
  return { lines: lines.map((line) => line.replace(/ +[\d.]+ s$/, '')), verdict }
}

describe('a count', () => {
  it('of tidy is one for each rule', () => {
    const output = 'a.ts:1: x: y\ntidy: rules broken: 2 of 26\ntidy: 26 checks, 9 findings\n'
    expect(countTidy({ ...RUN, output })).toEqual({ passed: 24, failed: 2 })
    expect(countTidy({ ...RUN, output: 'tidy: 26 checks, 0 findings\n' })).toEqual({
      passed: 26,
      failed: 0,
    })
    expect(countTidy({ ...RUN, output: 'Error: no tree\n' })).toEqual({ passed: 0, failed: 1 })
  })

  it('of vitest takes a file that did not load, and no test at all, as a failure', () => {
    const file = { status: 'failed', assertionResults: [] }
    const report = { numPassedTests: 7, numFailedTests: 2, testResults: [file] }
    expect(countVitest(JSON.stringify(report))).toEqual({ passed: 7, failed: 3 })
    const none = { numPassedTests: 0, numFailedTests: 0, testResults: [] }
    expect(countVitest(JSON.stringify(none))).toEqual({ passed: 0, failed: 1 })
    expect(countVitest('')).toEqual({ passed: 0, failed: 1 })
  })

  it('that is said is taken from the last line only', () => {
    expect(countSaid({ ...RUN, output: 'smoke: 3 passed, 1 failed\n' })).toEqual({
      passed: 3,
      failed: 1,
    })
    expect(countSaid({ ...RUN, output: '3 passed, 1 failed\nError\n' })).toEqual({
      passed: 0,
      failed: 1,
    })
  })

  it('of a simulator that says nothing is a failure', () => {
    const simulate = simulator('simulate', [], 1)
    expect(simulate.count({ ...RUN, output: 'simulate: ok, 40 seeds\n' }).failed).toBe(0)
    expect(simulate.count(RUN).failed).toBe(1)
  })

  it('of a run that failed has at least one failure', () => {
    const fine: Stage = stage('a', '', { count: () => ({ passed: 5, failed: 0 }) })
    expect(countsOf(fine, { ...RUN, code: 1 })).toEqual({ passed: 5, failed: 1 })
    expect(countsOf(fine, { ...RUN, code: undefined })).toEqual({ passed: 5, failed: 1 })
    expect(countsOf(fine, RUN)).toEqual({ passed: 5, failed: 0 })
  })

  it('looks at the last line that is not empty', () => {
    expect(lastLine('a\n b \n\n')).toBe('b')
    expect(lastLine('')).toBe('')
  })
})

describe('stages', () => {
  it('run to the end behind a failure, which shows its output', async () => {
    const { lines, verdict } = await linesOf([
      stage('first', 'console.log("why"); process.exit(3)'),
      stage('second', ''),
    ])
    expect(lines).toEqual([
      'FAIL first        0 passed, 1 failed',
      '     why',
      'ok   second       1 passed, 0 failed',
    ])
    expect(verdict).toMatchObject({ stages: 2, passed: 1, failed: 1, failedStages: ['first'] })
  })

  it('that need the build are failed, not skipped, when it fails', async () => {
    const { lines } = await linesOf([
      stage('build', 'process.exit(1)'),
      stage('after', '', { needsBuild: true }),
    ])
    expect(lines).toContain('FAIL after        0 passed, 1 failed')
  })

  it('whose program is not there are failed', async () => {
    const missing = simulator('explore', [], 20_000)
    const { verdict } = await linesOf([{ ...missing, command: ['node', 'nowhere/explore.js'] }])
    expect(verdict.failed).toBe(1)
    const { verdict: without } = await linesOf([{ ...missing, command: ['no-such-program'] }])
    expect(without.failed).toBe(1)
  })

  it('get no input and no colours', async () => {
    const script = 'process.stdin.on("end", () => console.log(process.env.NO_COLOR)).resume()'
    const command = [process.execPath, '-e', script] as const
    const run = await runCommand(command, { cwd: '.', timeLimitMs: 20_000 })
    expect(run).toMatchObject({ code: 0, output: '1\n' })
  })

  it('that do not end are killed, children included', async () => {
    const script = `require('node:child_process').spawnSync('sleep', ['30'])`
    const command = [process.execPath, '-e', script] as const
    const run = await runCommand(command, { cwd: '.', timeLimitMs: 300 })
    expect(run.code).toBeUndefined()
    expect(run.output).toContain('killed after 0.3 s')
    expect(run.ms).toBeLessThan(10_000)
  })
})
