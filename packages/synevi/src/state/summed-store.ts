/**
 * A store that keeps the sums of its tables (ADR 0032) in every write: whatever is written through
 * it is counted, whoever writes it.
 */

import { invariant, type Bytes, type Mutation } from '@synevi/accord'
import type { Range, Store, StoreView } from '../contract/store.ts'
import {
  FACT,
  TABLE,
  factKey,
  tableEnd,
  tableStart,
  textOfBytes,
  type Table,
} from './key-layout.ts'
import { corrupt, getSealed, reading, unseal } from './sealed.ts'
import { FieldReader } from './fields.ts'
import { sealKeyOf } from './slots.ts'
import { SumWalk, damagedKeyOf, type RecordChange } from './sum-walk.ts'
import { SUMS_KEY, TableSums, recordHash, tableByteOf, type RecordHash } from './table-sums.ts'

/**
 * Tables of few records that change often: the hashes of all of them are held, so that they are not
 * read before they are replaced, and they are checked when the store is opened.
 */
const HELD: readonly Table[] = [TABLE.fact, TABLE.peer, TABLE.mark, TABLE.live, TABLE.txn]

/** Of recent records; they are dropped all at once. */
const RECENT_MAX = 16_384

const SEQ_KEY = textOfBytes(factKey(FACT.durableSeq))
const SUMS_TEXT = textOfBytes(SUMS_KEY)

/** How the sums of a store were found when it was opened. */
export type SumsFound =
  | 'kept'
  /** It was empty. */
  | 'fresh'
  /** It was last written by a version that keeps none: they were computed from what is there. */
  | 'computed'

/** Reads go to the store below; one write at a time, as everywhere. */
export class SummedStore implements Store {
  readonly #inner: Store
  /** With the write under way. */
  #sums = new TableSums()
  #durableSeq = 0n
  readonly #held = new Map<string, RecordHash>()
  /** For each table that is not held, a key above which it has none. */
  readonly #greatest = new Map<number, string>()
  /** Requests and state read or written of late: what is about to be replaced was read before. */
  readonly #recent = new Map<string, RecordHash | undefined>()
  readonly #walks = new Set<SumWalk>()
  /** What the write under way leaves, of tables that are not held. */
  readonly #touched = new Map<string, RecordHash | undefined>()
  /** What the write under way does. */
  #writing: readonly RecordChange[] = []
  #written: Promise<unknown> | undefined
  #restoring: Promise<void> | undefined
  readonly found: SumsFound
  readonly view?: () => StoreView
  readonly sizeBytes?: () => number

  private constructor(inner: Store, found: SumsFound) {
    this.#inner = inner
    this.found = found
    const view = inner.view?.bind(inner)
    const sizeBytes = inner.sizeBytes?.bind(inner)
    if (view !== undefined) this.view = view
    if (sizeBytes !== undefined) this.sizeBytes = sizeBytes
  }

