/**
 * The only file that knows `lmdb`: one database of byte keys and byte records, one write at a time,
 * and reads of the last write that resolved.
 *
 * What was checked in lmdb 3.5.6, and how it is used:
 *
 * With `overlappingSync: false` a commit writes its pages, syncs them, and only then writes the
 * meta page, through a descriptor opened with `O_DSYNC`. Commit and flush are one moment, and
 * readers see a commit only after it.
 *
 * A commit is visible to new readers a moment before its promise resolves. So all reads go through
 * one read transaction, taken anew when a write has resolved: nothing in flight is ever seen. It
 * costs no space, for LMDB keeps the pages of the last commit in any case.
 *
 * With `eventTurnBatching` (its default) a failed commit also rejects a promise that nobody can
 * reach, which ends the process. It is off. A failed commit prints to stderr, and rejects with an
 * error whose `commitError`, a promise, has the cause.
 */

import { open, type RootDatabase } from 'lmdb'
import type { Bytes } from 'synevi'
import type { LmdbDurability } from './lmdb-options.ts'

/** A mutation as LMDB gets it: the record with its checksum, or undefined to delete. */
export interface RecordMutation {
  readonly key: Bytes
  readonly record: Bytes | undefined
}

/** Part of a range, read at once. `after` is the key before it, in the direction of reading. */
export interface PageQuery {
  readonly from: Bytes | undefined
  readonly until: Bytes | undefined
  readonly reverse: boolean
  readonly after: Bytes | undefined
  /** The page ends at the first of these. It has at least one record if the range has. */
  readonly countMax: number
  readonly bytesMax: number
}

/** Records in order, in memory of their own. */
export type RecordPage = readonly { readonly key: Bytes; readonly record: Bytes }[]

/** Reads of one moment. */
export interface Pin {
  get(key: Bytes): Bytes | undefined
  page(query: PageQuery): RecordPage
  done(): void
}

type ReadTransaction = ReturnType<RootDatabase<Buffer, Uint8Array>['useReadTransaction']>

/** The least key there is, for LMDB has no open end. */
const LEAST_KEY = Uint8Array.of(0)

/** One open database. After a rejected commit, no method may be called any more. */
export class LmdbEnvironment {
  readonly #database: RootDatabase<Buffer, Uint8Array>
  #reader: ReadTransaction
  readonly #pinned = new Set<ReadTransaction>()

  /** Throws whatever `lmdb` throws. The file must have passed `checkImage`, or not exist. */
  constructor(file: string, mapMaxBytes: number, durability: LmdbDurability) {
    this.#database = open<Buffer, Uint8Array>(file, {
      noSubdir: true,
      overlappingSync: false,
      noSync: durability === 'process',
      eventTurnBatching: false,
      mapSize: mapMaxBytes,
      encoding: 'binary',
      keyEncoding: 'binary',
      // Options that its types do not name.
      ...{ maxDbs: 1, permissionsMode: 0o600 },
    })
    this.#reader = this.#newReader()
  }

  /** The record, in memory of its own. */
  get(key: Bytes): Bytes | undefined {
    return this.#get(key, this.#reader)
  }

  /** In order. Holds nothing open when it returns. */
  page(query: PageQuery): RecordPage {
    return this.#page(query, this.#reader)
  }

  /**
   * The last write that resolved, for as long as it is not `done`: pages that it needs are not used
   * again meanwhile, so the file grows by what is written. Harmless when done twice.
   */
  pin(): Pin {
    const reader = this.#newReader()
    this.#pinned.add(reader)
    return {
      get: (key) => this.#get(key, reader),
      page: (query) => this.#page(query, reader),
      done: () => {
        if (this.#pinned.delete(reader)) reader.done()
      },
    }
  }

  /**
   * Atomic, in order, and on the disk when it resolves (`sync`). After a rejection nothing may be
   * called.
   */
  async commit(mutations: readonly RecordMutation[]): Promise<void> {
    try {
      await this.#database.batch(() => {
        for (const { key, record } of mutations) {
          // Their promises are the batch's.
          if (record === undefined) void this.#database.remove(key)
          else
            void this.#database.put(
              key,
              Buffer.from(record.buffer, record.byteOffset, record.byteLength),
            )
        }
      })
      await this.#database.flushed
    } catch (error) {
      throw await causeOf(error)
    }
    this.#reader.done()
    this.#reader = this.#newReader()
  }

  /**
   * A consistent and compact copy, made beside reads and writes. The file must not exist. Not yet
   * synced.
   */
  async copy(file: string): Promise<void> {
    await this.#database.backup(file, true)
  }

  /** Other processes that have the database open for reading: the kernel vouches that they live. */
  others(): readonly number[] {
    this.#database.readerCheck()
    const lines = this.#database.readerList().split('\n')
    const pids = lines
      .map((line) => /^\s*(\d+)\s/.exec(line)?.[1])
      .filter((pid) => pid !== undefined)
    return pids.map(Number).filter((pid) => pid !== process.pid)
  }

  async close(): Promise<void> {
    this.#reader.done()
    for (const reader of this.#pinned) reader.done()
    this.#pinned.clear()
    await this.#database.close()
  }

  #get(key: Bytes, transaction: ReadTransaction): Bytes | undefined {
    return this.#database.get(key, { transaction })
  }

  #page(query: PageQuery, transaction: ReadTransaction): RecordPage {
    const found: { key: Bytes; record: Bytes }[] = []
    let bytes = 0
    for (const { key, value } of this.#database.getRange({ ...bounds(query), transaction })) {
      found.push({ key: plain(key), record: value })
      bytes += key.length + value.length
      if (found.length >= query.countMax || bytes >= query.bytesMax) break
    }
    return found
  }

  #newReader(): ReadTransaction {
    const reader = this.#database.useReadTransaction()
    // Otherwise lmdb shares it, and may end it, with cursors on it still open.
    this.#database.resetReadTxn()
    return reader
  }
}

/** What lmdb calls start and end go with the direction; it has no open ends backwards. */
function bounds(query: PageQuery): {
  start?: Bytes
  end?: Bytes
  reverse: boolean
  exclusiveStart: boolean
  inclusiveEnd: boolean
} {
  const { from, until, reverse, after } = query
  const start = after ?? (reverse ? until : from)
  const end = reverse ? (from ?? LEAST_KEY) : until
  return {
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    reverse,
    exclusiveStart: reverse || after !== undefined,
    inclusiveEnd: reverse,
  }
}

/** Not a Buffer, whose `slice` is a view. */
function plain(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}
