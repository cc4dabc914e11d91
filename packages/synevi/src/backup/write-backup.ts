/**
 * A backup while the node works: everything up to one position, from a view of the store, into a
 * place where it is whole or not at all.
 */

import { createHash } from 'node:crypto'
import type { Bytes } from '@synevi/accord'
import type { BackupDraft } from '../contract/backup-place.ts'
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
import { SyneviError, definitely, isSyneviError } from '../synevi-error.ts'
import { placeOf } from './backup-directory.ts'
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
  /** As `Node.backup` takes it. */
  readonly to: unknown
  readonly signal: AbortSignal | undefined
}

/**
 * Resolves when the backup is durable under its name. Rejects with `INVALID_ARGUMENT` (the target,
 * or a store without views), `STORE_FAILED` (the store is damaged, or the place refuses),
 * `CANCELLED`; then nothing is left behind, as long as the process lives.
 */
export async function writeBackup(parts: BackupParts): Promise<BackupManifest> {
  const to = placeOf(parts.to)
  try {
    const draft = await to.begin()
    try {
      return await writeDraft(parts, draft)
    } catch (error) {
      await draft.discard()
      throw error
    }
  } catch (error) {
    // Whatever was read or written, nothing was begun that could still happen.
    if (isSyneviError(error)) throw definitely(error)
    const why = `cannot write the backup to ${to.name}: ${String(error)}`
    throw new SyneviError('STORE_FAILED', why, {
      definite: true,
      details: { place: to.name },
      cause: error,
    })
  }
}

async function writeDraft(parts: BackupParts, draft: BackupDraft): Promise<BackupManifest> {
  const view = parts.store.view?.()
  if (view === undefined) throw invalid('this store has no views; it cannot be backed up online')
  try {
    const manifest = await new BackupWriter(parts, view, draft).write()
    const sink = await draft.create(MANIFEST_FILE)
    await sink.write(Buffer.from(formatManifest(manifest)))
    await sink.close()
    await draft.publish()
    return manifest
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
  readonly #draft: BackupDraft
  readonly #files: BackupFile[] = []
  readonly #sums = new TableSums()
  readonly #state = createHash('sha3-256')

  constructor(parts: BackupParts, view: StoreView, draft: BackupDraft) {
    this.#parts = parts
    this.#view = view
    this.#slot = readSlots(view).current
    this.#source = sourceOfSlot(view, this.#slot)
    this.#draft = draft
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
    for (const pair of this.#source.scan({ from: tableStart(table), until: tableEnd(table) })) {
      if (this.#parts.signal?.aborted === true)
        throw new SyneviError('CANCELLED', 'the backup was aborted', { definite: true })
      this.#count(table, pair)
      file ??= await this.#begin(name)
      await file.writer.add(pair)
      if (file.writer.bytes >= FILE_BYTES_MAX) await end()
    }
    await end()
  }

  async #begin(table: string): Promise<{ name: string; writer: RecordFileWriter }> {
    const name = `${table}-${this.#files.length + 1}.records`
    return { name, writer: new RecordFileWriter(await this.#draft.create(name)) }
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

function hex(bytes: Bytes | readonly number[]): string {
  return Buffer.from(bytes).toString('hex')
}

function invalid(why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot back up: ${why}`, { definite: true })
}
