/**
 * One random schedule of real cores (`testing.md` 2.9): a function of its seed. Messages in any
 * order, writes and executions that lag, timers that run early, crashes; then everything is
 * completed fairly.
 */

import type { ReadId } from '@synevi/accord'
import type { CoreNode } from '../core-world/core-node.ts'
import { CoreWorld, type Packet } from '../core-world/core-world.ts'
import { complete } from '../core-world/completion.ts'
import { checkRebuilt } from '../core-world/rebuilt.ts'
import { checkWatched } from '../core-world/watched.ts'
import { Prng } from '../prng.ts'
import { fateOf } from './fate.ts'
import { drawMembers } from './draw-members.ts'
import type { WalkCounts } from './walk-counts.ts'
import { drawPlan, type Bias, type Rates, type WalkPlan } from './walk-plan.ts'

/** Simulated time in which everything must be finished after the faults end. */
const PATIENCE_MS = 120_000
/** How much of its heartbeats a schedule sees: they are many, and say little. */
const HEARTBEATS_KEPT = 0.1

/** What happened in one walk. */
export type WalkResult = Omit<WalkCounts, 'walks'>

/** What is not left to the seed: the number of members, whether they change, lines for a reader. */
export interface WalkSettings {
  readonly n?: number | undefined
  readonly changes?: boolean | undefined
  readonly transcript?: boolean
}

/** Runs the walk of a seed. Throws a Violation. `n` fixes the number of nodes. */
export function walk(seed: bigint, settings: WalkSettings = {}): WalkResult {
  return new Walk(seed, settings).run()
}

/** The lines of a walk, whether it fails or not. */
export function transcriptOf(seed: bigint, settings: WalkSettings): readonly string[] {
  const run = new Walk(seed, { ...settings, transcript: true })
  try {
    run.run()
  } catch (error) {
    return [...run.lines(), String(error)]
  }
  return run.lines()
}

const KINDS: readonly (keyof Rates | 'close' | 'change')[] = [
  'deliver',
  'store',
  'execute',
  'leap',
  'crash',
  'restart',
  'submit',
  'link',
  'tick',
  'read',
  'offer',
  'close',
  'change',
]
const hasWrite = (node: CoreNode): boolean => node.hasWrite
const hasExecution = (node: CoreNode): boolean => node.hasExecution
const isDead = (node: CoreNode): boolean => !node.alive

/** With a late birth: what makes a node look after deps it does not know. */
const LEANS: ReadonlySet<string> = new Set(['preAcceptOk', 'stable', 'queryOk', 'recoverOk'])

/** With outcomes unheard: the steps of a recovery that timers carry on. */
const WORDS: ReadonlySet<string> = new Set(['accept', 'recover', 'recoverOk', 'queryOk', 'nack'])
/** Long enough for every timer of a transaction. */
const LEAP_MS = 3_000

class Walk {
  readonly #chance: Prng
  readonly #plan: WalkPlan
  readonly #world: CoreWorld
  /** Reads whose clients will not wait. */
  readonly #givenUp: { readonly node: number; readonly read: ReadId }[] = []
  /** Messages that wait for the end. */
  readonly #held: Packet[] = []
  readonly #weights: number[] = KINDS.map(() => 0)
  #submitted = 0
  #changes = 0
  #reads = 0
  #crashes = 0
  #sends = 0
  #deadForGood = 0
  #duelTurn = 0
  #events = 0
  /** Features are agreed on by heartbeats alone. */
  get #heartbeatsKept(): number {
    if (this.#plan.changes !== undefined) return 0.5
    return this.#plan.offers === undefined ? HEARTBEATS_KEPT : 1
  }

  /** Set while a node must die in the middle of what it says. */
  #dying: { readonly node: number; readonly forGood: boolean } | undefined

