/** Checks the parts of a snapshot in their order, and reads their pairs. */

import { createHash } from 'node:crypto'
import type { Bytes, SnapshotPart } from '@synevi/accord'
import { unseal } from '../state/sealed.ts'
import { SLOT_TABLES } from '../state/slots.ts'
import { isSyneviError } from '../synevi-error.ts'
import { readPairs, type Pair } from './pairs.ts'

/** A place between two pairs. */
export interface PartPlace {
  /** The part that begins there. */
  readonly next: number
  /** Of the part before. */
  readonly digest: Bytes
  /** The last key before; empty: none. */
  readonly lastKey: Bytes
}

/** What a part adds. */
export type PartRead =
  | { readonly ok: true; readonly pairs: readonly Pair[] }
  | { readonly ok: false; readonly why: string }

/** Of one key and its value. */
const PAIR_BYTES_MAX = 1_073_741_824

/** Goes on from a place. Of no use any more once it found a part wrong. */
export class PartReader {
  #settled: PartPlace
  #next: number
  #digest: Bytes
  /** Pieces of a pair that is not whole. */
  #pieces: Bytes[] = []
  #isComplete = false

  constructor({ next, digest, lastKey }: PartPlace) {
    this.#settled = { next, digest, lastKey }
    this.#next = next
    this.#digest = digest
  }

  /** The part that is to be read next. */
  get next(): number {
    return this.#next
  }

  /** The last place between two pairs. */
  get settled(): PartPlace {
    return this.#settled
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The next part. */
  read(part: SnapshotPart): PartRead {
    const digest = createHash('sha256').update(this.#digest).update(part.bytes).digest()
    if (Buffer.compare(digest, part.digest) !== 0) return wrong(part, 'it is damaged')
    this.#digest = digest
    this.#next++
    this.#pieces.push(part.bytes)
    if (lengthOf(this.#pieces) > PAIR_BYTES_MAX) return wrong(part, 'a value that is too large')
    if (part.ends === 'more') return { ok: true, pairs: [] }
    const pairs = readPairs(joined(this.#pieces))
    this.#pieces = []
    if (pairs === undefined) return wrong(part, 'it holds no pairs')
    const flaw = flawOf(pairs, this.#settled.lastKey)
    if (flaw !== undefined) return wrong(part, flaw)
    const lastKey = pairs.at(-1)?.[0] ?? this.#settled.lastKey
    this.#settled = { next: this.#next, digest, lastKey }
    this.#isComplete = part.ends === 'last'
    return { ok: true, pairs }
  }
}

function wrong({ part }: SnapshotPart, why: string): PartRead {
  return { ok: false, why: `part ${part}: ${why}` }
}

/** Undefined: keys of the right tables, rising, with values that are sealed for them. */
function flawOf(pairs: readonly Pair[], lastKey: Bytes): string | undefined {
  const tables: ReadonlySet<number> = new Set(SLOT_TABLES)
  let before = lastKey
  for (const [key, value] of pairs) {
    if (!tables.has(key[0] ?? 0)) return 'a key of no table of a snapshot'
    if (before.byteLength > 0 && Buffer.compare(before, key) >= 0) return 'keys that do not rise'
    before = key
    try {
      unseal(key, value)
    } catch (error) {
      if (isSyneviError(error)) return error.message
      throw error
    }
  }
  return undefined
}

function lengthOf(pieces: readonly Bytes[]): number {
  return pieces.reduce((bytes, piece) => bytes + piece.byteLength, 0)
}

function joined(pieces: readonly Bytes[]): Bytes {
  const [only] = pieces
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}
