/** A disk that loses what was not synced. It outlives the processes that write to it. */

import type { Bytes } from '@synevi/accord'
import { SyneviError, type Mutation, type Range, type Store, type StoreView } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import type { Trace } from '../trace.ts'
import { DiskPast, type Damaged, type RecordDamage } from './disk-past.ts'
import { OrderedBytes } from './ordered-bytes.ts'
import type { SimProcess } from './process.ts'

/** How long a sync takes: log-uniform between the two, in microseconds. */
export interface DiskSpeed {
  readonly syncMin: Micros
  readonly syncMax: Micros
}

interface Pending {
  readonly batch: readonly Mutation[]
  /** From here on the operating system has it: a killed process does not lose it. */
  readonly handedAt: Micros
  synced: boolean
}

/**
 * The durable image, and at most one write above it. A kill keeps what was handed over, power keeps
 * what was synced and perhaps the rest; a write is kept whole or not at all.
 */
export class SimDisk {
  readonly #queue: EventQueue
  readonly #random: Prng
  readonly #trace: Trace
  readonly #image = new OrderedBytes()
  readonly #speed: DiskSpeed
  readonly #seen: (batch: readonly Mutation[]) => void
  readonly #past: DiskPast | undefined
  #pending: Pending | undefined
  #slowBy = 1
  #stalledUntil: Micros = 0
  #failing = false
  #full = false
  #writes = 0
  #synced = 0
  #failures = 0
  readonly #breaches: string[] = []
  readonly #damages: Damaged[] = []

  constructor(parts: {
    queue: EventQueue
    random: Prng
    trace: Trace
    speed: DiskSpeed
    /** Sees every write that is asked for. */
    seen?: (batch: readonly Mutation[]) => void
    /** Whether it keeps what it held before, for damage and old images. */
    keepsPast?: boolean
  }) {
    this.#past = parts.keepsPast === true ? new DiskPast() : undefined
    this.#seen = parts.seen ?? (() => {})
    this.#queue = parts.queue
    this.#random = parts.random
    this.#trace = parts.trace
    this.#speed = parts.speed
  }

  /** Writes that were asked for. */
  get writes(): number {
    return this.#writes
  }

  /** Writes whose process was told that they are durable. */
  get synced(): number {
    return this.#synced
  }

  /** Writes that were made to fail. */
  get failures(): number {
    return this.#failures
  }

  /** What its users did against the contract of a store: each is a violation. */
  get breaches(): readonly string[] {
    return this.#breaches
  }

  /** Syncs take so many times as long. */
  slow(by: number): void {
    this.#slowBy = by
  }

  /** No sync completes for so long. */
  stall(forMicros: Micros): void {
    this.#stalledUntil = this.#queue.now + forMicros
  }

  /** The next write fails; whether it is on the disk, the next process will see. */
  failNext(): void {
    this.#failing = true
  }

  /** Whether there is no room for application data. */
  fill(full: boolean): void {
    this.#full = full
  }

  /** Holds what another disk held. */
  load(contents: readonly (readonly [Bytes, Bytes])[]): void {
    this.wipe()
    this.#image.apply(contents.map(([key, value]) => ({ key, value })))
  }

  /** Everything is lost. */
  wipe(): void {
    this.#image.clear()
    this.#pending = undefined
  }

  /**
   * Alters one record as a disk may; undefined when there is none that it could strike. Only for a
   * disk that keeps its past.
   */
  damage(how: RecordDamage): Damaged | undefined {
    const damaged = this.#past?.damage(this.#image, how, this.#random)
    if (damaged !== undefined) this.#damages.push(damaged)
    return damaged
  }

  /** How many records it altered. */
  get damages(): number {
    return this.#damages.length
  }