  /**
   * Checks the tables that are held against their sums. Rejects with `STORE_FAILED` when they are
   * not what was written. A store without sums, or written to by a version that keeps none, is read
   * as a whole: about a second for each million of small records.
   */
  static async open(inner: Store): Promise<SummedStore> {
    if (inner instanceof SummedStore) return inner
    const value = getSealed(inner, SUMS_KEY)
    const durableSeq = seqIn(inner)
    const kept = value === undefined ? undefined : reading(SUMS_KEY, () => TableSums.parse(value))
    if (kept !== undefined && kept.durableSeq > durableSeq)
      throw corrupt(factKey(FACT.durableSeq), 'it is older than the sums of the tables')
    const isKept = kept?.durableSeq === durableSeq
    // Versions without sums read format 1 alone.
    const [high = 0, low = 0] = getSealed(inner, factKey(FACT.format)) ?? []
    if (!isKept && high * 256 + low > 1) throw corrupt(SUMS_KEY, 'it is missing, or too old')
    let isEmpty = false
    if (value === undefined) {
      isEmpty = true
      for (const _ of inner.scan({ limit: 1 })) isEmpty = false
    }
    const store = new SummedStore(inner, isKept ? 'kept' : isEmpty ? 'fresh' : 'computed')
    store.#durableSeq = durableSeq
    if (isKept) store.#sums = kept.sums
    else if (!isEmpty) store.#compute()
    store.#hold(isKept)
    if (store.found === 'computed') await inner.write([store.#sums.mutation(durableSeq)])
    return store
  }

  get(key: Bytes): Bytes | undefined {
    const value = this.#inner.get(key)
    if (!isCached(tableByteOf(key))) return value
    const name = textOfBytes(key)
    // What is being written is not what is read yet.
    if (!this.#touched.has(name))
      this.#remember(name, value === undefined ? undefined : recordHash(key, value))
    return value
  }

  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return this.#inner.scan(range)
  }

  async write(batch: readonly Mutation[]): Promise<void> {
    while (this.#restoring !== undefined) await this.#restoring
    if (batch.length === 0) return this.#inner.write(batch)
    const changes = this.#count(batch)
    await this.#commit(batch, changes)
    for (const walk of this.#walks) walk.changed(changes)
  }

  /**
   * Writes records that were damaged, as they were or otherwise valid, between two writes. The sums
   * of their tables are unknown afterwards, until a walk has read all of them. Rejects as `write`.
   */
  async restore(batch: readonly Mutation[]): Promise<void> {
    while (this.#restoring !== undefined) await this.#restoring
    this.#restoring = this.#restore(batch)
    try {
      await this.#restoring
    } finally {
      this.#restoring = undefined
    }
  }

  /** What is in these tables is not worth a look any more: their sums are found anew. */
  forget(tables: readonly number[]): void {
    for (const table of tables) this.#sums.forget(table)
  }

  /**
   * Reads everything, in steps, and holds it against the sums, while writes go on. Close it when it
   * is not walked to its end.
   */
  walk(): SumWalk {
    const walk: SumWalk = new SumWalk({
      store: this.#inner,
      sums: () => this.#stored(),
      ended: () => this.#walks.delete(walk),
      adopt: (table, found) => this.#adopt(table, found),
    })
    this.#walks.add(walk)
    return walk
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  hasRoom(): boolean {
    return this.#inner.hasRoom?.() ?? true
  }

  async #restore(batch: readonly Mutation[]): Promise<void> {
    // After a failed write nothing may be written again: this fails alike.
    await this.#written
    const tables = batch.map(({ key }) => tableByteOf(key))
    for (const { key, value } of batch) {
      const name = textOfBytes(key)
      const table = tableByteOf(key)
      this.#sums.forget(table)
      this.#recent.delete(name)
      if (!isHeld(table)) this.#raise(table, name)
      else if (value === undefined) this.#held.delete(name)
      else this.#held.set(name, recordHash(key, value))
    }
    await this.#commit(batch, [])
    for (const walk of this.#walks) walk.spoil(tables)
  }

  async #commit(batch: readonly Mutation[], changes: readonly RecordChange[]): Promise<void> {
    this.#writing = changes
    const written = this.#inner.write([...batch, this.#sums.mutation(this.#durableSeq)])
    this.#written = written
    await written
    this.#writing = []
    this.#touched.clear()
    this.#written = undefined
  }

  /** A walk finds what is there; what is being written comes on top. */
  #adopt(table: number, found: TableSums): void {
    this.#sums.adopt(table, found)
    for (const change of this.#writing) {
      if (change.table !== table) continue
      if (change.before !== undefined) this.#sums.remove(table, change.before)
      if (change.after !== undefined) this.#sums.add(table, change.after)
    }
  }

  #count(batch: readonly Mutation[]): readonly RecordChange[] {
    const changes: RecordChange[] = []
    const touched = this.#touched
    for (const { key, value } of batch) {
      const name = textOfBytes(key)
      invariant(name !== SUMS_TEXT, 'the sums are written by nobody else')
      const table = tableByteOf(key)
      const before = isHeld(table) ? this.#held.get(name) : this.#before(table, key, name)
      const after = value === undefined ? undefined : recordHash(key, value)
      if (before !== undefined) this.#sums.remove(table, before)
      if (after !== undefined) this.#sums.add(table, after)
      if (!isHeld(table)) {
        touched.set(name, after)
        if (isCached(table)) this.#remember(name, after)
      } else if (after === undefined) this.#held.delete(name)
      else this.#held.set(name, after)
      if (name === SEQ_KEY && value !== undefined) this.#durableSeq = seqOf(key, value)
      changes.push({ name, table, before, after })
    }
    return changes
  }

  /** The record that a mutation replaces. Keys of a log only rise, and need no look. */
  #before(table: number, key: Bytes, name: string): RecordHash | undefined {
    if (this.#touched.has(name)) return this.#touched.get(name)
    if (this.#recent.has(name)) return this.#recent.get(name)
    if (this.#raise(table, name)) return undefined
    try {
      const stored = this.#inner.get(key)
      return stored === undefined ? undefined : recordHash(key, stored)
    } catch (error) {
      // What is replaced or deleted need not be readable; what it was is not known.
      if (damagedKeyOf(error) === undefined) throw error
      this.#sums.forget(table)
      return undefined
    }
  }

  #remember(name: string, hash: RecordHash | undefined): void {
    if (this.#recent.size >= RECENT_MAX) this.#recent.clear()
    this.#recent.set(name, hash)
  }

  /** Whether the key is above all of its table, which it is not from now on. */
  #raise(table: number, name: string): boolean {
    const greatest = this.#greatest.get(table) ?? this.#greatestIn(table)
    if (name <= greatest) return false
    this.#greatest.set(table, name)
    return true
  }

  #greatestIn(table: number): string {
    let greatest = ''
    const range = { from: Uint8Array.of(table), until: Uint8Array.of(table + 1) }
    for (const [key] of this.#inner.scan({ ...range, reverse: true, limit: 1 }))
      greatest = textOfBytes(key)
    this.#greatest.set(table, greatest)
    return greatest
  }

  /** As of the last write that resolved. */
  #stored(): TableSums {
    const value = getSealed(this.#inner, SUMS_KEY)
    if (value === undefined) throw corrupt(SUMS_KEY, 'it is missing')
    return reading(SUMS_KEY, () => TableSums.parse(value)).sums
  }

  /** From everything that is there. */
  #compute(): void {
    for (const [key, sealed] of this.#inner.scan({})) {
      unseal(sealKeyOf(key), sealed)
      if (textOfBytes(key) !== SUMS_TEXT) this.#sums.add(tableByteOf(key), recordHash(key, sealed))
    }
  }

  #hold(isChecked: boolean): void {
    const found = new TableSums()
    for (const table of HELD) {
      for (const [key, sealed] of this.#inner.scan({
        from: tableStart(table),
        until: tableEnd(table),
      })) {
        const name = textOfBytes(key)
        if (name === SUMS_TEXT) continue
        unseal(key, sealed)
        const hash = recordHash(key, sealed)
        found.add(table, hash)
        this.#held.set(name, hash)
      }
    }
    if (!isChecked) return
    for (const { table, why } of this.#sums.differences(found))
      if (isHeld(table)) throw corrupt(Uint8Array.of(table), why)
  }
}

function isHeld(table: number): boolean {
  return table === TABLE.txn || table === TABLE.live || table <= TABLE.mark
}

/** Tables whose records are read before they are replaced. */
function isCached(table: number): boolean {
  // Also of slot B (`slots.ts`).
  const first = table & 0x7f
  return first === TABLE.state || first === TABLE.request
}

function seqIn(store: Store): bigint {
  const key = factKey(FACT.durableSeq)
  const sealed = store.get(key)
  return sealed === undefined ? 0n : seqOf(key, sealed)
}

function seqOf(key: Bytes, sealed: Bytes): bigint {
  return reading(key, () => new FieldReader(unseal(key, sealed)).uint64())
}
