/**
 * Executed, not yet stored: an ordered overlay over the store, so that execution runs ahead of the
 * disk (`architecture.md` 5). Reads see the store with everything executed so far; what became
 * durable is dropped here, since from then on the store has it. Each request of an execution stands
 * behind a savepoint.
 */

import { invariant, type Bytes, type Mutation } from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { SortedKeys } from '../store/sorted-keys.ts'
import { scanSealed, type StateSink, type TextRange } from '../state/state-source.ts'
import { bytesOfText } from '../state/key-layout.ts'
import { SEAL_BYTES, getSealed, sealInPlace } from '../state/sealed.ts'

/** The last write of one key by one execution. */
interface Entry {
  readonly key: string
  /** With room for the seal before it; undefined deletes. Replaced only while `open`. */
  sealed: Bytes | undefined
  /** `open`: of the open execution. `stored`: durable, the overlay takes it back no more. */
  phase: 'open' | 'finished' | 'stored'
}

/** How to take one write back. */
type Undo =
  | { readonly kind: 'rewritten'; readonly entry: Entry; readonly sealed: Bytes | undefined }
  | { readonly kind: 'added'; readonly entry: Entry; readonly before: Entry | undefined }

/** What one execution wrote. */
export interface PendingWrites {
  /** Sealed, as the store takes them; each key once. */
  readonly mutations: readonly Mutation[]
  /** Call once they are durable: the overlay forgets them. Harmless when repeated. */
  stored(): void
}

/** Bytes in one piece of the arena that values are copied into. */
const ARENA_BYTES = 65_536

/** Pairs read from the store at once by a scan: the first time, and the most. */
const PAGE_MIN = 16
const PAGE_MAX = 256

/**
 * One execution at a time: `begin`, writes with savepoints, `finish`. A failure of the store is
 * thrown as `STORE_FAILED`, and kept in {@link failure}: an executor that swallows it must not get
 * away with it.
 */
export class PendingState implements StateSink {
  readonly #store: Store
  readonly #entries = new Map<string, Entry>()
  /** The keys of #entries in order. Made by the first scan, dropped when the overlay is empty. */
  #index: SortedKeys | undefined
  /** First writes of the open execution, in order; undefined between executions. */
  #open: Entry[] | undefined
  #undo: Undo[] = []
  /** Rises whenever entries left for the store: pages read before are stale. */
  #generation = 0
  #arena: Uint8Array = new Uint8Array(0)
  #arenaAt = 0
  #failure: SyneviError | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The first failure of the store, after which nothing read here can be trusted. */
  get failure(): SyneviError | undefined {
    return this.#failure
  }

  /** Keys that are not yet durable. */
  get size(): number {
    return this.#entries.size
  }

