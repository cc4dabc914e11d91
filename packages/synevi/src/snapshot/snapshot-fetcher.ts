/**
 * Takes a snapshot from another member: asks for its parts, checks and stages them beside the state
 * in use, and hands it over when it is whole and confirmed (`protocol.md` 8.4). What is staged
 * survives a restart, as long as the other member still has that cut.
 */

import {
  featureSet,
  millis,
  type Bytes,
  type HashAtOk,
  type Message,
  type Mutation,
  type NodeSerial,
  type SnapshotGone,
  type SnapshotPart,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Logger } from '../contract/observe.ts'
import type { Store } from '../contract/store.ts'
import { quorumOf } from '../observe/status.ts'
import { readFeatures } from '../state/node-facts.ts'
import { formatSlots, keyInSlot, otherSlot, readSlots } from '../state/slots.ts'
import { Confirmation } from './confirmation.ts'
import type { FetchEnd, SnapshotProgress } from './fetch-end.ts'
import { newSession, REPEAT_MS, takeChecked, type Session } from './session.ts'
import { decodeManifest, firstDigest, type Manifest } from './manifest.ts'
import { PartReader } from './part-reader.ts'
import { clearOtherSlot, formatStaging, noStaging, readStaging, type Staging } from './staging.ts'

/** What a fetcher is made of. */
export interface SnapshotFetcherParts {
  /** The whole store. */
  readonly store: Store
  /** Beside the driver's writes. */
  readonly write: (batch: readonly Mutation[]) => Promise<void>
  readonly self: NodeSerial
  readonly cluster: Bytes
  readonly clock: Clock
  readonly logger: Logger
  readonly post: (to: NodeSerial, message: Message) => void
  /** Of the open epoch, reachable or not: they confirm what was applied. */
  readonly voters: () => readonly NodeSerial[]
  readonly isReachable: (serial: NodeSerial) => boolean
  /** Makes the staged snapshot the state of this node, or says why not. Never rejects. */
  readonly install: (manifest: Manifest) => Promise<FetchEnd>
  /** Resolves when nobody reads the state before the last one any more. */
  readonly unread: () => Promise<void>
  /** The store failed. */
  readonly failed: (error: unknown) => void
  /** How far it is; undefined: none is being taken. */
  readonly progress: (progress: SnapshotProgress | undefined) => void
}

/** Parts asked for ahead. */
const WINDOW = 8
/** Nothing is asked for while more was checked than this and is not staged. */
const HELD_BYTES = 8_388_608
/** What was staged for a snapshot that nobody wants any more is cleared after so long. */
const STALE_MS = 60_000
/** Nothing came for so long: another member may be asked. */
const PATIENCE_MS = 5_000

/** One snapshot at a time. */
export class SnapshotFetcher {
  readonly #parts: SnapshotFetcherParts
  #session: Session | undefined
  #isWriting = false
  #clearing: Promise<void> | undefined
  #alarm: Disposable | undefined
  #stale: Disposable | undefined
  #isClosed = false

  constructor(parts: SnapshotFetcherParts) {
    this.#parts = parts
  }

  get isActive(): boolean {
    return this.#session !== undefined
  }

