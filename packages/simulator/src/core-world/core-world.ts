/**
 * A cluster of real replica cores and nothing else: a bag of messages in no order, a disk and an
 * executor for each, clocks that the schedule moves. Every method is one event of a schedule; after
 * each, the checks of {@link Truth} have been made.
 */

import {
  ALL_FEATURES,
  FRAME_VERSION,
  FRAME_VERSION_MIN,
  decodeFrame,
  encodeFrame,
  epoch,
  featureSet,
  nodeSerial,
  type Bytes,
  type ConflictKey,
  type FeatureSet,
  type Keys,
  type MemberEntry,
  type Message,
  type NodeSerial,
  type Notice,
  type ReadId,
  type ReplicaOptions,
  type SubmissionId,
} from '@synevi/accord'
import type { ChainKind } from './chain.ts'
import { CoreNode } from './core-node.ts'
import { membersOf, storeIdOf } from './durable-store.ts'
import { isKnownToFirst } from './first-release.ts'
import { readId } from './known-reads.ts'
import { submissionId } from './submission-id.ts'
import { Transcript } from './transcript.ts'
import { Truth } from './truth.ts'
import { check } from './violation.ts'

/** A message on its way. */
export interface Packet {
  readonly from: NodeSerial
  readonly to: NodeSerial
  readonly message: Message
}

/** Fixed for a run. */
export interface CoreWorldOptions {
  /** Members of epoch 1: 0 … n-1. */
  readonly n: number
  /** Nodes that run beside them and may become members, by the next serials. Default 0. */
  readonly joiners?: number | undefined
  /**
   * The keys that transactions of this run name. More than one: chains are not compared between
   * nodes.
   */
  readonly universe: readonly ConflictKey[]
  readonly replica: ReplicaOptions
  /** For each node, in nanoseconds; missing: none. */
  readonly wallOffsets?: readonly bigint[]
  /** Every message is encoded and decoded on its way. Default false. */
  readonly encoded?: boolean
  /** Writes and executions finish in the event that began them. Default false. */
  readonly prompt?: boolean
  /**
   * What each node offers of features that nobody agreed on yet, by serial. Default: all are agreed
   * and in use from the start.
   */
  readonly offers?: readonly FeatureSet[] | undefined
  /** Nodes that read and write frames of version 1, until they offer what this build has. */
  readonly before?: readonly number[] | undefined
  /** Lines for a reader are kept. Default false. */
  readonly transcript?: boolean
}

/** Nothing is closed unless the run asks for it. */
const NEVER_MS = 2 ** 40

/** A node of such a world, closed, on an empty disk. */
export function newNode(options: CoreWorldOptions, serial: number): CoreNode {
  const chain: ChainKind = options.universe.length > 1 ? 'keyed' : 'one'
  const seed = options.replica.seed + BigInt(serial)
  return new CoreNode({
    self: nodeSerial(serial),
    members: membersOf(options.n),
    options: {
      ...{ floorIntervalMs: NEVER_MS, ...options.replica, seed, singleKey: chain === 'one' },
      offers: options.offers?.[serial] ?? ALL_FEATURES,
    },
    features: options.offers === undefined ? undefined : { requires: 0, active: 0 },
    chain,
    wallOffset: options.wallOffsets?.[serial] ?? 0n,
  })
}

const CLUSTER = new Uint8Array(16)

/** Not safe after a Violation: what follows it means nothing. */
export class CoreWorld {
  readonly nodes: readonly CoreNode[]
  readonly truth: Truth
  /** In no order; {@link CoreWorld.take} swaps. */
  readonly bag: Packet[] = []
  readonly transcript: Transcript
  readonly #options: CoreWorldOptions
  /** Of the release before. */
  readonly #before: Set<number>
  #nextSubmission = 0
  #nextRead = 0
  readonly #retired = new Set<NodeSerial>()
  /** How often what was noticed. */
  readonly counts = { fast: 0, slow: 0, recovered: 0, invalidated: 0, recovering: 0, enabled: 0 }
  /** Of other notices, by name. */
  readonly events: Map<string, number> = new Map()
  /** Called for each message that leaves; false loses it, and may crash its node first. */
  onSend: ((packet: Packet) => boolean) | undefined

  private constructor(parts: {
    options: CoreWorldOptions
    nodes: readonly CoreNode[]
    truth: Truth
  }) {
    this.#options = parts.options
    this.#before = new Set(parts.options.before)
    this.nodes = parts.nodes
    this.truth = parts.truth
    this.transcript = new Transcript(parts.options.transcript ?? false)
  }

  /** All nodes are open, on empty disks. */
  static open(options: CoreWorldOptions): CoreWorld {
    const { n, universe, joiners = 0 } = options
    const nodes = Array.from({ length: n + joiners }, (_, serial) => newNode(options, serial))
    const truth = new Truth(n, universe, n + joiners)
    const world = new CoreWorld({ options, nodes, truth })
    for (const node of nodes) {
      node.open()
      world.#absorb(node)
    }
    return world
  }

