/** What a backup says of itself: `manifest.json`, written last. */

import { hash } from 'node:crypto'
import { SyneviError } from '../synevi-error.ts'
import type { LogPosition } from '../contract/executor.ts'

/** The version of the layout of a backup that this code writes, and the only one it reads. */
export const BACKUP_FORMAT = 1

/** The name of the manifest in the directory of a backup. */
export const MANIFEST_FILE = 'manifest.json'

/** One file of records. */
export interface BackupFile {
  readonly name: string
  /** By its first byte in the store. */
  readonly table: number
  readonly records: number
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** What a backup is of. Hashes and ids are hexadecimal. */
export interface BackupManifest {
  readonly format: number
  /** Of the node it was taken from: a restored one is another. */
  readonly cluster: string
  readonly epoch: number
  /** All entries up to it are in the backup, and what came of them; nothing else is. */
  readonly position: LogPosition
  /** Agreed time of the last entry, nanoseconds since 1970. */
  readonly time: bigint
  /** `txnHash` and `execHash` of the chain at `position`. */
  readonly hash: string
  readonly execHash: string
  /** The last applied transaction's place in the order, 128 bits. */
  readonly executeAt: bigint
  /** As `Node.stateDigest` gives it. */
  readonly stateDigest: string
  /** Of all files but the manifest. */
  readonly bytes: bigint
  /** By the clock of the node, ISO 8601. */
  readonly createdAt: string
  /** Bits of features that who reads it must know. */
  readonly requires: number
  /** Facts that the restored store begins with, by number; values hexadecimal. */
  readonly facts: Readonly<Record<string, string>>
  readonly files: readonly BackupFile[]
}

/** The text of `manifest.json`. Numbers above 2^53 are decimal strings. */
export function formatManifest(manifest: BackupManifest): string {
  const { position, time, executeAt, bytes } = manifest
  const plain = {
    ...manifest,
    position: `${position}`,
    time: `${time}`,
    executeAt: `${executeAt}`,
    bytes: `${bytes}`,
  }
  const text = JSON.stringify(plain)
  return `${JSON.stringify({ ...plain, check: checkOf(text) }, undefined, 2)}\n`
}

/**
 * Reads what {@link formatManifest} wrote. Throws `INCOMPATIBLE_VERSION` for a later format,
 * `STORE_FAILED` for anything else that it did not write; both definite.
 */
export function parseManifest(text: string): BackupManifest {
  const fields = parseObject(text)
  const { check, ...plain } = fields
  const format = fields['format']
  if (typeof format === 'number' && format > BACKUP_FORMAT) {
    throw new SyneviError(
      'INCOMPATIBLE_VERSION',
      `cannot read the backup: written in format ${format}, this version reads ${BACKUP_FORMAT}; ` +
        'upgrade first',
      { definite: true, details: { format } },
    )
  }
  if (check !== checkOf(JSON.stringify(plain))) throw damagedBackup('the manifest was altered')
  const manifest = {
    format: numberIn(plain, 'format'),
    cluster: textIn(plain, 'cluster'),
    epoch: numberIn(plain, 'epoch'),
    position: bigintIn(plain, 'position'),
    time: bigintIn(plain, 'time'),
    hash: textIn(plain, 'hash'),
    execHash: textIn(plain, 'execHash'),
    executeAt: bigintIn(plain, 'executeAt'),
    stateDigest: textIn(plain, 'stateDigest'),
    bytes: bigintIn(plain, 'bytes'),
    createdAt: textIn(plain, 'createdAt'),
    requires: numberIn(plain, 'requires'),
    facts: factsIn(plain['facts']),
    files: filesIn(plain['files']),
  }
  // Nothing is read with a shrug: not even a blank in another place.
  if (formatManifest(manifest) !== text) throw damagedBackup('the manifest was altered')
  return manifest
}

/** A backup that is not what was written. Definite: nothing was restored. */
export function damagedBackup(why: string, cause?: unknown): SyneviError {
  return new SyneviError('STORE_FAILED', `cannot use the backup: ${why}`, {
    definite: true,
    details: { reason: 'backup' },
    ...(cause === undefined ? {} : { cause }),
  })
}

type Fields = Readonly<Record<string, unknown>>

function checkOf(text: string): string {
  return hash('sha256', text, 'hex')
}

function parseObject(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damagedBackup('the manifest is not JSON', error)
  }
  return objectOf(value)
}

function objectOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw damagedBackup('the manifest has a field of another kind')
  return { ...value }
}

function numberIn(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw damagedBackup(`the manifest has no ${name}`)
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value === 'string') return value
  throw damagedBackup(`the manifest has no ${name}`)
}

function bigintIn(fields: Fields, name: string): bigint {
  const text = textIn(fields, name)
  if (/^\d{1,40}$/.test(text)) return BigInt(text)
  throw damagedBackup(`the manifest has no ${name}`)
}

function factsIn(value: unknown): Readonly<Record<string, string>> {
  const fields = objectOf(value)
  return Object.fromEntries(Object.keys(fields).map((name) => [name, textIn(fields, name)]))
}

function filesIn(value: unknown): readonly BackupFile[] {
  if (!Array.isArray(value)) throw damagedBackup('the manifest lists no files')
  return value.map((one: unknown) => {
    const fields = objectOf(one)
    const name = textIn(fields, 'name')
    // It becomes part of a path.
    if (!/^[a-z0-9-]{1,64}\.records$/.test(name)) throw damagedBackup('it names another file')
    return {
      name,
      table: numberIn(fields, 'table'),
      records: numberIn(fields, 'records'),
      bytes: numberIn(fields, 'bytes'),
      sha256: textIn(fields, 'sha256'),
    }
  })
}