  /** Clears what an earlier snapshot left, unless one is half staged. */
  start(): void {
    const { store, clock } = this.#parts
    this.#guard(() => {
      if (readStaging(store) === undefined) return void this.#clear()
      this.#stale = clock.alarm(millis(clock.now().elapsed + STALE_MS), () => {
        if (this.#session === undefined) void this.#clear()
      })
    })
  }

  /** Takes a snapshot from there, unless one is being taken. */
  begin(from: NodeSerial, ended: (end: FetchEnd) => void = () => {}): void {
    if (this.#session !== undefined || this.#isClosed) {
      ended({ kind: 'failed', why: 'another snapshot is being taken' })
      return
    }
    this.#guard(() => {
      const { store, clock } = this.#parts
      // A build that does not know of slots must not open this store from then on.
      if ((readFeatures(store).requires & featureSet(['snapshots'])) === 0)
        return ended({ kind: 'failed', why: 'not all members take snapshots yet' })
      const found = readStaging(store)
      const staged = found?.from === from && found.next > 0 ? found : undefined
      const slot = otherSlot(readSlots(store).current)
      const session = newSession({ from, slot, staged, now: clock.now().elapsed, ended })
      this.#session = session
      this.#tick()
      if (staged === undefined) void this.#clearFirst(session)
      else this.#resumed(session)
    })
  }

  /** A part, or word that there is none. */
  heard(from: NodeSerial, message: SnapshotPart | SnapshotGone): void {
    const session = this.#session
    if (session?.from !== from || session.phase !== 'fetching') return
    if (message.kind === 'snapshotGone') this.#gone(session, message)
    else this.#guard(() => this.#take(session, message))
  }

  /** Another member says what it had at a position. */
  heardHash(from: NodeSerial, message: HashAtOk): void {
    const session = this.#session
    if (session?.confirmation === undefined || from === session.from) return
    session.confirmation.heard(from, message)
    if (session.confirmation.verdict === 'contradicted') {
      this.#refuse(session, `node ${from} had other results at its position`)
    } else this.#finish(session)
  }

  /** Ends for good; resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stale?.[Symbol.dispose]()
    this.#end({ kind: 'failed', why: 'this node is closing' })
    await this.#clearing
  }

  #resumed(session: Session): void {
    if (session.manifest === undefined) return this.#refuse(session, 'its beginning cannot be read')
    this.#confirm(session, session.manifest)
    if (session.staging?.isComplete === true) this.#staged(session)
    else this.#ask(session)
  }

  async #clearFirst(session: Session): Promise<void> {
    await this.#clear()
    if (this.#session !== session) return
    session.phase = 'fetching'
    session.heardAt = this.#parts.clock.now().elapsed
    this.#ask(session)
  }

  /** Never rejects. */
  #clear(): Promise<void> {
    const { store, write, clock, failed } = this.#parts
    this.#clearing ??= clearOtherSlot(store, {
      write,
      pause: () => new Promise((resolve) => clock.soon(resolve)),
      isOver: () => this.#isClosed,
    })
      .catch((error: unknown) => {
        if (!this.#isClosed) failed(error)
      })
      .finally(() => {
        this.#clearing = undefined
      })
    return this.#clearing
  }

  /** Asks for what the window lets in. Until part 0 is there, for that alone. */
  #ask(session: Session, again = false): void {
    const { from, cut, reader } = session
    const { post } = this.#parts
    if (cut === undefined || reader === undefined) {
      post(from, { kind: 'snapshotFetch', cut: new Uint8Array(0), part: 0 })
      return
    }
    const { next } = reader
    if (reader.isComplete || session.heldBytes >= HELD_BYTES) return
    // One at the end of the window comes only after those before it were read there; and what was
    // in flight beside it may be lost as well.
    const until = again ? next + 1 : next + WINDOW
    for (let part = again ? next : Math.max(next, session.askedUntil); part < until; part++) {
      if (!session.early.has(part)) post(from, { kind: 'snapshotFetch', cut, part })
    }
    session.askedUntil = until
  }

  #gone(session: Session, { cut, why }: SnapshotGone): void {
    const wanted = session.cut ?? new Uint8Array(0)
    if (!sameBytes(cut, wanted)) return
    if (why === 'unable') return this.#giveUp(session, 'it gives no snapshot at present')
    // It restarted, or closed the cut: begin anew, with an empty slot.
    this.#forget()
    this.#parts.write([noStaging()]).then(
      () => this.begin(session.from, session.ended),
      (error: unknown) => this.#parts.failed(error),
    )
  }

  #take(session: Session, part: SnapshotPart): void {
    const { cut, reader } = session
    if (cut === undefined || reader === undefined) {
      if (part.part === 0) this.#first(session, part)
      return
    }
    if (!sameBytes(part.cut, cut)) return
    if (part.part < reader.next || part.part >= reader.next + WINDOW) return
    session.early.set(part.part, part)
    const now = this.#parts.clock.now().elapsed
    session.repeatMs = Math.max(REPEAT_MS, 2 * (now - session.heardAt))
    session.heardAt = now
    this.#check(session, reader)
  }

  #first(session: Session, part: SnapshotPart): void {
    const { cluster, clock } = this.#parts
    const manifest = decodeManifest(part.bytes)
    if (manifest === undefined) return this.#refuse(session, 'its beginning cannot be read')
    if (!sameBytes(manifest.cluster, cluster))
      return this.#refuse(session, 'it is of another cluster')
    const digest = firstDigest(part.bytes)
    if (!sameBytes(digest, part.digest)) return this.#refuse(session, 'its beginning is damaged')
    session.cut = part.cut.slice()
    session.manifest = manifest
    session.askedUntil = 1
    session.heardAt = clock.now().elapsed
    session.staging = {
      ...{ from: session.from, cut: session.cut, next: 1, digest, lastKey: new Uint8Array(0) },
      ...{ bytes: 0n, isComplete: false, manifest: part.bytes.slice() },
    }
    session.reader = new PartReader(session.staging)
    this.#confirm(session, manifest)
    this.#ask(session)
  }

  /** Checks the parts that came in their order, also while others are being written. */
  #check(session: Session, reader: PartReader): void {
    while (!reader.isComplete) {
      const part = session.early.get(reader.next)
      if (part === undefined) break
      session.early.delete(reader.next)
      const read = reader.read(part)
      if (!read.ok) return this.#refuse(session, read.why)
      if (part.ends === 'more') continue
      let bytes = 0
      const mutations = read.pairs.map(([key, value]): Mutation => {
        bytes += key.byteLength + value.byteLength
        return { key: keyInSlot(key, session.slot), value }
      })
      session.heldBytes += bytes
      session.checked.push({ mutations, bytes, place: reader.settled, isLast: reader.isComplete })
    }
    this.#ask(session)
    void this.#stage(session)
  }

  /** Writes what was checked. Never rejects. */
  async #stage(session: Session): Promise<void> {
    const { store, write, failed, clock } = this.#parts
    if (this.#isWriting || session.checked.length === 0) return
    const { mutations, bytes, staging } = takeChecked(session)
    if (staging === undefined) return
    this.#isWriting = true
    try {
      const { current } = readSlots(store)
      await write([
        formatSlots({ current, otherIsEmpty: false }),
        ...mutations,
        formatStaging(staging),
      ])
    } catch (error) {
      failed(error)
      return
    } finally {
      this.#isWriting = false
    }
    session.heldBytes -= bytes
    // A silence while nothing could be asked for says nothing.
    session.heardAt = clock.now().elapsed
    if (this.#session === session) this.#wrote(session, staging)
    else if (this.#session !== undefined) void this.#stage(this.#session)
  }

  #wrote(session: Session, staging: Staging): void {
    const { from, manifest } = session
    if (manifest === undefined) return
    const { position } = manifest.head.watermark
    const { bytes } = staging
    this.#parts.progress({ from, bytes, bytesExpected: manifest.sizeHint, position })
    if (staging.isComplete) return this.#staged(session)
    this.#ask(session)
    void this.#stage(session)
  }

  #staged(session: Session): void {
    session.phase = 'confirming'
    this.#finish(session)
  }

  #confirm(session: Session, { lastEntry }: Manifest): void {
    const { clock, self, voters, isReachable, post } = this.#parts
    session.confirmation = new Confirmation({
      watermark: lastEntry,
      others: () => voters().filter((one) => one !== session.from && one !== self),
      isReachable,
      mayBeAway: () => voters().length - quorumOf(voters().length).needed,
      ask: (to, position) => post(to, { kind: 'hashAt', position }),
      now: () => clock.now().elapsed,
    })
  }

  #finish(session: Session): void {
    const { manifest, confirmation } = session
    if (session.phase !== 'confirming' || manifest === undefined) return
    if (confirmation?.verdict !== 'confirmed') return
    session.phase = 'installing'
    const { position } = manifest.head.watermark
    this.#parts.logger.info({ from: session.from, position }, 'a snapshot is installed')
    void this.#parts.install(manifest).then((end) => {
      if (this.#session !== session) return
      this.#end(end)
      // What was in use until now, or what was staged in vain.
      void this.#parts.unread().then(() => this.#clear())
    })
  }

  #tick(): void {
    const { clock } = this.#parts
    this.#alarm?.[Symbol.dispose]()
    this.#alarm = clock.alarm(millis(clock.now().elapsed + REPEAT_MS), () => {
      const session = this.#session
      if (session === undefined) return
      const silentMs = clock.now().elapsed - session.heardAt
      session.confirmation?.tick(session.phase === 'confirming')
      if (session.phase === 'fetching') {
        if (silentMs > PATIENCE_MS) return this.#giveUp(session, 'it does not answer')
        if (silentMs >= session.repeatMs) {
          session.repeatMs *= 2
          this.#ask(session, true)
        }
      }
      this.#finish(session)
      if (this.#session !== undefined) this.#tick()
    })
  }

  /** What came cannot be right: nothing of it is kept. */
  #refuse(session: Session, why: string): void {
    this.#giveUp(session, why)
    void this.#clear()
  }

  /** What is staged stays for the next attempt. */
  #giveUp(session: Session, why: string): void {
    this.#parts.logger.warn({ from: session.from, why }, 'a snapshot was given up')
    this.#end({ kind: 'failed', why })
  }

  #end(end: FetchEnd): void {
    const session = this.#session
    this.#forget()
    session?.ended(end)
  }

  #forget(): void {
    this.#session = undefined
    this.#alarm?.[Symbol.dispose]()
    this.#alarm = undefined
    this.#parts.progress(undefined)
  }

  /** The store is read here: its failures stop the node. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#end({ kind: 'failed', why: 'the store failed' })
      this.#parts.failed(error)
    }
  }
}

function sameBytes(a: Bytes, b: Bytes): boolean {
  return Buffer.compare(a, b) === 0
}
