/**
 * Gives snapshots to other members, part by part as they ask. Several receivers share a cut; one
 * that nobody asks for any more is closed, since it keeps old data from being freed.
 */

import {
  millis,
  type Bytes,
  type Message,
  type NodeSerial,
  type SnapshotFetch,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Logger } from '../contract/observe.ts'
import type { Store } from '../contract/store.ts'
import { openCut, type Cut } from './cut.ts'

/** What a service is made of. */
export interface SnapshotServiceParts {
  /** The whole store. */
  readonly store: Store
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly clock: Clock
  readonly logger: Logger
  readonly random: (count: number) => Bytes
  readonly post: (to: NodeSerial, message: Message) => void
  /** False while the state here is not to be handed on. */
  readonly mayServe: () => boolean
  readonly limits: SnapshotLimits
}

/** Bounds of giving and taking snapshots. */
export interface SnapshotLimits {
  /** About as many bytes in one part. */
  readonly partBytes: number
  /** Of the last transactions that a snapshot holds. */
  readonly logTail: number
}

/** Cuts that are open at once. */
const CUTS_MAX = 2
/** A receiver that begins shares a cut that is not older. */
const SHARED_MS = 10_000
/** A cut that nobody asks for is closed after so long, and any after an hour. */
const IDLE_MS = 60_000
const AGE_MAX_MS = 3_600_000
/** Questions of one peer that wait; more are dropped: the peer asks again. */
const WAITING_MAX = 16

interface OpenCut {
  readonly cut: Cut
  readonly name: string
  readonly openedAt: number
  usedAt: number
}

/** One part for each turn of the event loop. */
export class SnapshotService {
  readonly #parts: SnapshotServiceParts
  readonly #cuts: OpenCut[] = []
  readonly #waiting = new Map<NodeSerial, SnapshotFetch[]>()
  #isServing = false
  #alarm: Disposable | undefined
  #isClosed = false

  constructor(parts: SnapshotServiceParts) {
    this.#parts = parts
  }

  /** A member asks for a part. */
  asked(from: NodeSerial, message: SnapshotFetch): void {
    if (this.#isClosed) return
    const waiting = this.#waiting.get(from) ?? []
    if (waiting.length >= WAITING_MAX) return
    waiting.push(message)
    this.#waiting.set(from, waiting)
    if (this.#isServing) return
    this.#isServing = true
    this.#parts.clock.soon(() => this.#serveNext())
  }

  /** Cuts of a state that is no longer this node's are given to nobody. */
  closeCuts(): void {
    for (const { cut } of this.#cuts.splice(0)) cut.close()
  }

  close(): void {
    this.#isClosed = true
    this.#alarm?.[Symbol.dispose]()
    this.#waiting.clear()
    this.closeCuts()
  }

  #serveNext(): void {
    if (this.#isClosed) return
    for (const [from, waiting] of this.#waiting) {
      const message = waiting.shift()
      // Each peer in its turn.
      this.#waiting.delete(from)
      if (waiting.length > 0) this.#waiting.set(from, waiting)
      if (message === undefined) continue
      this.#serve(from, message)
      this.#parts.clock.soon(() => this.#serveNext())
      return
    }
    this.#isServing = false
  }

  #serve(from: NodeSerial, { cut: wanted, part }: SnapshotFetch): void {
    const { post, mayServe, logger, clock } = this.#parts
    if (!mayServe()) return post(from, { kind: 'snapshotGone', cut: wanted, why: 'unable' })
    try {
      const open = wanted.length === 0 ? this.#offer() : this.#find(wanted)
      if (open === undefined) {
        const why = wanted.length === 0 ? 'unable' : 'unknown'
        return post(from, { kind: 'snapshotGone', cut: wanted, why })
      }
      open.usedAt = clock.now().elapsed
      const found = open.cut.part(part)
      if (found !== undefined)
        post(from, { kind: 'snapshotPart', cut: open.cut.id, part, ...found })
    } catch (error) {
      logger.error({ error: String(error) }, 'cannot read a snapshot from the store')
      post(from, { kind: 'snapshotGone', cut: wanted, why: 'unable' })
    }
  }

  #find(id: Bytes): OpenCut | undefined {
    const name = Buffer.from(id).toString('hex')
    return this.#cuts.find((open) => open.name === name)
  }

  #offer(): OpenCut | undefined {
    const { store, cluster, random, clock, limits, logger } = this.#parts
    const now = clock.now().elapsed
    const shared = this.#cuts.find((open) => now - open.openedAt <= SHARED_MS)
    if (shared !== undefined) return shared
    if (this.#cuts.length >= CUTS_MAX) {
      const [idle] = [...this.#cuts].sort((a, b) => a.usedAt - b.usedAt)
      if (idle !== undefined) this.#drop(idle)
    }
    const cut = openCut(store, { id: random(16), cluster, ...limits })
    if (cut === undefined) return undefined
    const name = Buffer.from(cut.id).toString('hex')
    const { position } = cut.manifest.head.watermark
    logger.info({ cut: name, position }, 'a snapshot is offered')
    const open = { cut, name, openedAt: now, usedAt: now }
    this.#cuts.push(open)
    this.#watch()
    return open
  }

  #drop(open: OpenCut): void {
    open.cut.close()
    this.#cuts.splice(this.#cuts.indexOf(open), 1)
  }

  #watch(): void {
    if (this.#alarm !== undefined) return
    const { clock } = this.#parts
    this.#alarm = clock.alarm(millis(clock.now().elapsed + IDLE_MS / 2), () => {
      this.#alarm = undefined
      const now = clock.now().elapsed
      for (const open of [...this.#cuts]) {
        if (now - open.usedAt > IDLE_MS || now - open.openedAt > AGE_MAX_MS) this.#drop(open)
      }
      if (this.#cuts.length > 0 && !this.#isClosed) this.#watch()
    })
  }
}
