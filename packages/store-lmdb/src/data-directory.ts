/**
 * The files of a store: `data.mdb` (and LMDB's `data.mdb-lock`), `format` and `lock`. A directory
 * is one that was never used, one whose creation was cut short before anything was written, or one
 * in use; all else is refused.
 */

import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
} from 'node:fs'
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SyneviError } from 'synevi'
import { messageOf, storeFailure, systemCode } from './store-failure.ts'

/** Raised when the records or the files change in a way that older code must not meet. */
const FORMAT = 1
const FORMAT_FILE = 'format'

/** A path that is a directory, and may be written to. */
export class DataDirectory {
  readonly path: string

  /** Makes the directory if it is absent. Throws `INVALID_ARGUMENT` or `STORE_FAILED`. */
  constructor(path: string) {
    this.path = path
    try {
      mkdirSync(path, { mode: 0o700 })
      syncDirectory(dirname(path))
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw cannotMake(path, error)
    }
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw misplaced(path, 'it is not a directory')
    }
    try {
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (error) {
      const help = 'a node must own its data directory'
      const message = `cannot write into ${path}: ${messageOf(error)}; ${help}`
      throw storeFailure('refused', message, { path, cause: error })
    }
  }

  get dataFile(): string {
    return join(this.path, 'data.mdb')
  }

  /**
   * Whether `data.mdb` must be made. Throws `INCOMPATIBLE_VERSION` for a newer format,
   * `STORE_FAILED` if the data is gone: a node that forgot its promises must not come back as if it
   * were new.
   */
  isNew(): boolean {
    const format = this.#format()
    const hasData = existsSync(this.dataFile)
    if (format === undefined) return !hasData
    if (format > FORMAT) {
      const help = `this version reads ${FORMAT}; upgrade first`
      const message = `cannot open ${this.path}: written in store format ${format}, ${help}`
      throw new SyneviError('INCOMPATIBLE_VERSION', message, {
        definite: true,
        details: { path: this.path },
      })
    }
    if (!hasData) {
      const help = 'replace this member, it must not start empty'
      const message = `cannot open ${this.path}: it was used, and data.mdb is gone; ${help}`
      throw storeFailure('missing', message, { path: this.path })
    }
    return false
  }

  isEmpty(): boolean {
    return readdirSync(this.path).length === 0
  }

  /** Whether the creation was finished. If not, nothing may be in the data. */
  isFinished(): boolean {
    return existsSync(join(this.path, FORMAT_FILE))
  }

  /** The last step of creation: from here on the data may not be missing. */
  finish(): void {
    const file = join(this.path, FORMAT_FILE)
    const draft = `${file}.new`
    writeFileSync(draft, `synevi-store-lmdb ${FORMAT}\n`, { mode: 0o600 })
    syncFile(draft)
    renameSync(draft, file)
    syncDirectory(this.path)
  }

  /**
   * Puts a file that `write` made beside it in the place of `data.mdb`: it is there whole, or not
   * at all.
   */
  async place(write: (file: string) => Promise<void>): Promise<void> {
    const draft = `${this.dataFile}.new`
    rmSync(draft, { force: true })
    rmSync(`${draft}-lock`, { force: true })
    try {
      await write(draft)
      chmodSync(draft, 0o600)
      syncFile(draft)
      renameSync(draft, this.dataFile)
      syncDirectory(this.path)
    } finally {
      rmSync(draft, { force: true })
      rmSync(`${draft}-lock`, { force: true })
    }
  }

  #format(): number | undefined {
    const file = join(this.path, FORMAT_FILE)
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw storeFailure('refused', `cannot read ${file}: ${messageOf(error)}`, {
        path: file,
        cause: error,
      })
    }
    const version = /^synevi-store-lmdb ([1-9]\d{0,8})\n$/.exec(text)?.[1]
    if (version !== undefined) return Number(version)
    const why = 'its file "format" is not that of a Synevi store'
    const help = 'name another directory, or replace this member'
    const message = `cannot open ${this.path}: ${why}; ${help}`
    throw storeFailure('damaged', message, { path: file })
  }
}

function cannotMake(path: string, error: unknown): Error {
  if (systemCode(error) === 'ENOENT')
    return misplaced(path, `its parent ${dirname(path)} does not exist; make it first`)
  if (systemCode(error) === 'ENOTDIR') return misplaced(path, `${dirname(path)} is not a directory`)
  return storeFailure(
    'refused',
    `cannot make ${path}: ${messageOf(error)}; let the node's user write there`,
    {
      path,
      cause: error,
    },
  )
}

function misplaced(path: string, why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot open ${path}: ${why}`, {
    definite: true,
    details: { path },
  })
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Names are durable only when their directory is. Windows cannot, and needs not. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
