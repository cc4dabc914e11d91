/**
 * One consistent cut of a store, in parts (`protocol.md` 8.4). The store is pinned while the cut is
 * open and the node works on; a part is read from it when it is asked for, so that a cut takes no
 * memory but a place for each part. Parts are the same bytes whoever asks for them, how often
 * ever.
 */

import { createHash } from 'node:crypto'
import type { Bytes, Watermark } from '@synevi/accord'
import type { Range, Store, StoreView } from '../contract/store.ts'
import { TABLE, tableEnd, tableStart } from '../state/key-layout.ts'
import {
  behind,
  latestLogEntries,
  logKey,
  placeKey,
  readLogEntry,
  readPlace,
} from '../state/log-table.ts'
import { readApplied, readBase, readFloors } from '../state/node-facts.ts'
import type { Source } from '../state/sealed.ts'
import { readSlots, sourceOfSlot } from '../state/slots.ts'
import { encodeManifest, firstDigest, snapshotFacts, type Manifest } from './manifest.ts'
import { pairBytes, writePair, type Pair } from './pairs.ts'

/** A part, but for the name of its cut. */
export interface CutPart {
  readonly ends: 'pair' | 'more' | 'last'
  readonly digest: Bytes
  readonly bytes: Bytes
}

/** What a cut is made of. */
export interface CutParts {
  /** The whole store, which must have views. */
  readonly view: StoreView
  readonly id: Bytes
  readonly cluster: Bytes
  readonly sizeHint: bigint
  /** About as many bytes in a part. */
  readonly partBytes: number
  /** So many of the last transactions are in it; what is before them is told by their effects. */
  readonly logTail: number
}

/** Where a part begins. */
interface Start {
  /** The place of its first pair: the range, and behind which key. */
  readonly range: number
  readonly after: Bytes | undefined
  /** So many bytes of that pair were in the parts before. */
  readonly skip: number
  /** Of the part before. */
  readonly digest: Bytes
}

/** Open until it is closed; a node keeps few of them, and not for long. */
export class Cut {
  readonly id: Bytes
  readonly manifest: Manifest
  readonly #view: StoreView
  readonly #source: Source
  readonly #ranges: readonly Range[]
  readonly #partBytes: number
  readonly #first: CutPart
  /** Of part 1 and those behind it, as far as they were read. */
  readonly #starts: Start[]
  /** Parts, once the end was reached. */
  #count: number | undefined

  /** Throws `STORE_FAILED`; the view is closed then. */
  constructor(parts: CutParts) {
    this.id = parts.id
    this.#view = parts.view
    this.#partBytes = parts.partBytes
    try {
      const source = sourceOfSlot(parts.view, readSlots(parts.view).current)
      const base = historyStart(source, parts.logTail)
      this.#source = source
      this.#ranges = rangesOf(base)
      const head = readApplied(source)
      this.manifest = {
        cluster: parts.cluster,
        head,
        lastEntry: lastEntryIn(source, head.watermark.position),
        base,
        closedBefore: readFloors(source).closedBefore,
        sizeHint: parts.sizeHint,
        facts: snapshotFacts(source),
      }
    } catch (error) {
      parts.view.close()
      throw error
    }
    const bytes = encodeManifest(this.manifest)
    const digest = firstDigest(bytes)
    this.#first = { ends: 'pair', digest, bytes }
    this.#starts = [{ range: 0, after: undefined, skip: 0, digest }]
  }

  /** Bytes given so far would be wrong after this: nothing is read any more. */
  close(): void {
    this.#view.close()
  }

  /**
   * Undefined for a part that does not exist, or whose predecessor was not asked for yet. Throws
   * `STORE_FAILED`.
   */
  part(index: number): CutPart | undefined {
    if (index === 0) return this.#first
    const start = this.#starts[index - 1]
    if (start === undefined || (this.#count !== undefined && index >= this.#count)) return undefined
    const read = this.#read(start)
    const digest = createHash('sha256').update(start.digest).update(read.bytes).digest()
    if (read.next === undefined) this.#count = index + 1
    else this.#starts[index] ??= { ...read.next, digest }
    return { ends: read.ends, digest, bytes: read.bytes }
  }

  #read(start: Start): {
    readonly bytes: Bytes
    readonly ends: CutPart['ends']
    readonly next: Omit<Start, 'digest'> | undefined
  } {
    const pairs: Pair[] = []
    let size = 0
    let { range, after } = start
    for (; range < this.#ranges.length; range++, after = undefined) {
      const whole = this.#ranges[range] ?? {}
      for (const pair of this.#source.scan(
        after === undefined ? whole : { ...whole, from: behind(after) },
      )) {
        const length = pairBytes(pair)
        if (pairs.length === 0 && length > this.#partBytes)
          return this.#piece({ range, after, skip: start.skip }, pair)
        if (size + length > this.#partBytes)
          return { bytes: joined(pairs, size), ends: 'pair', next: { range, after, skip: 0 } }
        pairs.push(pair)
        size += length
        after = pair[0]
      }
    }
    return { bytes: joined(pairs, size), ends: 'last', next: undefined }
  }

  /** A part of a pair that is too large for one. */
  #piece(
    from: Omit<Start, 'digest'>,
    pair: Pair,
  ): {
    readonly bytes: Bytes
    readonly ends: CutPart['ends']
    readonly next: Omit<Start, 'digest'>
  } {
    const whole = joined([pair], pairBytes(pair))
    const end = from.skip + this.#partBytes
    const bytes = whole.subarray(from.skip, end)
    if (end < whole.length) return { bytes, ends: 'more', next: { ...from, skip: end } }
    return { bytes, ends: 'pair', next: { range: from.range, after: pair[0], skip: 0 } }
  }
}

/** A cut of the store as it is; undefined when the store has no views. Throws `STORE_FAILED`. */
export function openCut(store: Store, parts: Omit<CutParts, 'view' | 'sizeHint'>): Cut | undefined {
  const view = store.view?.()
  if (view === undefined) return undefined
  return new Cut({ ...parts, view, sizeHint: BigInt(store.sizeBytes?.() ?? 0) })
}

/** The chain right behind the entry at a position. */
function lastEntryIn(source: Source, position: bigint): Watermark | undefined {
  const place = readPlace(source, position)
  return place === undefined ? undefined : readLogEntry(source, place.executeAt)?.watermark
}

/** How far was applied before the history in the snapshot; undefined: it is whole. */
function historyStart(source: Source, tail: number): Watermark | undefined {
  const latest = latestLogEntries(source, tail + 1)
  const before = latest[tail]
  return before === undefined ? readBase(source) : before.watermark
}

function rangesOf(base: Watermark | undefined): readonly Range[] {
  const from = {
    log: base === undefined ? tableStart(TABLE.log) : behind(logKey(base.executeAt)),
    place: base === undefined ? tableStart(TABLE.place) : placeKey(base.position + 1n),
  }
  const all = [TABLE.request, TABLE.requestPage, TABLE.state]
  return [
    { from: tableStart(TABLE.mark), until: tableEnd(TABLE.mark) },
    { from: from.log, until: tableEnd(TABLE.log) },
    { from: from.place, until: tableEnd(TABLE.place) },
    ...all.map((table) => ({ from: tableStart(table), until: tableEnd(table) })),
  ]
}

function joined(pairs: readonly Pair[], size: number): Bytes {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const pair of pairs) at = writePair(bytes, at, pair)
  return bytes
}
