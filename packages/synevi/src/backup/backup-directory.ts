/** A backup in a directory that is there whole or not at all. */

import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import type { Bytes } from '@synevi/accord'
import type { BackupDraft, BackupPlace, BackupSink } from '../contract/backup-place.ts'
import { hasMethods } from '../option-fields.ts'
import { SyneviError } from '../synevi-error.ts'

const CHUNK_BYTES = 262_144

/** A directory that does not exist, or is empty; its parent must exist. */
class BackupDirectory implements BackupPlace {
  readonly name: string

  constructor(path: string) {
    this.name = resolve(path)
  }

  async begin(): Promise<BackupDraft> {
    const path = this.name
    let names: readonly string[] = []
    try {
      names = await readdir(path)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        throw invalid(`${path} is not a directory that can be read`, error)
    }
    if (names.length > 0) throw invalid(`${path} is not empty`)
    const partial = `${path}.partial-${randomUUID()}`
    await mkdir(partial, { mode: 0o700 })
    return new DirectoryDraft(partial, path)
  }

  async *read(file: string): AsyncGenerator<Bytes, void, undefined> {
    const handle = await open(join(this.name, file), 'r')
    try {
      for (;;) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES)
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }
}

class DirectoryDraft implements BackupDraft {
  readonly #partial: string
  readonly #path: string
  #file: FileSink | undefined

  constructor(partial: string, path: string) {
    this.#partial = partial
    this.#path = path
  }

  async create(file: string): Promise<BackupSink> {
    this.#file = new FileSink(await open(join(this.#partial, file), 'wx', 0o600))
    return this.#file
  }

  async publish(): Promise<void> {
    await syncDirectory(this.#partial)
    await rename(this.#partial, this.#path)
    await syncDirectory(dirname(this.#path))
  }

  async discard(): Promise<void> {
    await this.#file?.abandon()
    await rm(this.#partial, { recursive: true, force: true }).catch(() => {})
  }
}

class FileSink implements BackupSink {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(bytes: Bytes): Promise<void> {
    for (let at = 0; at < bytes.length;) at += (await this.#handle.write(bytes, at)).bytesWritten
  }

  async close(): Promise<void> {
    await this.#handle.sync()
    await this.#handle.close()
  }

  /** Harmless after a close. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
  }
}

/**
 * A place as callers name it: the path of a directory, or a place of their own. Throws
 * `INVALID_ARGUMENT`.
 */
export function placeOf(place: unknown): BackupPlace {
  if (typeof place === 'string' && place !== '' && !place.includes('\0'))
    return new BackupDirectory(place)
  if (isPlace(place)) return place
  throw invalid('it must name a directory, or be a place: begin(), read()')
}

/** Whether it is a place of the caller's own. */
export function isPlace(place: unknown): place is BackupPlace {
  return hasMethods(place, ['begin', 'read'])
}

/** Names are durable only when their directory is. Windows cannot, and needs not. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function invalid(why: string, cause?: unknown): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `not a place for a backup: ${why}`, {
    definite: true,
    ...(cause === undefined ? {} : { cause }),
  })
}
