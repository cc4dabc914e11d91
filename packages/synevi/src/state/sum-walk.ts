/**
 * Reads all of a store in steps of a bounded size, checks each record, and holds what it found
 * against the sums of the tables, while writes go on: what changes behind it is counted as it
 * changes, so no view is held open however slowly it walks.
 */

import { invariant, type Bytes } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { bytesOfText, tableOf, textOfBytes } from './key-layout.ts'
import { unseal } from './sealed.ts'
import { sealKeyOf } from './slots.ts'
import { SUMS_KEY, TableSums, recordHash, tableByteOf, type RecordHash } from './table-sums.ts'

/** What a write did to one record. */
export interface RecordChange {
  /** The key as text. */
  readonly name: string
  readonly table: number
  readonly before: RecordHash | undefined
  readonly after: RecordHash | undefined
}

/** Something in a store that is not what was written. */
export interface Damage {
  /** By its name in messages, such as `log entry`. */
  readonly table: string
  /** Of the record, where it is one that can be named; else of the table as a whole. */
  readonly key?: Bytes
  /** The first byte of the table's keys, slot included; where the table as a whole differs. */
  readonly tableByte?: number
  readonly why: string
}

/** What a walk reads. */
export interface SumWalkParts {
  readonly store: Store
  /** Those of the last write that resolved. Throws `STORE_FAILED`. */
  readonly sums: () => TableSums
  readonly ended: () => void
  /** Takes over a sum that was unknown. */
  readonly adopt: (table: number, found: TableSums) => void
}

/** What one step did. */
export interface WalkStep {
  /** Of keys and values. */
  readonly bytes: number
  /** Found in this step: records whose checksum is wrong; at the end, tables that differ. */
  readonly damage: readonly Damage[]
  readonly isDone: boolean
}

const SUMS_TEXT = textOfBytes(SUMS_KEY)

/** One walk, from the first key to the last. */
export class SumWalk {
  readonly #parts: SumWalkParts
  readonly #found = new TableSums()
  /** Everything below has been read. */
  #frontier = ''
  /** Tables in which a record could not be read, or was restored meanwhile. */
  readonly #spoilt = new Set<number>()
  #isDone = false

  constructor(parts: SumWalkParts) {
    this.#parts = parts
  }

  /**
   * Reads on for about so many bytes, one record at least. Never throws for what is in the store.
   * Only while no write is resolving: from the event loop, not from the promise of a write.
   */
  step(bytesMax: number): WalkStep {
    invariant(!this.#isDone, 'a walk ends once')
    const damage: Damage[] = []
    let bytes = 0
    while (bytes < bytesMax) {
      const read = this.#read(bytesMax - bytes, damage)
      bytes += read.bytes
      if (!read.isEnd) continue
      damage.push(...this.#end())
      return { bytes, damage, isDone: true }
    }
    return { bytes, damage, isDone: false }
  }

  /** A write has resolved. */
  changed(changes: readonly RecordChange[]): void {
    for (const { name, table, before, after } of changes) {
      if (name >= this.#frontier) continue
      if (before !== undefined) this.#found.remove(table, before)
      if (after !== undefined) this.#found.add(table, after)
    }
  }

  /** Records of these tables were restored: this walk says nothing about them. */
  spoil(tables: readonly number[]): void {
    for (const table of tables) this.#spoilt.add(table)
  }

  /** Harmless when repeated. */
  close(): void {
    this.#isDone = true
    this.#parts.ended()
  }

  #read(bytesMax: number, damage: Damage[]): { readonly bytes: number; readonly isEnd: boolean } {
    let bytes = 0
    try {
      for (const [key, sealed] of this.#parts.store.scan({ from: this.#from() })) {
        bytes += key.length + sealed.length
        this.#record(key, sealed, damage)
        if (bytes >= bytesMax) return { bytes, isEnd: false }
      }
      return { bytes, isEnd: true }
    } catch (error) {
      const key = damagedKeyOf(error)
      if (key === undefined || textOfBytes(key) < this.#frontier) throw error
      this.#damaged(key, String(messageOf(error)), damage)
      return { bytes: bytes + key.length, isEnd: false }
    }
  }

  #record(key: Bytes, sealed: Bytes, damage: Damage[]): void {
    const name = textOfBytes(key)
    try {
      unseal(sealKeyOf(key), sealed)
    } catch (error) {
      this.#damaged(key, messageOf(error), damage)
      return
    }
    this.#frontier = `${name}\u0000`
    if (name !== SUMS_TEXT) this.#found.add(tableByteOf(key), recordHash(key, sealed))
  }

  #damaged(key: Bytes, why: string, damage: Damage[]): void {
    damage.push({ table: tableOf(key), key: key.slice(), why })
    this.#spoilt.add(tableByteOf(key))
    this.#frontier = `${textOfBytes(key)}\u0000`
  }

  #end(): readonly Damage[] {
    this.close()
    try {
      const sums = this.#parts.sums()
      for (const table of sums.unknown())
        if (!this.#spoilt.has(table)) this.#parts.adopt(table, this.#found)
      return sums
        .differences(this.#found)
        .filter(({ table }) => !this.#spoilt.has(table))
        .map(({ table, why }) => ({
          table: tableOf(Uint8Array.of(table)),
          tableByte: table,
          why,
        }))
    } catch (error) {
      if (!isSyneviError(error, 'STORE_FAILED')) throw error
      return [{ table: 'fact', key: SUMS_KEY, why: error.message }]
    }
  }

  #from(): Bytes {
    return this.#frontier === '' ? Uint8Array.of(0) : bytesOfText(this.#frontier)
  }
}

/** The key that a failed read names; undefined when the failure is another. */
export function damagedKeyOf(error: unknown): Bytes | undefined {
  if (!isSyneviError(error, 'STORE_FAILED')) return undefined
  const { key } = error.details
  return typeof key === 'string' ? new Uint8Array(Buffer.from(key, 'hex')) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof SyneviError || error instanceof Error ? error.message : String(error)
}