  /** The value under a key: a view that nobody may write to. Throws `STORE_FAILED`. */
  get(key: string): Bytes | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined) return entry.sealed?.subarray(SEAL_BYTES)
    return this.#guard(() => getSealed(this.#store, bytesOfText(key)))
  }

  /**
   * Pairs in order. A cursor: it sees writes made during the iteration at keys still ahead of it,
   * whether the pairs come from the overlay or the store, so what it gives does not depend on the
   * disk's progress.
   */
  *scan(range: TextRange): Iterable<readonly [string, Bytes]> {
    const index = this.#makeIndex()
    const reverse = range.reverse === true
    let rest = range
    let page: StorePage = { pairs: [], at: 0, last: false, generation: -1 }
    for (let left = range.limit ?? Number.POSITIVE_INFINITY; left > 0;) {
      page = this.#fresh(page, rest)
      const stored = page.pairs[page.at]
      const pending = this.#pendingIn(index, rest)
      if (stored === undefined && pending === undefined) return
      const key = nearer(stored?.[0], pending, reverse)
      rest = reverse ? { ...rest, until: key } : { ...rest, from: `${key}\u0000` }
      if (stored?.[0] === key) page.at++
      const value = pending === key ? this.get(key) : stored?.[1]
      if (value === undefined) continue
      left--
      yield [key, value]
    }
  }

  /** Opens an execution. */
  begin(): void {
    invariant(this.#open === undefined, 'one execution is open at a time')
    this.#open = []
    this.#undo = []
  }

  /** Copies the value. Only within an execution. */
  put(key: string, value: Bytes): void {
    const sealed = this.#take(SEAL_BYTES + value.byteLength)
    sealed.set(value, SEAL_BYTES)
    this.#write(key, sealed)
  }

  /** Only within an execution. */
  delete(key: string): void {
    this.#write(key, undefined)
  }

  /** Writes from here on can be taken back by {@link rollback}. Earlier savepoints are gone. */
  savepoint(): void {
    this.#undo = []
  }

  /** Takes back every write since the last savepoint, the last first. */
  rollback(): void {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      if (undo.kind === 'rewritten') undo.entry.sealed = undo.sealed
      else this.#remove(undo.entry, undo.before)
    }
  }

  /** Closes the execution; its writes stay in the overlay until they are `stored`. */
  finish(): PendingWrites {
    const open = this.#open
    invariant(open !== undefined, 'an execution is open')
    const mutations: Mutation[] = []
    for (const entry of open) {
      const key = bytesOfText(entry.key)
      if (entry.sealed !== undefined) sealInPlace(key, entry.sealed)
      entry.phase = 'finished'
      mutations.push({ key, value: entry.sealed })
    }
    this.#open = undefined
    this.#undo = []
    return { mutations, stored: () => this.#drop(open) }
  }

  /** Closes the execution and takes back all it wrote. */
  abandon(): void {
    const open = this.#open
    invariant(open !== undefined, 'an execution is open')
    this.#open = undefined
    this.#undo = []
    // Only after a failure that stops the node: what stood before is not needed again.
    this.#drop(open)
  }

  #write(key: string, sealed: Bytes | undefined): void {
    const open = this.#open
    invariant(open !== undefined, 'writes belong to an execution')
    const before = this.#entries.get(key)
    if (before?.phase === 'open') {
      this.#undo.push({ kind: 'rewritten', entry: before, sealed: before.sealed })
      before.sealed = sealed
      return
    }
    const entry: Entry = { key, sealed, phase: 'open' }
    open.push(entry)
    this.#entries.set(key, entry)
    if (before === undefined) this.#index?.add(key)
    this.#undo.push({ kind: 'added', entry, before })
  }

  #remove(entry: Entry, before: Entry | undefined): void {
    invariant(this.#open?.pop() === entry, 'writes are taken back in the opposite order')
    if (before !== undefined && before.phase !== 'stored') {
      this.#entries.set(entry.key, before)
      return
    }
    this.#entries.delete(entry.key)
    this.#index?.delete(entry.key)
  }

  #drop(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      entry.phase = 'stored'
      if (this.#entries.get(entry.key) !== entry) continue
      this.#entries.delete(entry.key)
      this.#index?.delete(entry.key)
    }
    this.#generation++
    if (this.#entries.size === 0 && this.#open === undefined) this.#index = undefined
  }

  #makeIndex(): SortedKeys {
    if (this.#index !== undefined) return this.#index
    const index = new SortedKeys()
    for (const key of this.#entries.keys()) index.add(key)
    this.#index = index
    return index
  }

  /**
   * The next pending key of a range. An index that was dropped meanwhile is empty, as is the
   * overlay.
   */
  #pendingIn(index: SortedKeys, range: TextRange): string | undefined {
    const current = this.#index ?? (this.#entries.size > 0 ? this.#makeIndex() : index)
    const key = range.reverse === true ? current.below(range.until) : current.atOrAbove(range.from)
    if (key === undefined) return undefined
    if (range.reverse === true)
      return range.from !== undefined && key < range.from ? undefined : key
    return range.until !== undefined && key >= range.until ? undefined : key
  }

  /** The page, or the next one when it is used up, or read again when the store went on. */
  #fresh(page: StorePage, rest: TextRange): StorePage {
    const stale = page.generation !== this.#generation
    if (!stale && (page.at < page.pairs.length || page.last)) return page
    const limit = Math.min(PAGE_MAX, Math.max(PAGE_MIN, 2 * page.pairs.length))
    const pairs = this.#guard(() => [...scanSealed(this.#store, { ...rest, limit })])
    return { pairs, at: 0, last: pairs.length < limit, generation: this.#generation }
  }

  /** Room for a value: a piece of a larger array; one of its own costs six times more (0.3 µs). */
  #take(size: number): Uint8Array {
    if (size > ARENA_BYTES / 4) return new Uint8Array(size)
    if (this.#arenaAt + size > this.#arena.length) {
      this.#arena = new Uint8Array(ARENA_BYTES)
      this.#arenaAt = 0
    }
    const at = this.#arenaAt
    this.#arenaAt = at + size
    return this.#arena.subarray(at, at + size)
  }

  #guard<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      const failure = isSyneviError(error, 'STORE_FAILED') ? error : storeFailed(error)
      this.#failure ??= failure
      throw failure
    }
  }
}

/** Pairs of the store from where the scan stood. */
interface StorePage {
  readonly pairs: readonly (readonly [string, Bytes])[]
  at: number
  readonly last: boolean
  readonly generation: number
}

function nearer(a: string | undefined, b: string | undefined, reverse: boolean): string {
  if (a === undefined || b === undefined) {
    const only = a ?? b
    invariant(only !== undefined, 'there is a next key')
    return only
  }
  return a < b === reverse ? b : a
}

function storeFailed(cause: unknown): SyneviError {
  return new SyneviError('STORE_FAILED', 'cannot read the state: the store failed', {
    definite: false,
    cause,
  })
}
