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
import { CutReader, type CutBytes, type CutPlace } from './cut-reader.ts'
import { encodeManifest, firstDigest, snapshotFacts, type Manifest } from './manifest.ts'

/** A part, but for the name of its cut. */
export interface CutPart extends CutBytes {
  readonly digest: Bytes
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
  readonly place: CutPlace
  /** Of the part before. */
  readonly digest: Bytes
}

/** A reader that stands where a part begins. */
interface Standing {
  readonly part: number
  readonly reader: CutReader
}

/** Readers that stand: one for each receiver that is under way. */
const STANDING_MAX = 4

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
  /** The one used last is the last. */
  readonly #standing: Standing[] = []
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
    this.#starts = [{ place: { range: 0, after: undefined, skip: 0 }, digest }]
  }

  /** Bytes given so far would be wrong after this: nothing is read any more. */
  close(): void {
    this.#standing.length = 0
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
    const reader = this.#readerAt(index, start)
    const read = reader.next(this.#partBytes)
    const digest = createHash('sha256').update(start.digest).update(read.bytes).digest()
    if (read.ends === 'last') this.#count = index + 1
    else {
      this.#starts[index] ??= { place: reader.place, digest }
      this.#standing.push({ part: index + 1, reader })
      if (this.#standing.length > STANDING_MAX) this.#standing.shift()
    }
    return { ...read, digest }
  }

  /** One that stands there, which is then no longer kept, or a new one. */
  #readerAt(part: number, { place }: Start): CutReader {
    const found = this.#standing.findIndex((standing) => standing.part === part)
    const [standing] = found < 0 ? [] : this.#standing.splice(found, 1)
    return standing?.reader ?? new CutReader(this.#source, this.#ranges, place)
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
