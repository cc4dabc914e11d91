/**
 * Listens to the notices of all nodes: checks what must hold at all times, counts what happened.
 */

import {
  type Feature,
  type Message,
  type Mutation,
  type Notice,
  type Stable,
  type TxnId,
  decodeFrame,
  featureSet,
  nodeOf,
  publicTxnId,
} from '@synevi/accord'
import { Agreement } from './check/agreement.ts'
import { type DecidedDeps, checkDependencies } from './check/dependencies.ts'
import type { Anomaly } from './check/history.ts'
import { Liars } from './check/liars.ts'
import { Memberships } from './check/memberships.ts'
import { Coverage } from './coverage.ts'
import type { EventQueue, Micros } from './event-queue.ts'
import type { Prng } from './prng.ts'
import type { Trace } from './trace.ts'
import { chain, show } from './watch-text.ts'
import type { SimProcess } from './world/process.ts'

const VIOLATIONS_MAX = 8
const PUBLIC_BITS = (1n << 112n) - 1n
/** Of all frames this share is decoded once more, to look at the deps of decisions. */
const FRAMES_SEEN = 0.15

/** A violation, and when it was seen. */
export interface Violation extends Anomaly {
  readonly checker: string
  readonly at: Micros
}

/** What is asked about a machine whose node stopped. */
export interface Stopped {
  readonly serial: number
  readonly wiped: boolean
  readonly differs: boolean
  readonly damaged: boolean
  readonly disk: { readonly failures: number }
}

type Restarted = Extract<Notice, { kind: 'restartedInPlace' }>

interface Recovering {
  readonly node: number
  readonly at: Micros
}

/** One for each world. */
export class Watch {
  readonly coverage: Coverage = new Coverage()
  readonly agreement: Agreement = new Agreement()
  readonly memberships: Memberships
  readonly #liars = new Liars()
  readonly violations: Violation[] = []
  readonly #queue: EventQueue
  readonly #trace: Trace
  readonly #random: Prng
  readonly #mayDiffer: (node: number) => boolean
  readonly #isDurable: (node: number, id: bigint) => boolean
  readonly #lacking: (features: number) => readonly number[]
  readonly #recovering = new Map<bigint, Recovering>()
  readonly #issuedIn = new Map<bigint, number>()
  readonly #bornAt = new Map<bigint, Micros>()
  readonly #preempted = new Set<bigint>()
  readonly #decidedAt = new Map<string, Micros>()
  readonly #lastInvalidated = new Map<number, { at: Micros; id: TxnId; life: number }>()
  readonly #deps = new Map<bigint, DecidedDeps>()
  readonly #ended: SimProcess[] = []
  #recoveries: { node: number; at: Micros; id: TxnId }[] = []

  constructor(parts: {
    queue: EventQueue
    trace: Trace
    random: Prng
    /** Whether a difference was planted at that node. */
    mayDiffer: (node: number) => boolean
    /** Whether the disk of that node holds a record of the transaction. */
    isDurable: (node: number, id: bigint) => boolean
    /** Nodes whose disk does not require all of these features. */
    lacking?: (features: number) => readonly number[]
    /** Members of the first epoch. */
    nodes: number
  }) {
    this.memberships = new Memberships(parts.nodes)
    this.#mayDiffer = parts.mayDiffer
    this.#isDurable = parts.isDurable
    this.#lacking = parts.lacking ?? (() => [])
    this.#queue = parts.queue
    this.#trace = parts.trace
    this.#random = parts.random
  }

