/**
 * The live records: one owner for what this replica knows of each transaction, and for what must be
 * stored.
 */

import { invariant } from '../invariant.ts'
import type { ReadyId } from '../brand.ts'
import { compareBallots, isZero } from '../time/ballot.ts'
import type { Timestamp, TxnId } from '../time/timestamp.ts'
import { ConflictIndex } from './conflict-index.ts'
import { sameKeys } from './keys.ts'
import { emptyRecord, type RecordWrite, type TxnRecord } from './txn-record.ts'

/** Payloads of finished records kept in memory, in bytes, at most. */
const CACHED_BYTES_MAX = 16 * 1_048_576

/** Unapplied records stay; finished ones stay until stored, then as long as there is room. */
export class Ledger {
  readonly conflicts: ConflictIndex = new ConflictIndex()
  readonly #records = new Map<TxnId, TxnRecord>()
  readonly #stored: (id: TxnId) => TxnRecord | undefined
  readonly #cachedMax: number
  /** To be written with the next Ready, and whether the payload is new to the store. */
  #dirty = new Map<TxnId, boolean>()
  /** Changed in this step: their consequences are still to be drawn. */
  #touched = new Set<TxnId>()
  /**
   * Finished records in memory, oldest first, and the Ready that holds their last write, once
   * drained.
   */
  readonly #finished = new Map<TxnId, ReadyId | undefined>()
  #storedThrough = -1
  #cachedBytes = 0

  constructor(parts: {
    stored: (id: TxnId) => TxnRecord | undefined
    cachedMax: number
    live: readonly TxnRecord[]
  }) {
    this.#stored = parts.stored
    this.#cachedMax = parts.cachedMax
    for (const record of parts.live) {
      this.#records.set(record.id, record)
      this.conflicts.put(record)
    }
  }

  /** What is known, here or in the store; undefined when nothing is. */
  get(id: TxnId): TxnRecord | undefined {
    return this.#records.get(id) ?? this.#stored(id)
  }

  /** What is known, or the record of which only the id is. */
  getOrEmpty(id: TxnId): TxnRecord {
    return this.get(id) ?? emptyRecord(id)
  }

  /** Replaces the record; it is stored with the next Ready. Asserts that the step is legal. */
  put(record: TxnRecord): void {
    const before = this.get(record.id)
    if (before !== undefined) assertStep(before, record)
    const txnIsNew = before?.txn === undefined && record.txn !== undefined
    this.#records.set(record.id, record)
    this.conflicts.put(record)
    this.#dirty.set(record.id, txnIsNew || (this.#dirty.get(record.id) ?? false))
    this.#touched.add(record.id)
    if (record.applied || record.outcome?.kind === 'invalidated') {
      if (!this.#finished.delete(record.id)) this.#cachedBytes += payloadBytes(record)
      this.#finished.set(record.id, undefined)
    }
  }

  /** Whether records changed since the last call of takeTouched. */
  get isTouched(): boolean {
    return this.#touched.size > 0
  }

  /** The records changed since the last call, in the order of their first change. */
  takeTouched(): readonly TxnId[] {
    if (this.#touched.size === 0) return []
    const touched = [...this.#touched]
    this.#touched = new Set()
    return touched
  }

  /**
   * What the next Ready has to store; `applied` are ids whose record goes with their execution
   * instead.
   */
  takeWrites(ready: ReadyId, applied: ReadonlySet<TxnId>): readonly RecordWrite[] {
    if (this.#dirty.size === 0) return []
    const writes: RecordWrite[] = []
    for (const [id, txnIsNew] of this.#dirty) {
      if (this.#finished.has(id)) this.#finished.set(id, ready)
      const record = this.#records.get(id)
      if (record !== undefined && !applied.has(id))
        writes.push({ kind: 'record', record, txnIsNew })
    }
    this.#dirty = new Map()
    return writes
  }

  /** That Ready is durable: finished records beyond the room for them leave memory. */
  stored(ready: ReadyId): void {
    this.#storedThrough = ready
    for (const [id, lastWrite] of this.#finished) {
      if (this.#hasRoom() || lastWrite === undefined || lastWrite > this.#storedThrough) return
      const record = this.#records.get(id)
      if (record !== undefined) this.#cachedBytes -= payloadBytes(record)
      this.#finished.delete(id)
      this.#records.delete(id)
    }
  }

  /**
   * Forgets the records of ids below: once they are closed, durably, and their last writes with it.
   */
  dropBelow(bound: Timestamp): void {
    for (const [id, record] of this.#records) {
      if (id >= bound) continue
      invariant(!this.#dirty.has(id), 'what is closed is not written any more')
      if (this.#finished.delete(id)) this.#cachedBytes -= payloadBytes(record)
      this.#records.delete(id)
      this.conflicts.drop(id)
    }
  }

  /** How many records are in memory. */
  get size(): number {
    return this.#records.size
  }

  #hasRoom(): boolean {
    return this.#finished.size <= this.#cachedMax && this.#cachedBytes <= CACHED_BYTES_MAX
  }

  /** Records in memory, in no order. */
  records(): Iterable<TxnRecord> {
    return this.#records.values()
  }
}

function payloadBytes(record: TxnRecord): number {
  return record.txn?.kind === 'application' ? record.txn.payload.length : 0
}

/** The legal steps of a record (`protocol.md` 3.1, 3.2, 13.1.6). */
function assertStep(before: TxnRecord, after: TxnRecord): void {
  if (before.vote !== undefined) {
    invariant(before.vote.witnessedAt === after.vote?.witnessedAt, 'a vote never changes')
    invariant(before.vote.yes === after.vote.yes, 'a vote never changes')
  }
  invariant(before.txn === undefined || after.txn !== undefined, 'a payload never goes')
  if (before.keys !== undefined) {
    invariant(after.keys !== undefined && sameKeys(before.keys, after.keys), 'keys never change')
  }
  invariant(compareBallots(before.promised, after.promised) <= 0, 'a promise never falls')
  const accepted = after.accepted
  invariant(before.accepted === undefined || accepted !== undefined, 'an accepted value never goes')
  if (accepted !== undefined) {
    invariant(
      before.accepted === undefined || compareBallots(before.accepted.ballot, accepted.ballot) <= 0,
      'the ballot of the accepted value never falls',
    )
    invariant(
      isZero(accepted.ballot) || compareBallots(accepted.ballot, after.promised) <= 0,
      'nothing is accepted above the promise',
    )
  }
  invariant(!before.applied || after.applied, 'what is applied stays applied')
  const was = before.outcome
  if (was === undefined) return
  const is = after.outcome
  invariant(is !== undefined && is.kind === was.kind, 'an outcome is final')
  if (was.kind === 'decided' && is?.kind === 'decided') {
    invariant(was.executeAt === is.executeAt, 'executeAt is agreed once')
  }
}
