/**
 * Walks the log and computes both chains again: finds whatever was changed, is missing, was added
 * or stands in another order, in what the log says and in what has to agree with it.
 */

import { TIMESTAMP_ZERO, type Bytes, type LogEntry, type Timestamp } from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { durableSource } from '../state/state-source.ts'
import {
  logAfter,
  placeBelow,
  placesFrom,
  readLogEntry,
  type TxnPlace,
} from '../state/log-table.ts'
import { readApplied, readBase, readFloors, type AppliedHead } from '../state/node-facts.ts'
import { readRecord } from '../state/record-table.ts'
import { recall } from '../state/request-memory.ts'
import type { Damage } from '../state/sum-walk.ts'
import { isSyneviError } from '../synevi-error.ts'
import {
  chainedEntries,
  chainedWithoutEntry,
  sameBytes,
  type AppliedEntry,
} from './chained-entries.ts'
import { ChainHasher, chainStart, type ChainHeads } from './hash-chain.ts'

/** What a walk found. */
export interface VerifyReport {
  readonly ok: boolean
  /** The first position looked at, and the last that is good (`from - 1`: none). */
  readonly from: LogPosition
  readonly to: LogPosition
  /** `txnHash` at `to`, hexadecimal. */
  readonly head: string
  readonly firstBad?: { readonly position: LogPosition; readonly why: string }
  /** Records and tables that are not what was written, at most 64; absent when there are none. */
  readonly damage?: readonly Damage[]
}

/** What a walk looks at. */
export interface VerifyParts {
  readonly store: Store
  readonly dedupMax: number
  /**
   * Default: where the log begins. What is before it is trusted; the walk begins at the transaction
   * that holds it.
   */
  readonly from?: LogPosition
}

const PAGE_TXNS = 64

/**
 * A walk in short turns: it yields the position reached after each page, so that the caller may
 * pause or stop; executions may go on in between. Never throws for what is in the store: that is
 * what it reports.
 */
export function* verifySteps(parts: VerifyParts): Generator<LogPosition, VerifyReport> {
  const first = firstPositionIn(parts.store)
  const from = parts.from === undefined || parts.from < first ? first : parts.from
  const walk = new Walk(parts, from)
  for (;;) {
    const step = walk.page()
    if (step.kind === 'ended') return walk.report(from, step.why)
    yield walk.position
  }
}

/** A damaged answer is found again, and reported, by the walk. */
function firstPositionIn(store: Store): LogPosition {
  try {
    return (readBase(store)?.position ?? 0n) + 1n
  } catch (error) {
    if (isSyneviError(error)) return 1n
    throw error
  }
}

type Step =
  | { readonly kind: 'more' }
  /** Without a reason: all of it is good. */
  | { readonly kind: 'ended'; readonly why: string | undefined }

/** Thrown and caught inside of this file. */
class Bad extends Error {
  override readonly name = 'Bad'
}

class Walk {
  readonly #parts: VerifyParts
  readonly #hasher = new ChainHasher()
  readonly #from: LogPosition
  #heads: ChainHeads = chainStart()
  #position: LogPosition = 0n
  #since: Timestamp | undefined
  #started = false
  #closedBefore: Timestamp = TIMESTAMP_ZERO

  constructor(parts: VerifyParts, from: LogPosition) {
    this.#parts = parts
    this.#from = from
  }

  get position(): LogPosition {
    return this.#position
  }

