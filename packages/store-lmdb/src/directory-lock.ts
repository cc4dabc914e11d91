/**
 * One store at a time in a directory: a file that names who holds it.
 *
 * The file gives the quick and clear answer. Where it cannot know (another container, a system
 * without `/proc`), it gives way, and LMDB's own table of readers, which the kernel keeps honest,
 * has the last word: see `LmdbEnvironment.others`.
 */

import {
  linkSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { messageOf, storeFailure, systemCode } from './store-failure.ts'

/** The file's name in the data directory. */
export const LOCK_FILE = 'lock'
const ATTEMPTS_MAX = 5

/** Who holds a directory. Absent parts are unknown to that system. */
interface Holder {
  readonly pid: number
  /** When the process began, in the kernel's own words. */
  readonly started?: string
  /** Which start of the computer. */
  readonly boot?: string
  readonly host: string
}

/** Held until `release`, or until the process dies, however it dies. */
export interface DirectoryLock {
  /** Harmless when repeated. */
  release(): void
}

/** Throws `STORE_FAILED` with reason `locked`, naming the holder, or `refused`. */
export function lockDirectory(directory: string): DirectoryLock {
  const file = join(directory, LOCK_FILE)
  const text = JSON.stringify(self())
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const found = read(file)
    if (found === undefined) {
      if (create(directory, file, text)) return { release: () => removeOwn(file, text) }
      continue
    }
    const holder = parseHolder(found)
    if (holder !== undefined && mayBeAlive(holder)) throw lockedBy(directory, holder.pid)
    setAside(directory, file, found)
  }
  throw storeFailure(
    'locked',
    `cannot open ${directory}: its lock changes hands all the time; try again`,
    {
      path: directory,
    },
  )
}

/** The failure for a directory that another process has open. */
export function lockedBy(directory: string, pid: number): Error {
  const who = pid === process.pid ? 'this process' : `process ${pid}`
  return storeFailure(
    'locked',
    `cannot open ${directory}: ${who} has it open; ` +
      'one node at a time may use a data directory, stop that one first',
    { path: directory },
  )
}

/** Whole or not at all: a link appears with its content. False if there is one. */
function create(directory: string, file: string, text: string): boolean {
  const draft = join(directory, `${LOCK_FILE}.${randomBytes(8).toString('hex')}`)
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
    linkSync(draft, file)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    const help =
      systemCode(error) === 'ENOSPC'
        ? 'free some space first'
        : 'a node must own its data directory'
    const message = `cannot write into ${directory}: ${messageOf(error)}; ${help}`
    throw storeFailure('refused', message, { path: directory, cause: error })
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Takes a dead holder's file away, unless it was replaced meanwhile. */
function setAside(directory: string, file: string, found: string): void {
  const aside = join(directory, `${LOCK_FILE}.${randomBytes(8).toString('hex')}`)
  try {
    renameSync(file, aside)
    if (read(aside) !== found) linkSync(aside, file)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function removeOwn(file: string, text: string): void {
  if (read(file) === text) unlinkSync(file)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    if (
      !('pid' in value) ||
      typeof value.pid !== 'number' ||
      !('host' in value) ||
      typeof value.host !== 'string'
    ) {
      return undefined
    }
    const started =
      'started' in value && typeof value.started === 'string' ? { started: value.started } : {}
    const boot = 'boot' in value && typeof value.boot === 'string' ? { boot: value.boot } : {}
    return { pid: value.pid, host: value.host, ...started, ...boot }
  } catch {
    return undefined
  }
}

/** False if the holder is gone, or if this computer's process table cannot tell. */
function mayBeAlive(holder: Holder): boolean {
  const here = self()
  if (holder.host !== here.host || holder.boot !== here.boot) return false
  if (holder.pid === here.pid) return holder.started === here.started
  return holder.started !== undefined && holder.started === startOf(String(holder.pid))
}

function self(): Holder {
  const started = startOf('self')
  const boot = firstLineOf('/proc/sys/kernel/random/boot_id')
  return {
    pid: process.pid,
    host: hostname(),
    ...(started === undefined ? {} : { started }),
    ...(boot === undefined ? {} : { boot }),
  }
}

/**
 * Ticks from the start of the computer to that of the process: the 22nd field, counted behind the
 * name.
 */
function startOf(pid: string): string | undefined {
  const stat = firstLineOf(`/proc/${pid}/stat`)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie holds nothing any more.
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19]
}

function firstLineOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch {
    return undefined
  }
}

/** Removes what an attempt that was killed left behind. Only for the holder. */
export function removeLockDrafts(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (/^lock\.[0-9a-f]{16}$/.test(name)) rmSync(join(directory, name), { force: true })
  }
}
