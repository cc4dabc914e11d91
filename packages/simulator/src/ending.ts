/**
 * The phases behind the faults: liveness of a majority, agreement of all, and power lost everywhere
 * at once.
 */

import type { AppliedTransaction } from 'synevi'
import { logOf, witnessOf } from './applied-log.ts'
import { type NodeDigest, compareDigests } from './check/agreement.ts'
import { checkRest } from './check/bounds.ts'
import { type DurableEntry, checkDurable } from './check/durable.ts'
import { operationsOf } from './check/history.ts'
import { checkListAppend } from './check/list-append.ts'
import { checkLocalReads } from './check/local-reads.ts'
import { checkWitness } from './check/witness.ts'
import { chooseMajority } from './choose-majority.ts'
import type { Micros } from './event-queue.ts'
import type { Injector } from './fault/injector.ts'
import type { Prng } from './prng.ts'
import { settled } from './settled.ts'
import { type Client, requestId } from './workload/client.ts'
import type { Machine } from './world/machine.ts'
import type { World } from './world/world.ts'

const SECOND: Micros = 1_000_000
/** Of the liveness phase, and of each heal after it. */
const PATIENCE: Micros = 60 * SECOND
/** Of one fresh request through each member, beside what recovery may take. */
const FRESH: Micros = 2 * SECOND
/** What one rank of the recovery timers may take: two slow round trips (`protocol.md` 7.2). */
const RANK: Micros = 500_000

interface Phase {
  serials: readonly number[]
  untilAnswered: boolean
  stop: boolean
}

/** Runs them in order; stops at the first violation. */
export class Ending {
  readonly #world: World
  readonly #injector: Injector
  readonly #clients: readonly Client[]
  readonly #phase: Phase

  constructor(world: World, injector: Injector, clients: readonly Client[], phase: Phase) {
    this.#world = world
    this.#injector = injector
    this.#clients = clients
    this.#phase = phase
  }

