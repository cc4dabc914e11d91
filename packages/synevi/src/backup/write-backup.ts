/**
 * A backup while the node works: everything up to one position, from a view of the store, into a
 * directory that is there whole or not at all.
 */

import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Bytes } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Store, StoreView } from '../contract/store.ts'
import { FACT, TABLE, tableEnd, tableStart, type Fact, type Table } from '../state/key-layout.ts'
import {
  readApplied,
  readFact,
  readFeatures,
  readIdentity,
  readMembership,
} from '../state/node-facts.ts'
import { corrupt, getSealed, reading, unseal, type Source } from '../state/sealed.ts'
import { keyInSlot, readSlots, sourceOfSlot, type Slot } from '../state/slots.ts'
import { SUMS_KEY, TableSums, recordHash, tableByteOf } from '../state/table-sums.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import {
  BACKUP_FORMAT,
  MANIFEST_FILE,
  formatManifest,
  type BackupFile,
  type BackupManifest,
} from './manifest.ts'
import { RecordFileWriter, type Pair } from './record-file.ts'

/** The tables in a backup, by the names of their files. What a node promised is in none. */
export const BACKUP_TABLES: readonly (readonly [Table, string])[] = [
  [TABLE.mark, 'mark'],
  [TABLE.log, 'log'],
  [TABLE.place, 'place'],
  [TABLE.request, 'request'],
  [TABLE.requestPage, 'request-page'],
  [TABLE.state, 'state'],
]

/** Facts that belong to the replicated state. */
const BACKUP_FACTS: readonly Fact[] = [FACT.settings, FACT.base]

/** A file is ended and the next begun at about this size. */
const FILE_BYTES_MAX = 2 ** 28

/** What a backup is taken of. */
export interface BackupParts {
  readonly store: Store
  readonly clock: Clock
  /** A directory that does not exist, or is empty; its parent must exist. */
  readonly to: string
  readonly signal: AbortSignal | undefined
}

/**
 * Resolves when the backup is durable under its name. Rejects with `INVALID_ARGUMENT` (the target,
 * or a store without views), `STORE_FAILED` (the store is damaged, or the file system refuses),
 * `CANCELLED`; then nothing is left behind, as long as the process lives.
 */
export async function writeBackup(parts: BackupParts): Promise<BackupManifest> {
  const to = await targetOf(parts.to)
  const view = parts.store.view?.()
  if (view === undefined) throw invalid('this store has no views; it cannot be backed up online')
  const partial = `${to}.partial-${process.pid}-${parts.clock.now().wall.toString(36)}`
  try {
    await mkdir(partial, { mode: 0o700 })
    const manifest = await new BackupWriter(parts, view, partial).write()
    await writeDurably(join(partial, MANIFEST_FILE), formatManifest(manifest))
    await syncDirectory(partial)
    await rename(partial, to)
    await syncDirectory(dirname(to))
    return manifest
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {})
    if (isSyneviError(error)) throw error
    throw new SyneviError('STORE_FAILED', `cannot write the backup to ${to}: ${String(error)}`, {
      definite: true,
      details: { path: to },
      cause: error,
    })
  } finally {
    view.close()
  }
}

class BackupWriter {
  readonly #parts: BackupParts
  readonly #view: StoreView
  readonly #slot: Slot
  /** The view as it looks from the current slot. */
  readonly #source: Source
  readonly #directory: string
  readonly #files: BackupFile[] = []
  readonly #sums = new TableSums()
  readonly #state = createHash('sha3-256')

  constructor(parts: BackupParts, view: StoreView, directory: string) {
    this.#parts = parts
    this.#view = view
    this.#slot = readSlots(view).current
    this.#source = sourceOfSlot(view, this.#slot)
    this.#directory = directory
  }

