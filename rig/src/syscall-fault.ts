/** A fault in the system calls of a process that runs: strace says what they come to. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import type { Cleanup } from './cleanup.ts'
import { missingTool } from './scratch-disk.ts'
import { sleep } from './monotonic.ts'

const ATTACH_MS = 5_000

/** Why this machine cannot do it; undefined when it can. */
export function whyNoSyscallFault(): string | undefined {
  if (process.getuid?.() !== 0) return 'attaching to a process takes root'
  return missingTool(['strace'])
}

/** All threads of one process, from `begin` to `end`. */
export class SyscallFault {
  readonly #trace: string
  readonly #child: ChildProcess
  readonly #undo: () => void
  readonly #cleanup: Cleanup

  private constructor(child: ChildProcess, trace: string, cleanup: Cleanup) {
    this.#child = child
    this.#trace = trace
    this.#cleanup = cleanup
    this.#undo = () => child.kill('SIGKILL')
    cleanup.undo(this.#undo)
  }

  /**
   * `what`: as strace's `inject` takes it, such as `fdatasync:error=EIO`. Resolves when it holds.
   * `trace`: a file that is made.
   */
  static async begin(
    parts: { readonly pid: number; readonly what: string; readonly trace: string },
    cleanup: Cleanup,
  ): Promise<SyscallFault> {
    const { pid, what, trace } = parts
    const [call = ''] = what.split(':')
    const args = ['-f', '-p', `${pid}`, '-o', trace, '-e', `trace=${call}`, '-e', `inject=${what}`]
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const fault = new SyscallFault(child, trace, cleanup)
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const ends = performance.now() + ATTACH_MS
    while (!/attached/.test(said)) {
      if (performance.now() > ends || child.exitCode !== null)
        throw new Error(`strace did not attach: ${said.trim()}`)
      await sleep(10)
    }
    return fault
  }

  /** How many calls it struck. */
  get count(): number {
    if (!existsSync(this.#trace)) return 0
    return readFileSync(this.#trace, 'utf8').match(/\((INJECTED|DELAYED)\)/g)?.length ?? 0
  }

  /** The process goes on as it was. Harmless when that has ended. */
  async end(): Promise<void> {
    this.#cleanup.forgetUndo(this.#undo)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }
}
