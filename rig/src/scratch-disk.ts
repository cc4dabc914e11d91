/**
 * Small file systems of the rig's own, one for each member: they fill up, and their images can be
 * copied as they are at a moment, without what was never flushed.
 */

import { execFile, execFileSync } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Cleanup } from './cleanup.ts'

const run = promisify(execFile)
const TOOLS = ['mount', 'umount', 'mkfs.ext4', 'cp', 'cmp']
/** Copies that have to be alike: whatever the kernel still writes meanwhile has come to rest. */
const COPIES_MAX = 5

/** Why this machine cannot mount them; undefined when it can. */
export function whyNoScratchDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting a file system takes root'
  return missingTool(TOOLS)
}

/** The first that is not installed, in words. */
export function missingTool(tools: readonly string[]): string | undefined {
  for (const tool of tools) {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' })
    } catch {
      return `${tool} is not installed`
    }
  }
  return undefined
}

/** Mounted over an existing, empty folder until `cleanup` ends, or `unmount`. */
export class ScratchDisk {
  readonly path: string
  readonly #cleanup: Cleanup
  readonly #undo: () => void
  /** Undefined: it is in memory. */
  #image: string | undefined

  private constructor(path: string, image: string | undefined, cleanup: Cleanup) {
    this.path = path
    this.#image = image
    this.#cleanup = cleanup
    this.#undo = () => {
      // Lazily: whoever still holds a file in it ends at this moment.
      execFileSync('umount', ['-l', path], { stdio: 'ignore' })
    }
  }

  /** In memory, with a limit. */
  static async inMemory(path: string, bytes: number, cleanup: Cleanup): Promise<ScratchDisk> {
    const disk = new ScratchDisk(path, undefined, cleanup)
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'synevi-rig', path])
    cleanup.undo(disk.#undo)
    return disk
  }

  /** ext4 in a file, which is made. */
  static async ofImage(
    parts: { readonly path: string; readonly image: string; readonly bytes: number },
    cleanup: Cleanup,
  ): Promise<ScratchDisk> {
    const { path, image, bytes } = parts
    writeFileSync(image, '')
    truncateSync(image, bytes)
    await run('mkfs.ext4', ['-q', '-F', image])
    const disk = new ScratchDisk(path, image, cleanup)
    await disk.#mount(image)
    cleanup.undo(disk.#undo)
    return disk
  }

  /**
   * What a loss of power would leave now: what the file system has in its page cache alone is not
   * in the image. Nobody may be writing.
   */
  async copyImage(to: string): Promise<void> {
    if (this.#image === undefined) throw new Error(`${this.path} has no image`)
    for (let copies = 0; copies < COPIES_MAX; copies++) {
      await run('cp', ['--sparse=always', this.#image, to])
      if (await areAlike(this.#image, to)) return
    }
    throw new Error(`the image of ${this.path} does not come to rest`)
  }

  /** From now on it is that image. Nobody may have a file in it. */
  async replaceBy(image: string): Promise<void> {
    await run('umount', [this.path])
    await this.#mount(image)
    this.#image = image
  }

  async unmount(): Promise<void> {
    await run('umount', [this.path])
    this.#cleanup.forgetUndo(this.#undo)
  }

  async #mount(image: string): Promise<void> {
    await run('mount', ['-o', 'loop,noatime', image, this.path])
  }
}

async function areAlike(left: string, right: string): Promise<boolean> {
  try {
    await run('cmp', ['-s', left, right])
    return true
  } catch {
    return false
  }
}