  async write(): Promise<BackupManifest> {
    const source = this.#source
    for (const [table, name] of BACKUP_TABLES) await this.#table(table, name)
    this.#compareSums()
    const { watermark, time } = readApplied(source)
    const facts = BACKUP_FACTS.flatMap((fact) => {
      const value = readFact(source, fact)
      return value === undefined ? [] : [[`${fact}`, hex(value)] as const]
    })
    return {
      format: BACKUP_FORMAT,
      cluster: hex(readIdentity(source).cluster),
      epoch: readMembership(source).epoch,
      position: watermark.position,
      time,
      hash: hex(watermark.txnHash),
      execHash: hex(watermark.execHash),
      executeAt: watermark.executeAt,
      stateDigest: this.#state.digest('hex'),
      bytes: this.#files.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n),
      createdAt: new Date(Number(this.#parts.clock.now().wall / 1_000_000n)).toISOString(),
      requires: readFeatures(source).requires,
      facts: Object.fromEntries(facts),
      files: this.#files,
    }
  }

  async #table(table: Table, name: string): Promise<void> {
    let file: { name: string; writer: RecordFileWriter } | undefined
    const end = async (): Promise<void> => {
      if (file !== undefined)
        this.#files.push({ name: file.name, table, ...(await file.writer.finish()) })
      file = undefined
    }
    try {
      for (const pair of this.#source.scan({ from: tableStart(table), until: tableEnd(table) })) {
        if (this.#parts.signal?.aborted === true)
          throw new SyneviError('CANCELLED', 'the backup was aborted', { definite: true })
        this.#count(table, pair)
        file ??= await this.#begin(name)
        await file.writer.add(pair)
        if (file.writer.bytes >= FILE_BYTES_MAX) await end()
      }
      await end()
    } catch (error) {
      await file?.writer.abandon()
      throw error
    }
  }

  async #begin(table: string): Promise<{ name: string; writer: RecordFileWriter }> {
    const name = `${table}-${this.#files.length + 1}.records`
    return { name, writer: await RecordFileWriter.create(join(this.#directory, name)) }
  }

  #count(table: Table, [key, sealed]: Pair): void {
    const value = unseal(key, sealed)
    const stored = keyInSlot(key, this.#slot)
    this.#sums.add(tableByteOf(stored), recordHash(stored, sealed))
    if (table !== TABLE.state) return
    updateStateDigest(this.#state, key, value)
  }

  /** What is missing, or is an older value, is not backed up as if it were all. */
  #compareSums(): void {
    const value = getSealed(this.#view, SUMS_KEY)
    if (value === undefined) return
    const { sums } = reading(SUMS_KEY, () => TableSums.parse(value))
    const stored = BACKUP_TABLES.map(([table]) => keyInSlot(Uint8Array.of(table), this.#slot))
    const tables = new Set(stored.map(tableByteOf))
    for (const { table, why } of sums.differences(this.#sums))
      if (tables.has(table)) throw corrupt(Uint8Array.of(table), why)
  }
}

/** One record of `Node.stateDigest`. */
export function updateStateDigest(
  digest: ReturnType<typeof createHash>,
  key: Bytes,
  value: Bytes,
): void {
  const length = new DataView(new ArrayBuffer(8))
  length.setUint32(0, key.byteLength)
  length.setUint32(4, value.byteLength)
  digest.update(length).update(key).update(value)
}

async function targetOf(to: unknown): Promise<string> {
  if (typeof to !== 'string' || to === '' || to.includes('\0'))
    throw invalid('the target must name a directory')
  const path = resolve(to)
  let names: readonly string[]
  try {
    names = await readdir(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return path
    throw invalid(`${path} is not a directory that can be read`, error)
  }
  if (names.length > 0) throw invalid(`${path} is not empty`)
  return path
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
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

function hex(bytes: Bytes | readonly number[]): string {
  return Buffer.from(bytes).toString('hex')
}

function invalid(why: string, cause?: unknown): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot back up: ${why}`, {
    definite: true,
    ...(cause === undefined ? {} : { cause }),
  })
}