  /** Something that must never happen, happened. */
  violation(checker: string, anomaly: Anomaly | undefined): void {
    if (anomaly === undefined || this.violations.length >= VIOLATIONS_MAX) return
    this.violations.push({ checker, at: this.#queue.now, ...anomaly })
    this.#trace.say(this.#queue.now, () => `VIOLATION ${checker}: ${anomaly.name}: ${anomaly.why}`)
  }

  /** A process ended: what it did through its ports after that is a bug of the simulator. */
  lateCalls(process: SimProcess): void {
    this.#ended.push(process)
  }

  /** A node stopped by itself, or did not open. */
  nodeStopped(machine: Stopped, code: string, error: unknown): void {
    this.coverage.count(`stopped: ${code}`)
    if (code === 'AMNESIA') {
      this.coverage.count('AMNESIA')
      if (machine.wiped) return
    }
    if (code === 'STORE_FAILED' && machine.disk.failures > 0) {
      this.coverage.count('store failure stops the node')
      return
    }
    if (code === 'STORE_FAILED' && machine.damaged) {
      this.coverage.count('damage stops the node')
      return
    }
    if (code === 'DIVERGED' && machine.differs) return
    if (code === 'MEMBERSHIP_REMOVED' && !this.memberships.isMember(machine.serial)) return
    this.violation('nodes', {
      name: `stopped with ${code}`,
      why: `node ${machine.serial}: ${chain(error)}`,
    })
  }

  /**
   * Recoveries by these nodes since then, of transactions that are older: what a node outside them
   * left undecided meanwhile is rightly recovered.
   */
  recoveriesSince(at: Micros, nodes: ReadonlySet<number>): number {
    this.#recoveries = this.#recoveries.filter((each) => each.at >= at)
    const isOld = (id: TxnId): boolean => (this.#bornAt.get(id) ?? 0) < at
    return this.#recoveries.filter((each) => nodes.has(each.node) && isOld(each.id)).length
  }

  /** A frame on its way from a node: some are looked into. */
  frame(from: number, bytes: Uint8Array): void {
    if (!this.#random.chance(FRAMES_SEEN)) return
    const decoded = decodeFrame(bytes, { messagesMax: 100_000, payloadMaxBytes: 1 << 26 })
    if (decoded.ok) for (const each of decoded.value.messages) this.#look(from, each)
    else this.violation('frames', { name: 'malformed frame sent', why: decoded.why })
  }

  /** A frame with something that the release before does not know, and which it got. */
  strange(bytes: Uint8Array): void {
    const decoded = decodeFrame(bytes, { messagesMax: 100_000, payloadMaxBytes: 1 << 26 })
    const kinds = decoded.ok ? decoded.value.messages.map(({ kind }) => kind) : []
    this.violation('versions', { name: 'sent to a node of version 1', why: kinds.join() })
  }

  /** A write on its way to a disk. */
  write(batch: readonly Mutation[]): void {
    if (batch.some(({ key }) => key[0] === 0x01 && key[1] === 0x06))
      this.coverage.count('clock reserve extended')
  }

  /** What a node said, in one of its lives. */
  notice(node: number, life: number, notice: Notice): void {
    this.#trace.say(this.#queue.now, () => `n${node}.${life} ${show(notice)}`)
    switch (notice.kind) {
      case 'submitted':
      case 'barrier':
      case 'reconfiguring':
        return this.#submitted(node, life, notice.id)
      case 'decided':
        return this.#decided(node, notice)
      case 'invalidated':
        return this.#invalidated(node, notice.id)
      case 'applied':
        return this.#applied(node, life, notice)
      case 'recovering':
        return this.#recover(node, life, notice)
      case 'reproposed':
        return this.coverage.count(REPROPOSED[notice.what])
      case 'preempted':
        if (nodeOf(notice.id) === node) this.#preempted.add(publicTxnId(notice.id))
        return this.coverage.count('pre-empted by a higher ballot')
      case 'caughtUp':
        return this.coverage.count('caught up')
      case 'refusedByPeer':
        return this.coverage.count(`refused: ${notice.reason}`)
      case 'diverged':
        this.#liars.found(node, this.#queue.now)
        return this.coverage.count('DIVERGED')
      case 'event':
        return this.coverage.count(EVENTS[notice.name] ?? `event: ${notice.name}`)
      case 'rejected':
        return this.coverage.count('message rejected')
      case 'enabled':
        return this.#enabled(node, notice.features)
      case 'unsupported':
        return this.coverage.count('unsupported message')
      case 'snapshotWanted':
        return this.coverage.count('snapshot wanted')
      case 'restartedInPlace':
        return this.#restarted(node, life, notice)
      case 'configuration':
        this.coverage.count('epoch opened')
        return this.violation('membership', this.memberships.opened(node, notice.configuration))
      case 'removed':
        return this.coverage.count(notice.mayStop ? 'removed, and dismissed' : 'removed')
      case 'epochFinished':
        return this.coverage.count('epoch finished')
      case 'stale':
        if (notice.stale) this.coverage.count('member stale')
        return
      case 'suspected':
      case 'clockOffset':
      case 'fatal':
      case 'admitted':
        return
    }
  }

  /** Used, once no disk is left that a build without them would open (ADR 0033). */
  #enabled(node: number, features: readonly Feature[]): void {
    this.coverage.count('features switched on')
    const lacking = this.#lacking(featureSet(features))
    if (lacking.length === 0) return
    const why = `node ${node} uses ${features.join()}, not required at ${lacking.join()}`
    this.violation('versions', { name: 'used too early', why })
  }

  /** A client was answered by the node that it asked. */
  answered(
    node: number,
    parts: { txnId: bigint; duplicate: boolean; askedAt: Micros; life: number },
  ): void {
    const txnId = parts.txnId & PUBLIC_BITS
    if (this.#preempted.has(txnId)) this.coverage.count('answered though pre-empted')
    const invalidated = this.#lastInvalidated.get(node)
    if (invalidated === undefined || invalidated.life !== parts.life) return
    const again = parts.askedAt < invalidated.at && txnId > publicTxnId(invalidated.id)
    if (again && !parts.duplicate) this.coverage.count('batch invalidated and submitted again')
  }

  /** A node whose results differ answered: nobody believes it, and once it knows it must not. */
  lied(node: number, askedAt: Micros): { readonly kind: 'gone' } {
    this.violation('divergence', this.#liars.answered(node, askedAt))
    return { kind: 'gone' }
  }

  /** At the end: the deps of every decision that was seen, and whether the dead stayed dead. */
  finish(): void {
    for (const { node, incarnation, lateCalls } of this.#ended) {
      if (lateCalls === 0) continue
      const why = `node ${node} made ${lateCalls} calls after the end of its life ${incarnation}`
      this.violation('simulator', { name: 'the dead did not stay dead', why })
    }
    for (const each of checkDependencies([...this.#deps.values()], this.agreement.sequence)) {
      this.violation('dependencies', each)
    }
  }

  /**
   * An id whose record was lost with its write may be made again: nothing that names it left the
   * node (`protocol.md` 3.3), so it was never issued.
   */
  #submitted(node: number, life: number, id: TxnId): void {
    const wasLost = this.#issuedIn.has(id) && !this.#isDurable(node, id)
    this.#issuedIn.set(id, life)
    this.#bornAt.set(id, this.#queue.now)
    if (wasLost) this.coverage.count('id made again that was lost with its write')
    else this.violation('agreement', this.agreement.submitted(node, life, id))
  }

  /** A snapshot was installed, or needed no more: the replica began anew in the same life. */
  #restarted(node: number, life: number, { installed }: Restarted): void {
    if (installed !== undefined) this.#liars.cured(node)
    this.coverage.count(installed === undefined ? 'snapshot not needed' : 'snapshot installed')
    const step = installed && {
      position: installed.position,
      executeAt: installed.executeAt,
      txnHash: hex(installed.txnHash),
      execHash: hex(installed.execHash),
    }
    this.violation('agreement', this.agreement.restarted(node, life, step))
  }

  #decided(node: number, notice: Extract<Notice, { kind: 'decided' }>): void {
    this.coverage.count(PATHS[notice.path])
    this.#recovering.delete(notice.id)
    this.#decidedAt.set(`${node} ${notice.id}`, this.#queue.now)
    // A fast decision binds nobody before it is durable here: a crash may take it back
    // (`protocol.md` 2.2 d).
    if (notice.path === 'fast') return
    this.violation('agreement', this.agreement.decided(node, notice.id, notice.executeAt))
  }

  #invalidated(node: number, id: TxnId): void {
    this.#recovering.delete(id)
    const issuer = Number((id >> 16n) & 0xffffn)
    const life = this.#issuedIn.get(id) ?? 0
    this.#lastInvalidated.set(issuer, { at: this.#queue.now, id, life })
    this.violation('agreement', this.agreement.invalidated(node, id))
  }

  #applied(node: number, life: number, notice: Extract<Notice, { kind: 'applied' }>): void {
    const { watermark } = notice
    const step = {
      id: notice.id,
      executeAt: notice.executeAt,
      position: watermark.position,
      txnHash: hex(watermark.txnHash),
      execHash: hex(watermark.execHash),
    }
    // Where a difference was planted, the nodes must find it, not we.
    if (this.#mayDiffer(node)) return
    this.violation('agreement', this.agreement.applied(node, life, step))
    const decidedAt = this.#decidedAt.get(`${node} ${notice.id}`)
    if (decidedAt !== undefined && this.#queue.now - decidedAt >= 1_000_000) {
      this.coverage.count('blocked for a second')
    }
  }

  #recover(node: number, life: number, notice: Extract<Notice, { kind: 'recovering' }>): void {
    this.coverage.count(`recovery of ${notice.status}`)
    this.#recoveries.push({ node, at: this.#queue.now, id: notice.id })
    const other = this.#recovering.get(notice.id)
    if (other !== undefined && other.node !== node) this.coverage.count('two recoveries at once')
    this.#recovering.set(notice.id, { node, at: this.#queue.now })
    const bornIn = this.#issuedIn.get(notice.id)
    if (notice.own && bornIn !== undefined && bornIn < life) {
      this.coverage.count('own recovery after restart')
    }
  }

  #look(from: number, message: Message): void {
    if (message.kind === 'stable') this.#stable(message)
    if (!STATES_A_RECORD.has(message.kind) || !('id' in message)) return
    if (this.#isDurable(from, message.id)) return
    const what = `${message.kind} of ${message.id}`
    const why = `node ${from} sent ${what}, and its disk has no record of it`
    this.violation('release', { name: 'said before it was durable', why })
  }

  #stable(message: Stable): void {
    const { id, executeAt, deps } = message
    if (!this.#deps.has(id)) this.#deps.set(id, { id, executeAt, deps })
    this.violation('agreement', this.agreement.decided(nodeOf(id), id, executeAt))
    const isLater = deps.ids.some((dep) => {
      const at = this.agreement.outcomeOf(dep)
      return typeof at === 'bigint' && at > executeAt
    })
    if (isLater) this.coverage.count('dep with a later executeAt')
  }
}

const PATHS = { fast: 'fast path', slow: 'slow path', recovered: 'decided by recovery' } as const

/** Messages that may leave only once their sender holds a durable record (`protocol.md` 3.3). */
const STATES_A_RECORD: ReadonlySet<Message['kind']> = new Set([
  'preAccept',
  'preAcceptOk',
  'accept',
  'acceptOk',
  'acceptInvalid',
  'acceptInvalidOk',
  'recover',
  'recoverOk',
  'stable',
])

const REPROPOSED = {
  id: 'recovery proposes the id',
  later: 'recovery proposes later',
  accepted: 'recovery proposes an accepted value',
  invalid: 'recovery invalidates',
} as const

/** Events of the core that are counted under another name. */
const EVENTS: Readonly<Record<string, string>> = {
  catchUpServed: 'catch-up served',
  closed: 'ids closed',
  floorRaised: 'floor raised by its driver',
  floorLeavesUndecided: 'floor with something undecided below',
  erased: 'records erased',
  logShortened: 'log shortened',
  truncatedAnswered: 'Truncated answered',
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