  constructor(seed: bigint, settings: WalkSettings) {
    this.#chance = Prng.of(seed)
    this.#plan = drawPlan(this.#chance.fork('plan'), seed, settings)
    const { n, universe, replica, wallOffsets, encoded, prompt, offers, before } = this.#plan
    this.#world = CoreWorld.open({
      n,
      universe,
      replica,
      wallOffsets,
      encoded,
      prompt,
      offers,
      before,
      joiners: this.#plan.changes?.joiners,
      transcript: settings.transcript ?? false,
    })
    this.#world.onSend = (packet): boolean => this.#mayLeave(packet)
  }

  lines(): readonly string[] {
    return this.#world.transcript.lines()
  }

  run(): WalkResult {
    const { txns, events } = this.#plan
    while (this.#events < events || this.#submitted < txns.length) {
      this.#giveUp()
      this.#event()
      this.#events++
      if (this.#dying !== undefined) this.#die(this.#dying)
      if (this.#events > 10 * events + 100) break
      if (this.#isIdle() && this.#chance.chance(0.3)) break
    }
    for (const node of this.#world.nodes) checkWatched(node)
    if (this.#plan.rebuilt) for (const node of this.#world.nodes) checkRebuilt(node)
    this.#heal()
    complete(this.#world, PATIENCE_MS)
    return this.#result()
  }

  /** Nothing is under way: only timers and crashes could happen. */
  #isIdle(): boolean {
    const { bag, nodes } = this.#world
    if (bag.length > 0 || this.#submitted < this.#plan.txns.length) return false
    if (this.#reads < this.#plan.reads.length) return false
    return !nodes.some((node) => node.hasWrite || node.hasExecution)
  }

  #event(): void {
    const { rates, leapMs, txns, reads, changes } = this.#plan
    const world = this.#world
    const { nodes } = world
    const writes = nodes.filter(hasWrite)
    const executions = nodes.filter(hasExecution)
    const dead = nodes.filter((node) => isDead(node) && !world.isRetired(node.serial))
    const weights = this.#weights
    weights[0] = world.bag.length > 0 ? rates.deliver : 0
    weights[1] = writes.length > 0 ? rates.store : 0
    weights[2] = executions.length > 0 ? rates.execute : 0
    weights[3] = rates.leap
    weights[4] = this.#crashes < this.#plan.crashesMax ? rates.crash : 0
    weights[5] = dead.length > this.#deadForGood ? rates.restart : 0
    weights[6] = this.#submitted < txns.length ? rates.submit : 0
    weights[7] = rates.link
    weights[8] = rates.tick + 0.001
    weights[9] = this.#reads < reads.length && this.#submitted > 0 ? rates.read : 0
    weights[10] = this.#plan.offers === undefined ? 0 : rates.offer
    weights[11] = this.#plan.closing?.rate ?? 0
    weights[12] = this.#changes < (changes?.count ?? 0) ? (changes?.rate ?? 0) : 0
    const kind = KINDS[this.#draw()]
    switch (kind) {
      case 'deliver':
        return this.#deliver()
      case 'store':
        return world.storeWrite(this.#chance.pick(writes).serial)
      case 'execute':
        return world.executeNext(this.#chance.pick(executions).serial)
      case 'leap':
        return this.#timers(this.#chance.below(world.nodes.length), leapMs)
      case 'crash':
        return this.#crash(this.#chance.below(world.nodes.length), false)
      case 'restart':
        return this.#restart(this.#chance.pick(dead).serial)
      case 'submit':
        return this.#submit()
      case 'link':
        return this.#flap()
      case 'read':
        return this.#read()
      case 'offer':
        return world.offer(this.#chance.below(this.#plan.n))
      case 'close':
        return this.#close()
      case 'change':
        return this.#change()
      case 'tick':
      case undefined:
        return world.advance(1 + this.#chance.below(20))
    }
  }

  /** An index, in proportion to the weights. */
  #draw(): number {
    let sum = 0
    for (const weight of this.#weights) sum += weight
    let rest = this.#chance.float() * sum
    for (let i = 0; i < this.#weights.length; i++) {
      rest -= this.#weights[i] ?? 0
      if (rest < 0) return i
    }
    return this.#weights.length - 1
  }

  /** A node's turn to close ids comes, if there is something to close. */
  #close(): void {
    const { closing, n } = this.#plan
    const ms = (closing?.floorIntervalMs ?? 0) * (1 + n / 4)
    this.#world.closing(this.#chance.below(n), Math.ceil(ms), 1 + this.#chance.below(20))
  }

  #change(): void {
    const node = this.#chance.below(this.#world.nodes.length)
    const members = drawMembers(this.#world, node, this.#chance)
    if (members === undefined) return
    this.#changes++
    this.#world.reconfigure(node, members)
  }

  /** A connection closes or opens again. */
  #flap(): void {
    const n = this.#world.nodes.length
    const node = this.#chance.below(n)
    const peer = (node + 1 + this.#chance.below(Math.max(1, n - 1))) % n
    if (node !== peer) this.#world.link(node, peer, this.#chance.chance(0.5))
  }

  #deliver(): void {
    const { biases, drop, duplicate } = this.#plan
    const packet = this.#world.take(this.#chance.below(this.#world.bag.length))
    for (const bias of biases) {
      const fate = fateOf(packet, bias)
      if (fate === 'held') return this.#hold(packet)
      if (fate === 'late' && this.#chance.chance(0.9)) return this.#putBack(packet)
    }
    if (drop > 0 && this.#chance.chance(drop)) return this.#world.transcript.packet(packet, ' LOST')
    if (duplicate > 0 && this.#chance.chance(duplicate)) this.#world.bag.push(packet)
    this.#world.deliver(packet)
    if (this.#plan.swift && packet.message.kind === 'recoverOk') this.#hurry(packet.to)
    for (const bias of biases) this.#lean(packet, bias)
  }

  #putBack(packet: Packet): void {
    this.#world.bag.push(packet)
  }

  #hold(packet: Packet): void {
    this.#held.push(packet)
  }

  /** Timers run where the bias wants them. */
  #lean(packet: Packet, bias: Bias): void {
    const { kind } = packet.message
    if (bias.kind === 'early' && kind === 'preAccept' && this.#chance.chance(0.15))
      this.#leap(packet.to)
    if (bias.kind === 'lateBirth' && LEANS.has(kind) && this.#chance.chance(0.5))
      this.#leap(packet.to)
    if (bias.kind === 'unheard' && WORDS.has(kind) && this.#chance.chance(0.25))
      this.#leap(packet.to)
    if (bias.kind === 'duel' && this.#chance.chance(0.1))
      this.#leap(bias.nodes[this.#duelTurn++ % 2] ?? 0)
  }

  /** One timer of a node, or all within so many milliseconds. */
  #timers(node: number, ms: number): void {
    if (this.#chance.chance(0.5)) this.#world.fire(node)
    else this.#world.leap(node, ms)
  }

  /** The next timers run: of a recoverer, the one that ends its wait for more than a quorum. */
  #hurry(node: number): void {
    for (let i = 0; i < 3; i++) this.#world.fire(node)
  }

  #leap(node: number): void {
    this.#world.leap(node, LEAP_MS)
  }

  #submit(): void {
    const txn = this.#plan.txns[this.#submitted]
    if (txn === undefined) return
    this.#submitted++
    const { n } = this.#plan
    for (let i = 0; i < n; i++) {
      const node = (txn.node + i) % n
      if (!this.#world.node(node).alive) continue
      this.#world.submit(node, txn.keys, Uint8Array.of(this.#submitted, node))
      return
    }
  }

  #read(): void {
    const of = this.#plan.reads[this.#reads++]
    if (of === undefined) return
    const read = this.#world.read(of.node, of.keys)
    if (read !== undefined && of.givenUp) this.#givenUp.push({ node: of.node, read })
  }

  /** A client gives up before the next thing happens, or much later. */
  #giveUp(): void {
    if (this.#givenUp.length === 0 || !this.#chance.chance(0.2)) return
    const one = this.#givenUp.shift()
    if (one !== undefined) this.#world.cancelRead(one.node, one.read)
  }

  #mayLeave(packet: Packet): boolean {
    if (packet.message.kind === 'heartbeat' && !this.#chance.chance(this.#heartbeatsKept))
      return false
    if (this.#dying?.node === packet.from) return false
    for (const bias of this.#plan.biases) {
      if (bias.kind !== 'dies' || packet.from !== bias.node || packet.message.kind === 'heartbeat')
        continue
      this.#sends++
      if (this.#sends === bias.after) this.#dying = { node: bias.node, forGood: bias.forGood }
    }
    return true
  }

  #die(dying: { readonly node: number; readonly forGood: boolean }): void {
    this.#dying = undefined
    this.#crash(dying.node, dying.forGood)
  }

  #crash(node: number, forGood: boolean): void {
    if (!this.#world.node(node).alive) return
    this.#crashes++
    this.#world.crash(node, this.#chance.chance(0.5) ? 'written' : 'lost')
    if (!forGood || this.#deadForGood >= this.#plan.deadMax) return
    this.#deadForGood++
    if (this.#chance.chance(0.5)) this.#forget(node)
  }

  /** What it said last is lost with it. */
  #forget(node: number): void {
    for (const packets of [this.#world.bag, this.#held]) {
      const kept = packets.filter(({ from }) => from !== node)
      packets.splice(0, packets.length, ...kept)
    }
  }

  #restart(node: number): void {
    this.#world.restart(node)
  }

  /** Faults end: what was held arrives, who is not dead for good comes back. */
  #heal(): void {
    const world = this.#world
    world.onSend = undefined
    if (this.#dying !== undefined) this.#die(this.#dying)
    let dead = world.nodes.filter(({ alive, serial }) => !alive && !world.isRetired(serial)).length
    for (const node of world.nodes) {
      if (node.alive || world.isRetired(node.serial) || dead <= this.#deadForGood) continue
      dead--
      world.restart(node.serial)
    }
    for (const node of world.nodes) {
      for (const peer of world.nodes) {
        if (peer !== node && (!node.alive || this.#plan.rates.link > 0))
          world.link(peer.serial, node.serial, node.alive)
      }
    }
    world.bag.push(...this.#held)
  }

  #result(): WalkResult {
    const { fast, slow, recovered, invalidated, recovering, enabled } = this.#world.counts
    const { events } = this.#world
    const txns = [...this.#world.truth.known()].length
    return {
      events: this.#events,
      txns,
      crashes: this.#crashes,
      fast,
      slow,
      recovered,
      invalidated,
      enabled,
      epochs: this.#world.truth.epochs.last - 1,
      letGo: this.#world.nodes.filter(({ serial }) => this.#world.isRetired(serial)).length,
      recoveries: recovering,
      barriers: events.get('barrier') ?? 0,
      driven: events.get('floorLeavesUndecided') ?? 0,
      erased: events.get('erased') ?? 0,
      truncated: events.get('truncatedAnswered') ?? 0,
      belowFloor: events.get('belowFloor') ?? 0,
    }
  }
}
