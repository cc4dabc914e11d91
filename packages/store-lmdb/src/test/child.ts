/** Runs a script of this folder in a process of its own. */

import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Limits {
  /** Run as that user. */
  readonly uid?: number
  /** No file may grow beyond. */
  readonly fileBytesMax?: number
}

/** A script that runs. */
export class Child {
  readonly process: ChildProcess
  /** When it is over, however it ended. */
  readonly ended: Promise<Ended>
  #stdout = ''
  #onOutput: () => void = () => {}

  constructor(script: string, args: readonly string[], limits: Limits = {}) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    const node = [process.execPath, '--conditions=source', '--import', 'tsx', file, ...args]
    const { fileBytesMax, ...user } = limits
    // Not a signal but an error: the shell's child inherits that it is ignored.
    const limit =
      fileBytesMax === undefined ? '' : `trap '' XFSZ; ulimit -f ${fileBytesMax / 512}; `
    // Another user cannot read this one's tsx cache.
    const env = { ...process.env, TSX_DISABLE_CACHE: '1' }
    const shell = [`${limit}exec "$@"`, 'sh', ...node]
    this.process = spawn('sh', ['-c', ...shell], {
      ...user,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    this.process.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stdout += chunk
      this.#onOutput()
    })
    this.process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) =>
        resolve({ code, signal, stdout: this.#stdout, stderr }),
      )
    })
  }

  /** Once it has printed that many whole lines. Rejects if it ends before. */
  async lines(count: number): Promise<readonly string[]> {
    const whole = (): readonly string[] => this.#stdout.split('\n').slice(0, -1)
    const printed = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (whole().length >= count) resolve()
      }
      this.#onOutput()
    })
    const ended = await Promise.race([printed, this.ended])
    if (ended !== undefined && whole().length < count)
      throw new Error(`it ended early: ${JSON.stringify(ended)}`)
    return whole()
  }
}
