/** A node's state in LMDB: `Store` on one directory, durable when a write resolves. */

import { statSync, statfsSync } from 'node:fs'
import {
  SyneviError,
  type Bytes,
  type Mutation,
  type Range,
  type Store,
  type StoreView,
} from 'synevi'
import { checkImage } from './check-image.ts'
import { seal, unseal } from './checksum.ts'
import { DataDirectory } from './data-directory.ts'
import { lockDirectory, lockedBy, removeLockDrafts, type DirectoryLock } from './directory-lock.ts'
import {
  LmdbEnvironment,
  type PageQuery,
  type RecordMutation,
  type RecordPage,
} from './lmdb-environment.ts'
import { assertKey, openView, scanPages } from './lmdb-view.ts'
import { parseLmdbOptions, type LmdbStoreOptions, type ParsedLmdbOptions } from './lmdb-options.ts'
import { defaultReserveBytes, Space, writeBytesMax } from './space.ts'
import { messageOf, storeFailure } from './store-failure.ts'

/** Far below LMDB's 4 GiB, and more than a process wants in one piece. */
const VALUE_BYTES_MAX = 2 ** 30

/**
 * The contract of `Store`, and beyond it:
 *
 * Reads show exactly the writes that have resolved: nothing in flight, nothing that is not on the
 * disk.
 *
 * Every record carries a checksum bound to its key. A record that the disk altered is not served:
 * `get` and `scan` throw `STORE_FAILED` with the key in `details`. A record that the disk lost is
 * not noticed here, but by the hash chain above, and by the check on opening.
 *
 * The first write that fails, and damage to the tree itself, stop the store: from then on every
 * call fails with the same `STORE_FAILED`, and LMDB is not touched again, not even by `close`. End
 * the process, then open anew.
 *
 * A write that would eat into the reserve is refused with `STORE_FULL` before LMDB sees it. Reads
 * go on, writes do not.
 *
 * A scan reads page by page and holds nothing open in between: iterated across an await, it goes on
 * behind its last key with what is there then.
 */
export class LmdbStore implements Store, AsyncDisposable {
  readonly #directory: DataDirectory
  readonly #lock: DirectoryLock
  readonly #environment: LmdbEnvironment
  readonly #space: Space
  #stopped: SyneviError | undefined
  #full: SyneviError | undefined
  #writing: Promise<void> | undefined
  #copying: Promise<void> | undefined
  #closing: Promise<void> | undefined

  private constructor(parts: Opened) {
    this.#directory = parts.directory
    this.#lock = parts.lock
    this.#environment = parts.environment
    this.#space = parts.space
  }