  /** Looks at the next transactions. */
  page(): Step {
    try {
      if (!this.#started) this.#start()
      return this.#look()
    } catch (error) {
      if (error instanceof Bad || isSyneviError(error)) return { kind: 'ended', why: error.message }
      throw error
    }
  }

  report(from: LogPosition, why: string | undefined): VerifyReport {
    const head = Buffer.from(this.#heads.txnHash).toString('hex')
    const to = this.#position
    if (why === undefined) return { ok: true, from, to, head }
    return { ok: false, from, to, head, firstBad: { position: to + 1n, why } }
  }

  /** Takes what is before `from` on trust. */
  #start(): void {
    this.#started = true
    const { store } = this.#parts
    const base = readBase(store)
    if (base !== undefined) {
      this.#heads = base
      this.#position = base.position
      this.#since = base.executeAt
      if (this.#from <= base.position + 1n) return
    }
    if (this.#from === 1n) return
    const [at] = placesFrom(store, this.#from, 1)
    const before = placeBelow(store, at?.firstPosition ?? this.#from)
    if (before === undefined) return
    const entry = readLogEntry(store, before.executeAt)
    if (entry === undefined) throw new Bad('the log entry before it is missing')
    this.#heads = entry.watermark
    this.#position = entry.watermark.position
    this.#since = entry.executeAt
  }

  #look(): Step {
    const { store } = this.#parts
    const head = readApplied(store)
    this.#closedBefore = readFloors(store).closedBefore
    const places = placesFrom(store, this.#position + 1n, PAGE_TXNS + 1)[Symbol.iterator]()
    let count = 0
    for (const { entry } of logAfter(store, this.#since)) {
      if (count === PAGE_TXNS) return { kind: 'more' }
      count++
      this.#txn(entry, places, head)
    }
    if (places.next().done !== true) throw new Bad('there is a place without a log entry')
    this.#end(head)
    return { kind: 'ended', why: undefined }
  }

  #txn(entry: LogEntry, places: Iterator<TxnPlace>, head: AppliedHead): void {
    if (this.#since !== undefined && entry.executeAt <= this.#since)
      throw new Bad('executeAt does not rise')
    const record = readRecord(this.#parts.store, entry.id)
    const { outcome } = record ?? {}
    const isErased = record === undefined && entry.id < this.#closedBefore
    if (!isErased && (outcome?.kind !== 'decided' || outcome.executeAt !== entry.executeAt)) {
      throw new Bad('the log entry has no record that decided it')
    }
    if (entry.watermark.position === this.#position) {
      this.#heads = chainedWithoutEntry(this.#hasher, this.#heads, entry)
      if (entry.watermark.txnHash.length > 0) expectHeads(this.#heads, entry.watermark)
    } else {
      this.#entries(entry, places, head)
    }
    this.#since = entry.executeAt
  }

  #entries(entry: LogEntry, places: Iterator<TxnPlace>, head: AppliedHead): void {
    const next = places.next()
    if (next.done === true) throw new Bad('the log entry has no place')
    const place = next.value
    if (place.firstPosition !== this.#position + 1n)
      throw new Bad('a position is missing or was added')
    const chained = chainedEntries(this.#hasher, this.#heads, { entry, place })
    if (!chained.ok) throw new Bad(chained.why)
    for (const one of chained.entries) this.#remembered(one, head)
    this.#heads = chained.heads
    this.#position = entry.watermark.position
  }

  /** The request memory agrees, as far as it reaches back. */
  #remembered(entry: AppliedEntry, head: AppliedHead): void {
    if (entry.position + BigInt(this.#parts.dedupMax) <= head.watermark.position) return
    const first = recall(durableSource(this.#parts.store), entry.id)
    const { kind, ok } = entry.outcome
    if (first?.position !== entry.position || first.kind !== kind || first.ok !== ok) {
      throw new Bad('the request memory does not know it as the log does')
    }
    if (first.value === undefined) return
    const { note } = this.#hasher.note({ kind, ok, value: first.value })
    if (!sameBytes(note, entry.outcome.note))
      throw new Bad('the request memory has another outcome')
  }

  /** The log ends where the node says it has applied. */
  #end(head: AppliedHead): void {
    const { position, executeAt } = head.watermark
    if (position !== this.#position) throw new Bad(`the log ends here, ${position} was applied`)
    if (this.#since !== undefined && executeAt !== this.#since)
      throw new Bad('the last transaction is missing')
    if (head.watermark.txnHash.length > 0) expectHeads(this.#heads, head.watermark)
  }
}

function expectHeads(expected: ChainHeads, found: { txnHash: Bytes; execHash: Bytes }): void {
  const { txnHash, execHash } = expected
  if (!sameBytes(found.txnHash, txnHash) || !sameBytes(found.execHash, execHash)) {
    throw new Bad('the chain heads are others')
  }
}
