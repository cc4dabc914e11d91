/**
 * What becomes of damage that is found while the node works: records that the log proves are
 * restored, from here or from a peer; a node that has lost anything else stops, and says what.
 */

import {
  millis,
  type Envelope,
  type LogEntry,
  type Message,
  type Mutation,
  type NodeSerial,
  type Timestamp,
} from '@synevi/accord'
import { sameBytes } from '../chain/chained-entries.ts'
import type { Clock } from '../contract/clock.ts'
import type { Logger } from '../contract/observe.ts'
import type { OpenedReplica } from '../drive/open-replica.ts'
import type { Snapshots } from '../drive/snapshots.ts'
import { Channel } from '../observe/channels.ts'
import type { EventHub } from '../observe/events.ts'
import type { NodeHealth } from '../observe/node-health.ts'
import type { ParsedOptions } from '../options.ts'
import type { FetchEnd } from '../snapshot/fetch-end.ts'
import type { Damage } from '../state/sum-walk.ts'
import type { SummedStore } from '../state/summed-store.ts'
import { tableByteOf } from '../state/table-sums.ts'
import { TABLE, TABLE_NAMES } from '../state/key-layout.ts'
import { logKey } from '../state/log-table.ts'
import type { NodeState } from '../state/node-state.ts'
import {
  SLOT_TABLES,
  inSlot,
  keyInSlot,
  otherSlot,
  readSlots,
  sealKeyOf,
  tableRange,
  type Slot,
} from '../state/slots.ts'
import { SyneviError } from '../synevi-error.ts'
import type { DamageEvent, DamageReport } from './damage.ts'
import { repairOf } from './record-repair.ts'
import { Scrubber } from './scrubber.ts'

/** A peer is asked again, or another one, after so long. */
const RETRY_MS = 1_000
/** By name: a snapshot has them all. */
const REPLACEABLE: ReadonlySet<string> = new Set(
  [TABLE.log, TABLE.place, TABLE.request, TABLE.requestPage, TABLE.state].map(
    (table) => TABLE_NAMES[table],
  ),
)
/** Records under repair at once; more are found again by the next pass. */
const WAITING_MAX = 256
/** After so many questions without an entry that fits, the node stops. */
const ATTEMPTS_MAX = 60

/** What damage control acts through. */
export interface DamageControlParts {
  readonly store: SummedStore
  readonly clock: Clock
  readonly logger: Logger
  readonly scrub: { readonly bytesPerSecond: number; readonly intervalMs: number }
  readonly channel: Channel
  /** The id of the node, for the channel. */
  readonly node: string
  readonly peers: () => readonly NodeSerial[]
  readonly post: (envelopes: readonly Envelope[]) => void
  /** Peers with a connection. */
  readonly linked: () => readonly NodeSerial[]
  /** Takes a snapshot from a peer. */
  readonly take: (from: NodeSerial, ended: (end: FetchEnd) => void) => void
  readonly event: (damage: DamageEvent) => void
  /** The state is not to be executed on, or read, until a snapshot has taken its place. */
  readonly distrust: (error: SyneviError) => void
  /** The node cannot go on. */
  readonly failed: (error: unknown) => void
}

interface Broken {
  readonly damage: Damage
  attempts: number
  /** Its right value is being written. */
  isMending: boolean
}

/** What damage control needs of a node. */
export interface DamagedNode {
  readonly options: ParsedOptions
  /** Another one after a snapshot was installed. */
  readonly opened: OpenedReplica
  readonly events: EventHub
  readonly health: NodeHealth
  readonly snapshots: Pick<Snapshots, 'take'>
  readonly restart: { linked(): readonly NodeSerial[] }
}

/** Damage control of an open node. `distrusted`: callers are told, the node repairs itself. */
export function damageControlOf(
  node: DamagedNode,
  acts: Pick<DamageControlParts, 'post' | 'failed'> & {
    readonly distrusted: (error: SyneviError) => void
  },
): DamageControl {
  const { clock, logger, scrub, self } = node.options
  const { store, roster } = node.opened
  const control = new DamageControl({
    ...{ store, clock, logger, scrub, post: acts.post, failed: acts.failed },
    channel: new Channel('synevi:damage'),
    node: self.id,
    peers: () => roster.peers.map(({ serial }) => serial),
    linked: () => node.restart.linked(),
    take: (from, ended) => node.snapshots.take(from, ended),
    event: (damage) => node.events.emit('damage', damage),
    distrust: (error) => {
      node.opened.lane.block(error.message)
      node.health.distrust(error.message)
      acts.distrusted(error)
    },
  })
  control.follow(node.opened.state)
  return control
}

