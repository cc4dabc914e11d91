/** The unapplied transactions by conflict key: who stands in whose way (`protocol.md` 1.6, 4.2). */

import type { TxnId } from '../time/timestamp.ts'
import type { ConflictKey, Keys } from './keys.ts'
import type { TxnRecord } from './txn-record.ts'

/**
 * Whether a record counts: with vote, accepted value or outcome, keys known, neither applied nor
 * invalidated.
 */
export function isConflicting(record: TxnRecord): boolean {
  if (record.keys === undefined || record.applied || record.outcome?.kind === 'invalidated')
    return false
  return record.vote !== undefined || record.accepted !== undefined || record.outcome !== undefined
}

/** Small by the bounds of `protocol.md` 8.6, so walked in full: no order is kept. */
export class ConflictIndex {
  readonly #every = new Map<TxnId, TxnRecord>()
  readonly #all = new Map<TxnId, TxnRecord>()
  readonly #byKey = new Map<ConflictKey, Map<TxnId, TxnRecord>>()

  get size(): number {
    return this.#every.size
  }

  /** Adds, replaces or removes, by what the record says now. Keys, once known, never change. */
  put(record: TxnRecord): void {
    if (isConflicting(record)) this.#set(record, record.keys)
    else this.drop(record.id)
  }

  /** Every unapplied record whose keys meet `keys`, each once, `except` left out. In no order. */
  *conflicting(keys: Keys, except: TxnId | undefined): Iterable<TxnRecord> {
    if (keys === 'all') {
      for (const record of this.#every.values()) if (record.id !== except) yield record
      return
    }
    for (const record of this.#all.values()) if (record.id !== except) yield record
    if (keys.length === 1) {
      yield* this.#withKey(keys[0], except)
      return
    }
    const seen = new Set<TxnId | undefined>([except])
    for (const key of keys) {
      for (const record of this.#withKey(key, except)) {
        if (seen.has(record.id)) continue
        seen.add(record.id)
        yield record
      }
    }
  }

  *#withKey(key: ConflictKey | undefined, except: TxnId | undefined): Iterable<TxnRecord> {
    const records = key === undefined ? undefined : this.#byKey.get(key)
    if (records === undefined) return
    for (const record of records.values()) if (record.id !== except) yield record
  }

  #set(record: TxnRecord, keys: Keys | undefined): void {
    if (keys === undefined) return
    this.#every.set(record.id, record)
    if (keys === 'all') {
      this.#all.set(record.id, record)
      return
    }
    for (const key of keys) {
      let records = this.#byKey.get(key)
      if (records === undefined) this.#byKey.set(key, (records = new Map()))
      records.set(record.id, record)
    }
  }

  /** Removes it, if it is there. */
  drop(id: TxnId): void {
    const known = this.#every.get(id)
    if (known?.keys === undefined) return
    this.#every.delete(id)
    if (known.keys === 'all') {
      this.#all.delete(id)
      return
    }
    for (const key of known.keys) {
      const records = this.#byKey.get(key)
      records?.delete(id)
      if (records?.size === 0) this.#byKey.delete(key)
    }
  }
}
