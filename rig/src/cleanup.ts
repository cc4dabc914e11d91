/** What must be gone when the rig is, however it ends: its processes and its folders. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MemberProcess } from './member-process.ts'

/** Everything that one run made. Made once by a program, and passed on. */
export class Cleanup {
  readonly #members = new Set<MemberProcess>()
  readonly #folders = new Set<string>()
  readonly #undos = new Set<() => void>()

  /** A new folder under the system's temporary one. */
  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'synevi-rig-'))
    this.#folders.add(path)
    return path
  }

  watch(member: MemberProcess): void {
    this.#members.add(member)
  }

  forget(member: MemberProcess): void {
    this.#members.delete(member)
  }

  removeFolder(path: string): void {
    this.#folders.delete(path)
    rmSync(path, { recursive: true, force: true })
  }

  /**
   * To be done at the end, last come first done, when it was not done before (`forgetUndo`):
   * mounts, helpers.
   */
  undo(undo: () => void): void {
    this.#undos.add(undo)
  }

  forgetUndo(undo: () => void): void {
    this.#undos.delete(undo)
  }

  /** At once and for good: for the end of the program. Stopped processes die as well. */
  now(): void {
    for (const { pid } of this.#members) {
      if (pid !== undefined) tryKill(pid)
    }
    for (const undo of [...this.#undos].reverse()) undo()
    for (const path of this.#folders) rmSync(path, { recursive: true, force: true })
    this.#members.clear()
    this.#undos.clear()
    this.#folders.clear()
  }

  /** From now on until the program ends, in order, by an error or by a signal. */
  onExit(): void {
    process.on('exit', () => this.now())
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => process.exit(130))
    }
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}