  async run(random: Prng): Promise<void> {
    const { machines, plan } = this.#world
    if (plan.changes === undefined) {
      await this.#liveness(chooseMajority(random, machines, plan), random)
    } else await this.#settleMembers(random)
    if (this.#isBroken()) return
    await this.#healAll()
    if (this.#isBroken()) return
    await this.#powerLoss()
    if (this.#isBroken()) return
    await this.#judge()
  }

  /** Everything pending is answered, everything is decided and applied, and new requests pass. */
  async #liveness(majority: readonly number[], random: Prng): Promise<void> {
    const { watch } = this.#world
    this.#phase.serials = majority
    this.#injector.heal(majority)
    const members = majority.flatMap((serial) => this.#world.machines[serial] ?? [])
    const isCalm = (): boolean =>
      this.#isBroken() || (this.#clients.every((client) => !client.busy) && this.#areLevel(members))
    if (!(await this.#world.pump(isCalm, PATIENCE))) {
      watch.violation('liveness', { name: 'not calm within a minute', why: this.#unrest(members) })
      return
    }
    for (const machine of members) await this.#fresh(machine, random)
    if (this.#isBroken()) return
    await this.#world.pump(() => this.#isBroken() || this.#areLevel(members), PATIENCE)
    await this.#world.pump(() => this.#isBroken(), SECOND)
    await this.#quiet(majority)
  }

  /**
   * Where the members change, everything heals: every change comes to its end, who joined has a
   * vote, and who went stops.
   */
  async #settleMembers(random: Prng): Promise<void> {
    const { watch, machines, administrator } = this.#world
    const all = machines.map(({ serial }) => serial)
    this.#injector.heal(all)
    this.#phase.serials = all
    const isCalm = (): boolean => {
      if (this.#isBroken()) return true
      if (administrator.pending > 0 || this.#clients.some((client) => client.busy)) return false
      return this.#areLevel(this.#whole()) && this.#outsiders().every(({ node }) => !node)
    }
    if (!(await this.#world.pump(isCalm, 2 * PATIENCE))) {
      const why = `${administrator.pending} changes pending; ${this.#unrest(machines)}`
      watch.violation('membership', { name: 'no rest after the changes', why })
      return
    }
    this.#phase.serials = this.#whole().map(({ serial }) => serial)
    for (const machine of this.#whole()) await this.#fresh(machine, random)
    await this.#quiet(this.#phase.serials)
  }

  /** Machines that are no members, or no more. */
  #outsiders(): readonly Machine[] {
    const { watch, machines } = this.#world
    return machines.filter(({ serial }) => !watch.memberships.isMember(serial))
  }

  /**
   * Recoveries stop. Nodes outside may still bring in what they left undecided, so that the first
   * quiet second may take a while; it comes.
   */
  async #quiet(majority: readonly number[]): Promise<void> {
    const { watch, queue } = this.#world
    let recoveries = 0
    for (let seconds = 0; seconds < 20 && !this.#isBroken(); seconds++) {
      const since = queue.now
      await this.#world.pump(() => this.#isBroken(), SECOND)
      recoveries = watch.recoveriesSince(since, new Set(majority))
      if (recoveries === 0) return
    }
    const why = `${recoveries} in the last of twenty seconds of rest`
    watch.violation('liveness', { name: 'recoveries go on', why })
  }

  /**
   * How long a fresh request may take: it may have to wait for a transaction that a node outside
   * the majority left undecided, `recoverAfterMs` and a rank for each member.
   */
  get #freshMax(): Micros {
    const { settings, nodes } = this.#world.plan
    return FRESH + settings.recoverAfterMs * 1_000 + nodes * RANK
  }

  /**
   * One request through this member, tried again after refusals as a client would. A member whose
   * clock ran ahead is refused by its voters, as it should.
   */
  async #fresh(machine: Machine, random: Prng): Promise<void> {
    const { watch, workload, queue } = this.#world
    const step = workload.next(workload.operations[0] ?? '', random)
    const client = this.#clients[0]
    if (machine.wasAhead || step.kind !== 'submit' || client === undefined) return
    const began = queue.now
    const freshMax = this.#freshMax
    const said: string[] = []
    const request = { ...step, id: requestId(random) }
    while (!this.#isBroken() && queue.now < began + freshMax) {
      const result: { said: string | undefined; ended: boolean } = { said: undefined, ended: false }
      const ended = (code: string | undefined): void => {
        result.ended = true
        result.said = code
      }
      client.once(machine, request, { timeoutMs: freshMax / 1000, ended })
      const left = began + freshMax - queue.now
      await this.#world.pump(() => result.ended || this.#isBroken(), left)
      if (result.ended && result.said === undefined) return
      said.push(result.said ?? 'nothing')
      await this.#world.pump(() => this.#isBroken(), Math.min(50_000, began + freshMax - queue.now))
    }
    const rest = this.#unrest([machine])
    const why = `node ${machine.serial} said ${said.join(', ')} from ${began} on: ${rest}`
    watch.violation('liveness', { name: 'fresh request not answered', why })
  }

  /** Everything heals; all that are not lost hold the same. */
  async #healAll(): Promise<void> {
    const { machines, watch } = this.#world
    const whole = this.#whole()
    this.#injector.heal(machines.map(({ serial }) => serial))
    this.#phase.serials = whole.map(({ serial }) => serial)
    if (!(await this.#world.pump(() => this.#isBroken() || this.#areLevel(whole), PATIENCE))) {
      watch.violation('liveness', { name: 'no agreement after the heal', why: this.#unrest(whole) })
      return
    }
    for (const machine of whole) {
      const status = machine.node?.status()
      if (status === undefined) continue
      watch.violation('bounds', checkRest({ node: machine.serial, ...status }))
    }
    this.#compare(whole)
    await this.#expectLost()
  }

  /** Who should have been found out is found out soon. */
  async #expectLost(): Promise<void> {
    const { machines, watch } = this.#world
    for (const machine of machines) {
      const { serial } = machine
      if (machine.wiped && machine.node !== undefined) {
        const why = `node ${serial} serves after its disk was lost`
        watch.violation('identity', { name: 'wiped node returned', why })
      }
      if (machine.damaged && !machine.wiped) await this.#expectNoticed(machine)
      if (!machine.differs || machine.wiped || machine.damaged) continue
      const isKnown = (): boolean => this.#isBroken() || watch.coverage.of('DIVERGED') > 0
      if (await this.#world.pump(isKnown, 10 * SECOND)) continue
      const why = `node ${serial} differs, and nobody saw it: ${this.#unrest([machine])}`
      watch.violation('divergence', { name: 'not noticed', why })
    }
  }

  /** What a disk altered is found by a read, by opening, or within one pass of the scrubber. */
  async #expectNoticed(machine: Machine): Promise<void> {
    const isNoticed = (): boolean => this.#isBroken() || machine.unnoticed().length === 0
    if (await this.#world.pump(isNoticed, 15 * SECOND)) return
    const [left] = machine.unnoticed()
    const why = `node ${machine.serial}: ${Buffer.from(left?.key ?? []).toString('hex')}`
    this.#world.watch.violation('damage', { name: 'not noticed', why })
  }

  /** All at once; then everything acknowledged is there. */
  async #powerLoss(): Promise<void> {
    const { watch, queue } = this.#world
    const whole = this.#whole()
    for (const machine of whole) machine.crash('power')
    for (const machine of whole) queue.after(1_000, () => machine.start())
    if (!(await this.#world.pump(() => this.#isBroken() || this.#areLevel(whole), PATIENCE))) {
      watch.violation('liveness', { name: 'no start after power loss', why: this.#unrest(whole) })
      return
    }
    this.#compare(whole)
    for (const machine of whole) await this.#verify(machine)
  }

  async #verify(machine: Machine): Promise<void> {
    const { node } = machine
    if (node === undefined) return
    const report = await this.#settled(node.verify())
    if (report === undefined || report.ok) return
    const { position, why: because } = report.firstBad ?? { position: 0n, why: 'unknown' }
    const why = `node ${machine.serial} at position ${position}: ${because}`
    this.#world.watch.violation('verify', { name: 'chain broken', why })
  }

  /** Equal positions, chains and states. */
  #compare(whole: readonly Machine[]): void {
    const digests: NodeDigest[] = []
    for (const machine of whole) {
      const { node } = machine
      if (node === undefined) continue
      const { position, hash } = node.status().applied
      const last = this.#world.watch.agreement.sequence.at(-1)
      digests.push({
        node: machine.serial,
        position,
        txnHash: hash,
        execHash: last?.execHash ?? '',
        state: node.stateDigest(),
      })
    }
    for (const each of compareDigests(digests)) this.#world.watch.violation('agreement', each)
  }

  async #judge(): Promise<void> {
    const { watch, recorder, workload } = this.#world
    const first = this.#whole()[0]
    const node = first?.node
    if (first === undefined || node === undefined) return
    const log = await this.#wholeLog()
    if (log === undefined) return watch.coverage.count('no node has the whole log')
    this.#world.log = log
    const sizes = new Map<bigint, number>()
    for (const { txnId } of log) sizes.set(txnId, (sizes.get(txnId) ?? 0) + 1)
    if ([...sizes.values()].some((size) => size > 1)) watch.coverage.count('batch of several')
    const entries = log.map((entry): DurableEntry => {
      const { id, name, payload, ok } = entry
      return { position: Number(entry.position), request: id, name, payload, ok }
    })
    const { acknowledged } = recorder
    for (const each of checkDurable({ acknowledged, log: entries, node: first.serial })) {
      watch.violation('durability', each)
    }
    const model = workload.model?.bind(workload)
    if (model === undefined) return
    const operations = operationsOf(recorder.lines)
    const witness = log.map((entry) => witnessOf(workload, entry))
    const { anomalies, replay } = checkWitness({ operations, log: witness, model })
    for (const each of anomalies) watch.violation('witness', each)
    for (const each of checkListAppend(operations)) watch.violation('list-append', each)
    for (const each of checkLocalReads(operations, replay)) watch.violation('local reads', each)
  }

  /**
   * What all nodes together have of the log: who took a snapshot lacks the beginning. Undefined
   * when a part of it is nowhere any more.
   */
  async #wholeLog(): Promise<readonly AppliedTransaction[] | undefined> {
    const entries = new Map<bigint, AppliedTransaction>()
    let last = 0n
    for (const { node } of this.#whole()) {
      if (node === undefined) continue
      const { position } = node.status().applied
      if (position > last) last = position
      // A log that retains nothing has nothing to give, now or later.
      const patience = new AbortController()
      this.#world.queue.after(SECOND, () => patience.abort())
      for (const entry of (await this.#settled(logOf(node, { signal: patience.signal }))) ?? []) {
        if (!entries.has(entry.position)) entries.set(entry.position, entry)
      }
    }
    if (BigInt(entries.size) !== last) return undefined
    return [...entries.values()].sort((a, b) => (a.position < b.position ? -1 : 1))
  }

  /** Those that are not lost for good. */
  #whole(): readonly Machine[] {
    const { machines, watch } = this.#world
    return machines.filter(
      ({ serial, state, wiped, differs, damaged }) =>
        watch.memberships.isMember(serial) && state !== 'lost' && !wiped && !differs && !damaged,
    )
  }

  /** All serve, have applied the same, and have nothing under way. */
  #areLevel(members: readonly Machine[]): boolean {
    let hash: string | undefined
    for (const { node } of members) {
      if (node === undefined) return false
      const { applied, inFlight, queued, undecided } = node.status()
      if (inFlight + queued + undecided > 0) return false
      // What has no entry extends the chain as well: positions alone would not tell.
      if (hash !== undefined && hash !== applied.hash) return false
      hash = applied.hash
    }
    return true
  }

  #unrest(members: readonly Machine[]): string {
    const busy = this.#clients.filter((client) => client.busy).length
    const pending = this.#world.recorder.pending
      .map(({ f, start }) => `${f} since ${start}`)
      .slice(0, 3)
    const nodes = members.map(({ serial, state, node }) => {
      if (node === undefined) return `${serial}: ${state}`
      const { phase, applied, inFlight, queued, undecided } = node.status()
      const work = `inFlight ${inFlight} queued ${queued} undecided ${undecided}`
      return `${serial}: ${phase} applied ${applied.position} ${work}`
    })
    return `${busy} clients busy (${pending.join(', ')}); ${nodes.join('; ')}`
  }

  /** What a promise of a node resolves to; a rejection is a violation. */
  #settled<T>(promise: Promise<T>): Promise<T | undefined> {
    return settled(promise, {
      pump: (until, atMost) => this.#world.pump(until, atMost),
      patience: 10 * SECOND,
      failed: (name, why) =>
        this.#world.watch.violation('errors', { name: `${name} at rest`, why }),
    })
  }

  #isBroken(): boolean {
    return this.#world.watch.violations.length > 0
  }
}