  /**
   * Opens or makes the data directory. Rejects with `INVALID_ARGUMENT` (an option, or a path that
   * cannot be one), `INCOMPATIBLE_VERSION` (written by a newer version), or `STORE_FAILED`, whose
   * `details.reason` is `locked` (in use; the only one worth a retry), `damaged`, `missing` or
   * `refused`. A refused file is left as it was.
   */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const parsed = parseLmdbOptions(options)
    const directory = new DataDirectory(parsed.path)
    const lock = lockDirectory(parsed.path)
    try {
      removeLockDrafts(parsed.path)
      const environment = await openEnvironment(directory, parsed)
      return new LmdbStore({ directory, lock, environment, space: spaceOf(directory, parsed) })
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /**
   * Throws `STORE_FAILED` for a key outside the contract, a record that fails its checksum, a
   * stopped store.
   */
  get(key: Bytes): Bytes | undefined {
    this.#assertOpen()
    assertKey(key)
    const record = this.#reading(() => this.#environment.get(key))
    return record === undefined ? undefined : unseal(key, record)
  }

  /** Throws as `get` does, while iterated. */
  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return scanPages(range, (query) => this.#page(query))
  }

  /** Holds LMDB's read transaction: the file grows by what is written while it is open. */
  view(): StoreView {
    this.#assertOpen()
    const pin = this.#reading(() => this.#environment.pin())
    return openView(pin, {
      reading: (read) => {
        this.#assertOpen()
        return this.#reading(read)
      },
      isUsable: () => this.#stopped === undefined && this.#closing === undefined,
    })
  }

  /**
   * Beside the contract's, rejects with `CLOSED`. Only `STORE_FULL` is known to have changed
   * nothing.
   */
  async write(batch: readonly Mutation[]): Promise<void> {
    this.#assertOpen()
    if (this.#full !== undefined) throw this.#full
    if (this.#writing !== undefined) {
      throw storeFailure(
        'misuse',
        'cannot write: the write before has not resolved; await each before the next',
      )
    }
    let recordBytes = 0
    const mutations: RecordMutation[] = []
    for (const { key, value } of batch) {
      assertKey(key)
      if (value !== undefined) assertValue(value)
      mutations.push({ key, record: value === undefined ? undefined : seal(key, value) })
      recordBytes += key.length + (value?.length ?? 0)
    }
    if (mutations.length === 0) return
    this.#takeSpace(writeBytesMax(mutations.length, recordBytes))
    this.#writing = this.#commit(mutations)
    try {
      await this.#writing
    } finally {
      this.#writing = undefined
    }
  }

  /**
   * Waits for a write or copy under way. A stopped store is not closed but left to the end of the
   * process: the directory cannot be opened again before that.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** False from the reserve downwards, and once writes are refused. Cheap. */
  hasRoom(): boolean {
    if (this.#stopped !== undefined || this.#full !== undefined || this.#closing !== undefined)
      return false
    return this.#space.hasRoom()
  }

  /**
   * A complete, compacted store in a directory that does not exist or is empty, as of some moment
   * during the call; durable when it resolves. Reads and writes go on meanwhile. One at a time.
   * Rejects with `STORE_FAILED`; then the copy is not there, and the store goes on.
   */
  async copyTo(directory: string): Promise<void> {
    this.#assertOpen()
    if (this.#copying !== undefined)
      throw storeFailure('misuse', 'cannot copy: another copy is under way')
    const target = new DataDirectory(directory)
    if (!target.isEmpty())
      throw storeFailure('misuse', `cannot copy to ${directory}: it is not empty`, {
        path: directory,
      })
    this.#copying = this.#copy(target)
    try {
      await this.#copying
    } finally {
      this.#copying = undefined
    }
  }

  /** Of the data file, free pages within it included. It never shrinks. */
  sizeBytes(): number {
    return statSync(this.#directory.dataFile).size
  }

  async #commit(mutations: readonly RecordMutation[]): Promise<void> {
    try {
      await this.#environment.commit(mutations)
    } catch (error) {
      throw this.#stop(
        `a write failed (${messageOf(error)}); what it held may or may not be there`,
        error,
      )
    }
  }

  async #copy(target: DataDirectory): Promise<void> {
    try {
      await target.place((file) => this.#environment.copy(file))
      checkImage(target.dataFile, 0)
      target.finish()
    } catch (error) {
      const message = `cannot copy to ${target.path}: ${messageOf(error)}`
      throw storeFailure('refused', message, { path: target.path, cause: error })
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#copying])
    if (this.#stopped !== undefined) return
    await this.#environment.close()
    this.#lock.release()
  }

  #page(query: PageQuery): RecordPage {
    this.#assertOpen()
    return this.#reading(() => this.#environment.page(query))
  }

  /**
   * What LMDB itself finds wrong is in the tree, not in a record: nothing it says can be trusted
   * after that.
   */
  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw this.#stop(
        `a read failed (${messageOf(error)}); the file is damaged, replace this member`,
        error,
      )
    }
  }

  #takeSpace(bytes: number): void {
    if (this.#space.take(bytes)) return
    const { path } = this.#directory
    const help = 'free space, then restart the node'
    const message = `cannot write ${bytes} bytes to ${path}: that would use up the reserve; ${help}`
    this.#full = new SyneviError('STORE_FULL', message, { definite: false, details: { path } })
    throw this.#full
  }

  #assertOpen(): void {
    if (this.#stopped !== undefined) throw this.#stopped
    if (this.#closing === undefined) return
    throw new SyneviError(
      'CLOSED',
      `cannot use the store in ${this.#directory.path}: it is closed`,
      { definite: true },
    )
  }

  #stop(why: string, cause: unknown): SyneviError {
    const { path } = this.#directory
    this.#stopped ??= storeFailure('write', `the store in ${path} has stopped: ${why}`, {
      path,
      cause,
    })
    return this.#stopped
  }
}

interface Opened {
  readonly directory: DataDirectory
  readonly lock: DirectoryLock
  readonly environment: LmdbEnvironment
  readonly space: Space
}

async function openEnvironment(
  directory: DataDirectory,
  options: ParsedLmdbOptions,
): Promise<LmdbEnvironment> {
  if (directory.isNew())
    await directory.place(async (file) => startEnvironment(file, options).close())
  checkImage(directory.dataFile, options.treeCheckMaxBytes)
  const environment = startEnvironment(directory.dataFile, options)
  const [other] = environment.others()
  const isStray = !directory.isFinished() && environment.page(FIRST_RECORD).length > 0
  if (other === undefined && !isStray) {
    if (!directory.isFinished()) directory.finish()
    return environment
  }
  await environment.close()
  if (other !== undefined) throw lockedBy(directory.path, other)
  const why = 'it has data, and its file "format" is gone'
  const message = `cannot open ${directory.path}: ${why}; replace this member`
  throw storeFailure('damaged', message, { path: directory.path })
}

const FIRST_RECORD: PageQuery = {
  from: undefined,
  until: undefined,
  reverse: false,
  after: undefined,
  countMax: 1,
  bytesMax: 1,
}

function startEnvironment(file: string, options: ParsedLmdbOptions): LmdbEnvironment {
  try {
    return new LmdbEnvironment(file, options.mapMaxBytes, options.durability)
  } catch (error) {
    const help =
      'if it says there is no memory, lower mapMaxBytes or lift the limit on address space'
    const message = `cannot open ${file}: LMDB says ${messageOf(error)}; ${help}`
    throw storeFailure('refused', message, { path: file, cause: error })
  }
}

function spaceOf(directory: DataDirectory, options: ParsedLmdbOptions): Space {
  const { path } = directory
  const { availableBytes = statfsAvailable } = options
  const reserveBytes = options.reserveBytes ?? defaultReserveBytes(sizeOfFileSystem(path))
  return new Space({
    availableBytes: () => availableBytes(path),
    fileBytes: () => statSync(directory.dataFile).size,
    mapMaxBytes: options.mapMaxBytes,
    reserveBytes,
  })
}

function statfsAvailable(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

function sizeOfFileSystem(path: string): number {
  const { blocks, bsize } = statfsSync(path)
  return blocks * bsize
}

function assertValue(value: Bytes): void {
  if (value.length <= VALUE_BYTES_MAX) return
  throw storeFailure(
    'misuse',
    `a value of ${value.length} bytes: values have at most ${VALUE_BYTES_MAX}`,
  )
}
