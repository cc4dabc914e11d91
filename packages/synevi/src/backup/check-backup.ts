/** Whether a backup is what was written: every file, and every record in its place. */

import { createHash } from 'node:crypto'
import type { Bytes } from '@synevi/accord'
import type { BackupPlace } from '../contract/backup-place.ts'
import { TABLE, type Table } from '../state/key-layout.ts'
import { unseal } from '../state/sealed.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { placeOf } from './backup-directory.ts'
import { MANIFEST_FILE, damagedBackup, parseManifest, type BackupManifest } from './manifest.ts'
import { piecesOf, readRecordFile, type Pair } from './record-file.ts'
import { BACKUP_TABLES, updateStateDigest } from './write-backup.ts'

/**
 * Reads all of a backup, in bounded memory; the chain is computed anew by a restore. Rejects with
 * `STORE_FAILED` when it is damaged or not complete, `INCOMPATIBLE_VERSION` when it is of a later
 * version, `INVALID_ARGUMENT` for what is no place, `CANCELLED`; all definite.
 */
export async function checkBackup(
  from: string | BackupPlace,
  signal?: AbortSignal,
): Promise<BackupManifest> {
  const place = placeOf(from)
  const manifest = await readManifest(place)
  const state = createHash('sha3-256')
  for (const [table] of BACKUP_TABLES) {
    for await (const pairs of recordsOf(place, manifest, table)) {
      aborted(signal)
      if (table !== TABLE.state) continue
      for (const [key, sealed] of pairs) updateStateDigest(state, key, unseal(key, sealed))
    }
  }
  if (state.digest('hex') !== manifest.stateDigest)
    throw damagedBackup('its executor state is not that of the manifest')
  return manifest
}

async function readManifest(from: BackupPlace): Promise<BackupManifest> {
  const pieces: Bytes[] = []
  for await (const piece of piecesOf(from, MANIFEST_FILE)) pieces.push(piece)
  return parseManifest(Buffer.concat(pieces).toString('utf8'))
}

/** The records of a table in order, each checked. Throws `STORE_FAILED`. */
export async function* recordsOf(
  from: BackupPlace,
  manifest: BackupManifest,
  table: Table,
): AsyncGenerator<readonly Pair[], void, undefined> {
  let last: Bytes | undefined
  for (const file of manifest.files) {
    if (file.table !== table) continue
    for await (const pairs of readRecordFile(from, file)) {
      for (const [key, sealed] of pairs) {
        if (key[0] !== table || (last !== undefined && Buffer.compare(last, key) >= 0))
          throw damagedBackup(`file ${file.name} has a record in the wrong place`)
        last = key
        damaging(() => unseal(key, sealed))
      }
      yield pairs
    }
  }
}

/** What is wrong with a record is wrong with the backup. */
function damaging<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!isSyneviError(error)) throw error
    throw damagedBackup(error.message, error)
  }
}

/** Throws `CANCELLED` once the signal is aborted. */
export function aborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new SyneviError('CANCELLED', 'the backup was not read to its end: aborted', {
      definite: true,
    })
}
