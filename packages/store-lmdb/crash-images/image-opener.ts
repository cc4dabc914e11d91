/** Processes that open images, one after the other: each may die of one. */

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Finding } from './opener.ts'

/** A process opens this many images, then makes way for a fresh one. */
const IMAGES_MAX = 100

/** One image at a time. */
export class ImageOpener {
  readonly #execArgv: readonly string[]
  #child: ChildProcess | undefined
  #opened = 0

  /** `execArgv`: what Node.js needs to run the opener. */
  constructor(execArgv: readonly string[]) {
    this.#execArgv = execArgv
  }

  async find(path: string): Promise<Finding> {
    if (this.#opened++ % IMAGES_MAX === 0) await this.close()
    const file = fileURLToPath(new URL('opener.ts', import.meta.url))
    const child = (this.#child ??= fork(file, {
      execArgv: [...this.#execArgv],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    }))
    const finding = await new Promise<Finding>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ kind: 'failed', why: `the process ended: ${signal ?? `code ${code}`}` })
      })
      child.once('message', (message: Finding) => resolve(message))
      child.send(path)
    })
    child.removeAllListeners()
    if (child.exitCode !== null || child.signalCode !== null) this.#child = undefined
    return finding
  }

  async close(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.disconnect()
    await ended
  }
}