/** One for each open node. */
export class DamageControl {
  readonly #parts: DamageControlParts
  readonly #scrubber: Scrubber
  #state: NodeState | undefined
  #isReplacing = false
  readonly #broken = new Map<string, Broken>()
  readonly #fetched = new Map<Timestamp, LogEntry>()
  readonly #asked = new Set<Timestamp>()
  #alarm: Disposable | undefined
  #turn = 0
  #found = 0
  #repaired = 0
  #isClosed = false

  constructor(parts: DamageControlParts) {
    this.#parts = parts
    this.#scrubber = new Scrubber({
      ...{ store: parts.store, clock: parts.clock, ...parts.scrub },
      found: (damage) => this.found(damage),
      failed: (error) => parts.failed(error),
    })
  }

  get report(): DamageReport {
    const { passes } = this.#scrubber
    const open = this.#broken.size
    return { passes, found: this.#found, repaired: this.#repaired, open }
  }

  start(): void {
    this.#scrubber.start()
  }

  /** The state from here on: at first, and after a snapshot took its place. */
  follow(state: NodeState): void {
    this.#state = state
    state.onDamage = (damage) => this.found(damage)
    this.#broken.clear()
  }

  close(): void {
    this.#isClosed = true
    this.#scrubber.close()
    this.#alarm?.[Symbol.dispose]()
    this.#alarm = undefined
  }

  /** Something is not what was written. `key`: where it stands in the store as a whole. */
  found(damage: Damage): void {
    const { key } = damage
    const name = key === undefined ? '' : hex(key)
    if (this.#isClosed || this.#broken.has(name)) return
    this.#found++
    this.#say(damage, 'found')
    if (key === undefined) {
      const { tableByte = 0 } = damage
      if (this.#otherTables().includes(tableByte)) this.#parts.store.forget([tableByte])
      else this.#stop(damage, 'only a snapshot says what was there')
      return
    }
    // A slot that is not current is on its way out, or checked when it is installed.
    const isCurrent = sameBytes(keyInSlot(sealKeyOf(key), this.#slot), key)
    if (!isCurrent || this.#broken.size >= WAITING_MAX) return
    this.#broken.set(name, { damage: { ...damage, key }, attempts: 0, isMending: false })
    this.#try()
  }

  /** Messages of a peer: chunks of its log that were asked for here are taken. */
  heard(messages: readonly Message[]): void {
    if (this.#asked.size === 0) return
    let isNew = false
    for (const message of messages) {
      if (message.kind !== 'logChunk' || !this.#asked.delete(message.since)) continue
      const first = message.entries[0]
      if (first === undefined) continue
      this.#fetched.set(first.executeAt, first)
      isNew = true
    }
    if (isNew) this.#try()
  }

  /** Tries all that is broken: what could not be put right before may be now. */
  #try(): void {
    const state = this.#state
    if (this.#isClosed || state === undefined) return
    for (const [name, broken] of this.#broken) {
      const { damage } = broken
      if (broken.isMending || damage.key === undefined) continue
      const key = sealKeyOf(damage.key)
      const repair = repairOf(state.store, key, this.#fetched)
      if (repair.kind === 'write') {
        broken.isMending = true
        for (const [at, entry] of this.#fetched)
          if (sameBytes(logKey(entry.executeAt), key)) this.#fetched.delete(at)
        void this.#write(name, damage, repair.mutations)
        continue
      }
      broken.attempts++
      const isHopeless = repair.kind === 'none' && !this.#mayChange(damage)
      if (isHopeless || broken.attempts > ATTEMPTS_MAX)
        return this.#stop(damage, repair.kind === 'none' ? repair.why : 'no peer had it')
      if (repair.kind === 'ask') this.#ask(repair.since)
    }
    if (this.#broken.size > 0) this.#retryLater()
  }

  /** Whether a repair that fails now may succeed once another record, or another peer, is there. */
  #mayChange({ key }: Damage): boolean {
    switch (key === undefined ? undefined : sealKeyOf(key)[0]) {
      case TABLE.log:
        return this.#parts.peers().length > 0 || this.#broken.size > 1
      case TABLE.settled:
      case TABLE.place:
      case TABLE.requestPage:
        return this.#broken.size > 1
      default:
        return false
    }
  }

  /** Of the slot that is not current, by their first bytes. */
  #otherTables(): readonly number[] {
    const other = otherSlot(this.#slot)
    return SLOT_TABLES.map((table) => tableByteOf(tableRange(table, other).from))
  }

  get #slot(): Slot {
    return readSlots(this.#parts.store).current
  }

  #ask(since: Timestamp): void {
    const peers = this.#parts.peers()
    const to = peers[this.#turn++ % Math.max(1, peers.length)]
    if (to === undefined) return
    this.#asked.add(since)
    this.#parts.post([{ to, message: { kind: 'catchUp', since } }])
  }

  #retryLater(): void {
    this.#later(() => {
      // An entry that did not fit may be another peer's fault: the next one is asked.
      this.#fetched.clear()
      this.#asked.clear()
      this.#try()
    })
  }

  async #write(name: string, damage: Damage, mutations: readonly Mutation[]): Promise<void> {
    try {
      await this.#parts.store.restore(inSlot(mutations, this.#slot))
      this.#broken.delete(name)
      this.#repaired++
      this.#say(damage, 'repaired')
      if (this.#broken.size > 0) this.#try()
    } catch (error) {
      this.#parts.failed(error)
    }
  }

  #say(damage: Damage, state: DamageEvent['state']): void {
    const { table, key, why } = damage
    const event = { table, why, state, ...(key === undefined ? {} : { key: hex(key) }) }
    if (state === 'found') this.#parts.logger.error(event, 'the store is damaged')
    else this.#parts.logger.warn(event, 'a damaged record was restored')
    this.#parts.channel.mark(() => ({ node: this.#parts.node, name: `${state} ${table}` }))
    this.#parts.event(event)
  }

  /** Nothing here says what was there: a peer's state takes the place of this one, or it stops. */
  #stop(damage: Damage, why: string): void {
    const { key, table } = damage
    const isReplaceable = REPLACEABLE.has(table) && this.#parts.peers().length > 0
    const help = isReplaceable ? 'a snapshot is taken from a peer' : 'replace this member'
    const text = `the store is damaged: ${damage.why}; ${why}; ${help}`
    const error = new SyneviError('STORE_FAILED', text, {
      definite: false,
      details: { reason: 'damaged', table, ...(key === undefined ? {} : { key: hex(key) }) },
    })
    if (isReplaceable) {
      this.#broken.set(key === undefined ? '' : hex(key), mending(damage))
      if (!this.#isReplacing) this.#replace(error, damage)
      return
    }
    this.close()
    this.#parts.failed(error)
  }

  #replace(error: SyneviError, damage: Damage): void {
    this.#isReplacing = true
    this.#parts.distrust(error)
    const attempt = (turn: number): void => {
      if (this.#isClosed) return
      const linked = this.#parts.linked()
      const from = linked[turn % Math.max(1, linked.length)]
      const later = (): void => this.#later(() => attempt(turn + 1))
      if (from === undefined) return later()
      this.#parts.take(from, (end) => {
        if (end.kind !== 'installed') return later()
        this.#isReplacing = false
        this.#repaired++
        // What is left of the state that was damaged is cleared.
        this.#parts.store.forget(this.#otherTables())
        this.#say(damage, 'repaired')
      })
    }
    attempt(0)
  }

  #later(act: () => void): void {
    const { clock } = this.#parts
    this.#alarm?.[Symbol.dispose]()
    this.#alarm = clock.alarm(millis(clock.now().elapsed + RETRY_MS), act)
  }
}

/** A snapshot takes the place of the table it is in. */
function mending(damage: Damage): Broken {
  return { damage, attempts: 0, isMending: true }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
