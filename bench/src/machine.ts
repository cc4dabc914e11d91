/** What the figures were taken on: processor, memory, disk, versions, and how busy it was. */

import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './figures.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLUSHES = 50
const FLUSH_BYTES = 4096

/** By the number that `statfs` gives. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0x794c7630: 'overlay',
  0x01021994: 'tmpfs',
}

/** For the head of a result. */
export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Short, with `+` when the tree differs from it; `unknown` outside of a repository. */
  readonly commit: string
  /** Of the data folder. */
  readonly fileSystem: string
}

/** `folder`: where the data will lie. */
export function machineOf(folder: string): Machine {
  const { type } = statfsSync(folder)
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    commit: commit(),
    fileSystem: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
  }
}

/** How the machine is at a moment. */
export interface Moment {
  /** Of the last minute: processes that wanted to run. */
  readonly load: number
  /** Median of 50 appends of 4 KiB, each flushed. */
  readonly flushMs: number
}

/** Takes a tenth of a second or so. Leaves nothing in the folder. */
export function momentIn(folder: string): Moment {
  const file = join(folder, 'flush-probe')
  const descriptor = openSync(file, 'w')
  const block = new Uint8Array(FLUSH_BYTES).fill(1)
  const times = Array.from({ length: FLUSHES }, () => {
    const begin = performance.now()
    writeSync(descriptor, block)
    fdatasyncSync(descriptor)
    return performance.now() - begin
  })
  closeSync(descriptor)
  rmSync(file)
  return { load: loadavg()[0] ?? 0, flushMs: median(times) }
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no').trim() !== ''
    return `${git('rev-parse', '--short=10', 'HEAD').trim()}${dirty ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}