  /**
   * Goes on from nodes and truth as they are: nothing is under way. `submissions`, `reads`: how
   * many there were.
   */
  static resume(
    options: CoreWorldOptions,
    parts: { nodes: readonly CoreNode[]; truth: Truth; submissions: number; reads: number },
  ): CoreWorld {
    const world = new CoreWorld({ options, nodes: parts.nodes, truth: parts.truth })
    world.#nextSubmission = parts.submissions
    world.#nextRead = parts.reads
    return world
  }

  node(serial: number): CoreNode {
    const node = this.nodes[serial]
    check(node !== undefined, 'harness', () => `no node n${serial}`)
    return node
  }

  /** A client of this node, if it runs. */
  submit(serial: number, keys: Keys, payload: Bytes): SubmissionId | undefined {
    const node = this.node(serial)
    if (!node.alive) return undefined
    const submission = submissionId(this.#nextSubmission++)
    this.transcript.say(() => `n${serial} submits ${keys === 'all' ? 'all' : keys.join('+')}`)
    this.truth.submitted(node.serial, submission, keys)
    node.step({ kind: 'submit', submission, keys, payload })
    this.#absorb(node)
    return submission
  }

  /** A client reads at this node, if it runs. */
  read(serial: number, keys: Keys): ReadId | undefined {
    const node = this.node(serial)
    if (!node.alive) return undefined
    const read = readId(this.#nextRead++)
    this.transcript.say(() => `n${serial} reads ${keys === 'all' ? 'all' : keys.join('+')} ${read}`)
    this.truth.readBegun(node.serial, read, keys)
    node.step({ kind: 'read', read, keys })
    this.#absorb(node)
    return read
  }

  /** The client of a read gave up. */
  cancelRead(serial: number, read: ReadId): void {
    const node = this.node(serial)
    this.transcript.say(() => `n${serial} gives up read ${read}`)
    this.truth.reads.cancelled(read)
    node.step({ kind: 'cancelRead', read })
    this.#absorb(node)
  }

  /** An operator of this node, if it runs, wants these members; their stores are named. */
  reconfigure(serial: number, members: readonly MemberEntry[]): void {
    const node = this.node(serial)
    const open = node.status()?.configuration
    if (open === undefined) return
    const submission = submissionId(this.#nextSubmission++)
    this.transcript.say(() => `n${serial} wants ${describe(members)}`)
    this.truth.submitted(node.serial, submission, 'all')
    const named = members.map((each) => ({ ...each, storeId: storeIdOf(each.serial) }))
    node.step({
      ...{ kind: 'reconfigure', submission, expectEpoch: open.epoch, members: named },
      force: true,
    })
    this.#absorb(node)
  }

  /** Removes a message from the bag. */
  take(index: number): Packet {
    const packet = this.bag[index]
    const last = this.bag.pop()
    check(packet !== undefined && last !== undefined, 'harness', () => `no message ${index}`)
    if (index < this.bag.length) this.bag[index] = last
    return packet
  }

  /** A message reaches its node; one that does not run never hears of it. */
  deliver(packet: Packet): void {
    const { from, to } = packet
    const node = this.node(to)
    if (!node.alive) return
    const message = this.#carried(packet)
    if (message === undefined) return
    this.transcript.packet(packet, '')
    this.truth.delivered(from, to, message)
    node.step({ kind: 'receive', from, message })
    this.#absorb(node)
  }

  /** The disk of this node finishes its write. */
  storeWrite(serial: number): void {
    const node = this.node(serial)
    if (!node.hasWrite) return
    this.transcript.say(() => `n${serial} stored`)
    node.storeWrite()
    this.#absorb(node)
  }

  executeNext(serial: number): void {
    const node = this.node(serial)
    if (!node.hasExecution) return
    node.executeNext()
    this.#absorb(node)
  }

  /** Time goes on at this node alone, and its timers run. */
  leap(serial: number, elapsedMs: number): void {
    const node = this.node(serial)
    this.transcript.say(() => `n${serial} leaps ${elapsedMs} ms`)
    node.advance(elapsedMs, 0)
    node.step({ kind: 'wake' })
    this.#absorb(node)
  }

  /** A little time goes on everywhere, and at this node so much that it closes what is to close. */
  closing(serial: number, elapsedMs: number, tickMs: number): void {
    this.advance(tickMs)
    this.leap(serial, elapsedMs)
  }

  /** Time goes on at this node alone, until its next timer. */
  fire(serial: number): void {
    const due = this.node(serial).dueInMs
    if (due !== undefined) this.leap(serial, Math.ceil(due))
  }

  /** Time goes on everywhere; whoever is due wakes. */
  advance(ms: number): void {
    for (const node of this.nodes) node.advance(ms, ms)
    for (const node of this.nodes) {
      if (node.dueInMs !== 0) continue
      node.step({ kind: 'wake' })
      this.#absorb(node)
    }
  }

  crash(serial: number, write: 'written' | 'lost'): void {
    const node = this.node(serial)
    if (!node.alive) return
    this.transcript.say(() => `n${serial} crashes, its write ${write}`)
    node.crash(write)
    this.#observe(node)
  }

  /** Whether it was left out, and has gone for good. */
  isRetired(serial: number): boolean {
    return this.#retired.has(nodeSerial(serial))
  }

  restart(serial: number): void {
    const node = this.node(serial)
    if (node.alive || this.isRetired(serial)) return
    this.transcript.say(() => `n${serial} restarts`)
    node.open()
    this.#absorb(node)
  }

  /** Tells the peers that the link to a node is closed or open again. */
  link(serial: number, peer: number, up: boolean): void {
    const node = this.node(serial)
    node.step({ kind: 'link', peer: this.node(peer).serial, up })
    this.#absorb(node)
  }

  /** The operator of a node holds no feature back any longer. */
  offer(serial: number): void {
    const node = this.node(serial)
    this.transcript.say(() => `n${serial} offers all features`)
    this.#before.delete(serial)
    node.step({ kind: 'offer' })
    this.#absorb(node)
  }

  /** Finishes writes and executions of a node, in turn, until it waits for neither. */
  settle(serial: number): void {
    const node = this.node(serial)
    node.settle()
    this.#observe(node)
  }

  #absorb(node: CoreNode): void {
    this.#observe(node)
    if (this.#options.prompt === true) this.settle(node.serial)
    if (!this.#retired.has(node.serial) || !node.alive) return
    // Nobody needs it any more, it says: it goes, and never comes back.
    this.transcript.say(() => `n${node.serial} is let go`)
    node.crash('written')
    this.#observe(node)
  }

  #observe(node: CoreNode): void {
    const effects = node.takeEffects()
    if (effects.length === 0) return
    this.transcript.effects(node.serial, effects)
    this.truth.observe(node.serial, effects)
    for (const effect of effects) {
      if (effect.kind === 'sent')
        this.#post({ from: node.serial, to: effect.to, message: effect.message })
      if (effect.kind === 'noticed') this.#noticed(node, effect.notice)
    }
  }

  #post(packet: Packet): void {
    if (this.onSend === undefined || this.onSend(packet)) this.bag.push(packet)
  }

  #noticed(node: CoreNode, notice: Notice): void {
    if (notice.kind === 'removed' && notice.mayStop) this.#retired.add(node.serial)
    if (notice.kind === 'enabled') this.#checkRequired(node, featureSet(notice.features))
    if (notice.kind === 'decided') this.counts[notice.path]++
    if (notice.kind === 'invalidated') this.counts.invalidated++
    if (notice.kind === 'recovering') this.counts.recovering++
    const name =
      notice.kind === 'event'
        ? notice.name
        : notice.kind === 'refusedByPeer'
          ? notice.reason
          : notice.kind
    this.events.set(name, (this.events.get(name) ?? 0) + 1)
  }

  /** A feature is used once no disk is left that a build without it would open (ADR 0033). */
  #checkRequired(node: CoreNode, used: FeatureSet): void {
    this.counts.enabled++
    for (const { serial, store } of this.nodes) {
      if (serial >= this.#options.n) continue
      const isRequired = (used & ~store.features.requires) === 0
      check(isRequired, 'features', () => `n${node.serial} uses what n${serial} does not require`)
    }
  }

  /** What arrives; undefined where one of both is of the release before, which lacks it. */
  #carried(packet: Packet): Message | undefined {
    const isBefore = this.#before.has(packet.from) || this.#before.has(packet.to)
    if (!isBefore && this.#options.encoded !== true) return packet.message
    const message = recode(packet, isBefore ? FRAME_VERSION_MIN : FRAME_VERSION)
    if (!isBefore) return message
    const isKnown = message === undefined || isKnownToFirst(message)
    check(isKnown, 'versions', () => `n${packet.to} of version 1 got ${packet.message.kind}`)
    return message
  }
}

function describe(members: readonly MemberEntry[]): string {
  return members.map(({ serial, role }) => `${serial}${role === 'learner' ? 'l' : ''}`).join(' ')
}

/** What the receiver decodes of what the sender encoded; undefined: version 1 lacks it. */
function recode(packet: Packet, version: number): Message | undefined {
  const parts = { cluster: CLUSTER, from: packet.from, openEpoch: epoch(1) }
  const frame = encodeFrame({ ...parts, messages: [packet.message] }, version)
  const decoded = decodeFrame(frame, { messagesMax: 1, payloadMaxBytes: 1024 })
  check(decoded.ok, 'codec', () => `${packet.message.kind}: ${decoded.ok ? '' : decoded.why}`)
  const [message] = decoded.value.messages
  const isLost = message === undefined && version === FRAME_VERSION
  check(!isLost, 'codec', () => `${packet.message.kind}: lost`)
  return message
}
