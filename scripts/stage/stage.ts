/** One stage of `verify` or `test`: a command, and how its result counts. */

import { spawn } from 'node:child_process'

/** How many checks of a runner held. A runner that cannot say counts as one. */
export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** What a command left. */
export interface Run {
  /** Undefined when it was killed: by its time limit, or by someone. */
  readonly code: number | undefined
  /** Of both streams, in the order of arrival. */
  readonly output: string
  readonly ms: number
}

/**
 * A stage. It fails when its command fails, when a file it needs is missing, or when it counts a
 * failure.
 */
export interface Stage {
  readonly name: string
  /** Program and arguments, from the root of the repository. */
  readonly command: readonly [string, ...string[]]
  readonly timeLimitMs: number
  /** Runs what the build made: not run, and failed, when the build failed. */
  readonly needsBuild?: boolean
  /** Of a run, whatever its exit code; a failed run with no failure counted is counted as one. */
  readonly count: (run: Run) => Counts
}

/** Pass or fail, nothing between. */
export function countOne(run: Run): Counts {
  return run.code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** The last line that is not empty. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)?.trim() ?? ''
}

/** What both the exit code and the counts say: a run that failed has at least one failure. */
export function countsOf(stage: Stage, run: Run): Counts {
  const counts = stage.count(run)
  if (run.code === 0) return counts
  return { passed: counts.passed, failed: Math.max(counts.failed, 1) }
}

/**
 * Runs the command without input and without colours. Never rejects: what cannot start is a failed
 * run.
 */
export function runCommand(
  command: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly timeLimitMs: number },
): Promise<Run> {
  const [program, ...args] = command
  const started = performance.now()
  const { FORCE_COLOR: _, ...environment } = process.env
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment, NO_COLOR: '1', CI: '1' },
      detached: true,
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    const limit = setTimeout(() => {
      chunks.push(Buffer.from(`\nkilled after ${options.timeLimitMs / 1000} s\n`))
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, options.timeLimitMs)
    const end = (code: number | undefined): void => {
      clearTimeout(limit)
      const output = Buffer.concat(chunks).toString('utf8')
      resolve({ code, output, ms: performance.now() - started })
    }
    child.on('error', (error) => {
      chunks.push(Buffer.from(`\ncannot run ${program}: ${error.message}\n`))
      end(undefined)
    })
    child.on('close', (code) => end(code ?? undefined))
  })
}