  /** Records that are still as it made them. */
  altered(): readonly Damaged[] {
    return this.#damages.filter(({ key, value }) => {
      const now = this.#image.get(key)
      return value === undefined
        ? now === undefined
        : now !== undefined && Buffer.compare(now, value) === 0
    })
  }

  /** Everything as it was a while ago; false when it was not yet. */
  putBack(): boolean {
    const saved = this.#past?.saved
    if (saved === undefined) return false
    this.load(saved.scan({}))
    return true
  }

  #apply(batch: readonly Mutation[]): void {
    this.#past?.changing(this.#image, batch)
    this.#image.apply(batch)
  }

  /** Back to normal speed, no fault pending. */
  heal(): void {
    this.#slowBy = 1
    this.#stalledUntil = 0
    this.#failing = false
    this.#full = false
  }

  /** The process above it died: settles what becomes of the write under way. */
  crash(how: 'kill' | 'power'): void {
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined) return
    const handed = this.#queue.now >= pending.handedAt
    const kept = pending.synced || (how === 'kill' ? handed : handed && this.#random.chance(0.5))
    if (kept) this.#apply(pending.batch)
  }

  /** What is durable, in order: for checkers. */
  contents(): readonly (readonly [Bytes, Bytes])[] {
    return this.#image.scan({})
  }

  /** Whether a key is durable: for checkers. */
  has(key: Bytes): boolean {
    return this.#image.get(key) !== undefined
  }

  /** What is durable under a key: for checkers. */
  valueOf(key: Bytes): Bytes | undefined {
    return this.#image.get(key)
  }

  /** The store of one process. */
  port(process: SimProcess): Store {
    return new SimStore(this, process)
  }

  /** For the port only. */
  read(): OrderedBytes {
    return this.#image
  }

  /** For the port only. */
  hasRoom(): boolean {
    return !this.#full
  }

  /** For the port only: the contract was broken. */
  breach(what: string): void {
    if (this.#breaches.length < 16) this.#breaches.push(what)
  }

  /** For the port only. */
  write(
    process: SimProcess,
    batch: readonly Mutation[],
    done: (error?: SyneviError) => void,
  ): void {
    if (this.#pending !== undefined) this.breach('a write before the one before it resolved')
    const now = this.#queue.now
    const sync = this.#random.logBetween(this.#speed.syncMin, this.#speed.syncMax) * this.#slowBy
    const due = Math.ceil(Math.max(now, this.#stalledUntil) + sync)
    const handedAt = now + Math.floor((due - now) * this.#random.float())
    const pending: Pending = { batch, handedAt, synced: false }
    this.#pending = pending
    this.#writes++
    this.#seen(batch)
    this.#trace.note(now, process.node, 'write', batch.length, batch[0]?.key)
    const fails = this.#failing
    this.#failing = false
    if (fails) this.#failures++
    this.#queue.at(due, () => this.#complete({ process, pending, fails, done }))
  }

  #complete(parts: {
    process: SimProcess
    pending: Pending
    fails: boolean
    done: (error?: SyneviError) => void
  }): void {
    const { process, pending, done } = parts
    if (this.#pending !== pending || !process.alive) return
    if (parts.fails) {
      // It stays pending: whether it reached the disk is decided when the process ends.
      process.enter(() => done(new SyneviError('STORE_FAILED', 'sync failed', { definite: false })))
      return
    }
    // Stalled after it was asked for: it waits for the end of that.
    if (this.#stalledUntil > this.#queue.now) {
      this.#queue.at(this.#stalledUntil, () => this.#complete(parts))
      return
    }
    pending.synced = true
    process.enter(() => {
      this.#pending = undefined
      this.#synced++
      this.#apply(pending.batch)
      done()
    })
  }
}

/** The store port of one process. */
class SimStore implements Store {
  readonly #disk: SimDisk
  readonly #process: SimProcess
  #failed = false
  #closed = false
  #writing: Promise<void> | undefined

  constructor(disk: SimDisk, process: SimProcess) {
    this.#disk = disk
    this.#process = process
  }

  get(key: Bytes): Bytes | undefined {
    this.#process.admits()
    return this.#disk.read().get(key)
  }

  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    this.#process.admits()
    return this.#disk.read().scan(range)
  }

  write(batch: readonly Mutation[]): Promise<void> {
    if (!this.#process.admits()) return new Promise(() => {})
    if (this.#failed) this.#disk.breach('a write after a failed one')
    if (this.#closed) this.#disk.breach('a write after close')
    const writing = new Promise<void>((resolve, reject) => {
      this.#disk.write(this.#process, batch, (error) => {
        if (error === undefined) return resolve()
        this.#failed = true
        reject(error)
      })
    })
    this.#writing = writing
    return writing
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing?.catch(() => {})
  }

  view(): StoreView {
    const image = this.#disk.read().copy()
    let isClosed = false
    const open = (): OrderedBytes => {
      this.#process.admits()
      if (isClosed) throw new SyneviError('STORE_FAILED', 'the view is closed', { definite: false })
      return image
    }
    return {
      get: (key) => open().get(key),
      scan: (range) => open().scan(range),
      close: () => {
        isClosed = true
      },
    }
  }

  hasRoom(): boolean {
    return this.#disk.hasRoom()
  }
}
