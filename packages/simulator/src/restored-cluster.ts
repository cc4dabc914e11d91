/**
 * A cluster restored from the backup of another one, on fresh disks, in the same virtual time: it
 * is what the old one was at that position, and nothing of the old one talks to it (`testing.md`
 * 2.6).
 */

import { checkBackup, isSyneviError, restoreBackup } from 'synevi'
import { witnessOf } from './applied-log.ts'
import { type NodeDigest, compareDigests } from './check/agreement.ts'
import type { Acknowledged } from './check/durable.ts'
import { type Operation, operationsOf } from './check/history.ts'
import type { StateDigests } from './check/state-digests.ts'
import { checkWitness } from './check/witness.ts'
import type { Micros } from './event-queue.ts'
import { calmPlan } from './fault/calm-plan.ts'
import type { Prng } from './prng.ts'
import { RestoredJudge } from './restored-judge.ts'
import { settled } from './settled.ts'
import type { Trace } from './trace.ts'
import { Watch } from './watch.ts'
import type { Taken } from './workload/archivist.ts'
import { Client, requestId } from './workload/client.ts'
import { Recorder, type SentRequest } from './workload/recorder.ts'
import { Machine, memberOf } from './world/machine.ts'
import { SimNetwork } from './world/network.ts'
import { SimProcess } from './world/process.ts'
import type { World } from './world/world.ts'

const SECOND: Micros = 1_000_000
const PATIENCE: Micros = 60 * SECOND
const TICK: Micros = 1_000
const FLIPS = 6
/** Requests that the backup is too old for, sent again. */
const LATER_MAX = 5
const FRESH_EACH = 5
/** FACT.applied (`docs/reference/storage-layout.md`). */
const APPLIED_KEY = Uint8Array.of(0x01, 0x0a)

/** What it is restored from, and judged by. */
export interface RestoredParts {
  readonly world: World
  readonly trace: Trace
  readonly random: Prng
  readonly taken: Taken
  readonly digests: StateDigests
}

/** One for each run with a backup. */
export class RestoredCluster {
  readonly #parts: RestoredParts
  readonly #watch: Watch
  readonly #network: SimNetwork
  readonly #machines: readonly Machine[]
  readonly #recorder: Recorder
  readonly #clients: readonly Client[]
  readonly #judge: RestoredJudge
  #intruder: Machine | undefined

  constructor(parts: RestoredParts) {
    this.#parts = parts
    const { world, trace, random, taken } = parts
    const { queue, workload } = world
    const hasChanged = world.plan.changes !== undefined || taken.manifest.epoch > 1
    const plan = calmPlan(world.plan, hasChanged ? 1 : (world.plan.restore?.members ?? 1))
    this.#watch = new Watch({
      ...{ queue, trace, random: random.fork('watch'), nodes: plan.nodes },
      mayDiffer: () => false,
      isDurable: (node, id) => this.#machines[node]?.holdsRecord(id) === true,
    })
    this.#network = new SimNetwork({
      ...{ queue, trace, random: random.fork('network'), conditions: plan.wire },
      seen: (from, frame) => {
        if (from !== this.#intruder?.serial) this.#watch.frame(from, frame)
      },
      // Whoever fakes a hello is to be found out by the nodes.
      mindsClusters: false,
    })
    this.#network.limitFaults(() => false)
    const ground = { queue, trace, plan, workload, network: this.#network, watch: this.#watch }
    const fork = random.fork('machines')
    this.#machines = Array.from(
      { length: plan.nodes },
      (_, serial) => new Machine(serial, { ...ground, random: fork, knowsMembers: true }),
    )
    this.#recorder = new Recorder(queue)
    const phase = { serials: this.#machines.map(({ serial }) => serial), untilAnswered: true }
    this.#clients = this.#machines.map(
      ({ serial }) =>
        new Client(
          {
            ...{ queue, plan, workload, machines: this.#machines, recorder: this.#recorder },
            ...{ watch: this.#watch, phase: { ...phase, stop: false } },
          },
          random.fork(`client ${serial}`),
          0,
        ),
    )
    this.#judge = new RestoredJudge(world, taken.manifest, parts.digests)
  }

  /** Everything; what it finds are violations of the world. */
  async run(): Promise<void> {
    const { world, random } = this.#parts
    for (const machine of world.machines) machine.crash('power')
    const steps = [
      () => this.#check(random.fork('flips')),
      () => this.#restore(random.fork('restore')),
      () => this.#start(),
      () => this.#repeat(random.fork('repeat')),
      () => this.#later(random.fork('later')),
      () => this.#fresh(random.fork('fresh')),
      () => this.#knock(random.fork('knock')),
      () => this.#settle(),
    ]
    for (const step of steps) {
      await step()
      for (const each of this.#watch.violations.splice(0))
        world.watch.violation(`restored: ${each.checker}`, each)
      if (world.watch.violations.length > 0) return
    }
    this.#watch.finish()
    world.watch.coverage.count('cluster restored')
  }

  /** The backup is sound; with any one bit of it altered it is refused. */
  async #check(random: Prng): Promise<void> {
    const { taken, world } = this.#parts
    if (!(await this.#must('backup', () => checkBackup(taken.place)))) return
    for (let i = 0; i < FLIPS; i++) {
      const { place, where } = taken.place.flipped(random)
      const said = await this.#settled(checkBackup(place).then(() => 'nothing', codeOf))
      if (said === 'STORE_FAILED' || said === 'INCOMPATIBLE_VERSION')
        world.watch.coverage.count('damaged backup refused')
      else this.#watch.violation('backup', { name: 'damage not noticed', why: `${where}: ${said}` })
    }
  }

  async #restore(random: Prng): Promise<void> {
    const { taken, world } = this.#parts
    const all = this.#machines.map(({ serial }) => memberOf(serial))
    const clusters = new Set([taken.manifest.cluster])
    for (const { serial, disk } of this.#machines) {
      const process = new SimProcess({ node: serial, incarnation: 0, queue: world.queue })
      const { id } = memberOf(serial)
      const restored = await this.#must('restore', () =>
        restoreBackup({
          ...{ from: taken.place, store: disk.port(process), seed: random.u64() },
          self: { id, serial },
          members: all,
        }),
      )
      process.end()
      if (restored !== undefined) clusters.add(restored.cluster)
    }
    if (clusters.size === 2) return
    const why = [...clusters].join(', ')
    this.#watch.violation('restore', { name: 'not one new cluster', why })
  }

  async #start(): Promise<void> {
    for (const machine of this.#machines) machine.start()
    if (await this.#level('no start')) this.#same()
  }

  /** Every one of them holds what the backup says, and the old cluster held there. */
  #same(): void {
    for (const { serial, node } of this.#machines)
      if (node !== undefined) this.#watch.violation('restore', this.#judge.state(serial, node))
  }

  /** Whatever was acknowledged before is answered as it was, and has no effect. */
  async #repeat(random: Prng): Promise<void> {
    const { world, taken } = this.#parts
    const known = this.#judge.acknowledged.filter(
      ({ position = 0 }) => BigInt(position) <= taken.manifest.position,
    )
    const requests = known.flatMap((each) => sentAs(world.recorder, each))
    await this.#send(requests, random)
    for (const line of this.#recorder.lines) {
      if (line.type === 'invoke') continue
      const why = `${line.f} ${line.request}: ${line.error ?? `anew at ${line.position}`}`
      if (line.type !== 'ok' || line.duplicate !== true)
        this.#watch.violation('restore', { name: 'not remembered', why })
    }
    world.watch.coverage.count('restored request remembered', requests.length)
    if (await this.#level('no rest after repeats')) this.#unmoved()
  }

  /** Transactions of duplicates extend the chain, and nothing else. */
  #unmoved(): void {
    for (const { serial, node } of this.#machines)
      if (node !== undefined) this.#watch.violation('restore', this.#judge.unmoved(serial, node))
  }

  /** What came after the backup never was. */
  async #later(random: Prng): Promise<void> {
    const { world, taken } = this.#parts
    const { position } = taken.manifest
    const later = this.#judge.acknowledged.filter((each) => BigInt(each.position ?? 0) > position)
    const requests = later.slice(0, LATER_MAX).flatMap((each) => sentAs(world.recorder, each))
    const before = this.#recorder.lines.length
    await this.#send(requests, random)
    for (const { type, duplicate, f, request } of this.#recorder.lines.slice(before)) {
      if (type !== 'ok' || duplicate !== true) continue
      const why = `${f} ${request}`
      this.#watch.violation('restore', { name: 'remembers what is not in it', why })
    }
    world.watch.coverage.count('later request applied anew', requests.length)
  }

  async #fresh(random: Prng): Promise<void> {
    const { workload } = this.#parts.world
    const requests: SentRequest[] = []
    for (let i = 0; i < FRESH_EACH * this.#machines.length; i++) {
      const step = workload.next(random.pick(workload.operations), random)
      if (step.kind === 'submit') requests.push({ ...step, id: requestId(random) })
    }
    for (const request of requests) await this.#send([request], random)
  }

  /**
   * A node of the old cluster knocks, with its old disk: in the place of a member, where there are
   * enough others, else beside them. It is not heard, and hears nothing.
   */
  async #knock(random: Prng): Promise<void> {
    const { world, trace } = this.#parts
    const { queue, plan, workload } = world
    const count = this.#machines.length
    const serial = count === 3 ? 2 : count
    const old = world.machines[serial]
    if (old === undefined || plan.changes !== undefined) return
    if (old.wiped || old.damaged || old.differs || old.state === 'lost') return
    const replaced = this.#machines[serial]
    replaced?.crash('power')
    const watch = new Watch({
      ...{ queue, trace, random: random.fork('watch'), nodes: plan.nodes },
      mayDiffer: () => true,
      isDurable: () => true,
    })
    const ground = { queue, trace, workload, network: this.#network, watch }
    const calm = calmPlan(plan, plan.nodes)
    const intruder = new Machine(serial, { ...ground, plan: calm, random: random.fork('machine') })
    intruder.disk.load(old.disk.contents())
    this.#intruder = intruder
    const held = intruder.disk.valueOf(APPLIED_KEY)
    intruder.start()
    const others = this.#machines.filter((machine) => machine !== replaced)
    await world.pump(() => this.#isBroken(), SECOND)
    await this.#fresh(random.fork('requests'))
    await world.pump(() => this.#isBroken(), 2 * SECOND)
    intruder.crash('power')
    const now = intruder.disk.valueOf(APPLIED_KEY)
    if (held === undefined || now === undefined || Buffer.compare(held, now) !== 0)
      this.#watch.violation('restore', { name: 'old node follows', why: `node ${serial}` })
    for (const each of watch.violations) this.#watch.violation('intruder', each)
    const refused = others.reduce(
      (sum, { node }) => sum + (node?.status().counters.rejectedFrames ?? 0n),
      0n,
    )
    world.watch.coverage.count('frame of another cluster refused', Number(refused))
    if (replaced !== undefined && refused === 0n)
      this.#watch.violation('restore', { name: 'old node let in', why: `node ${serial}` })
    this.#intruder = undefined
    replaced?.start()
  }

  /** All agree, on a chain that goes on from the restored one; every answer fits it. */
  async #settle(): Promise<void> {
    const { world, random } = this.#parts
    await this.#fresh(random.fork('last'))
    if (!(await this.#level('no agreement'))) return
    const digests = this.#machines.flatMap(({ serial, node }): NodeDigest[] => {
      if (node === undefined) return []
      const { position, hash } = node.status().applied
      return [{ node: serial, position, txnHash: hash, execHash: '', state: node.stateDigest() }]
    })
    for (const each of compareDigests(digests)) this.#watch.violation('agreement', each)
    for (const { serial, node } of this.#machines) {
      const report = node === undefined ? undefined : await this.#settled(node.verify())
      if (report?.ok !== false) continue
      const why = `node ${serial}: ${report.firstBad?.why ?? report.damage?.[0]?.why ?? ''}`
      this.#watch.violation('verify', { name: 'chain broken', why })
    }
    const model = world.workload.model?.bind(world.workload)
    const log = await this.#judge.log(this.#machines[0]?.node, (promise) => this.#settled(promise))
    if (log === undefined || model === undefined) return
    world.watch.coverage.count('restored history judged')
    const operations = this.#operations()
    const witness = log.map((entry) => witnessOf(world.workload, entry))
    const { anomalies } = checkWitness({ operations, log: witness, model })
    for (const each of anomalies) this.#watch.violation('witness', each)
  }

  /** What clients of the old cluster saw of what is in the backup, then those of the new one. */
  #operations(): readonly Operation[] {
    const { world } = this.#parts
    const old = this.#judge.restoredOperations()
    const processes = world.recorder.newProcess()
    const own = operationsOf(this.#recorder.lines)
    const later = own.map((each) => ({ ...each, process: processes + each.process }))
    return [...old, ...later].map((each, index) => ({ ...each, index }))
  }

  /** All at once, each through any of the nodes that serve, until they are answered. */
  async #send(requests: readonly SentRequest[], random: Prng): Promise<void> {
    let open = 0
    const send = (request: SentRequest): void => {
      const usable = this.#machines.filter(({ node }) => node !== undefined)
      const machine = random.pick(usable)
      open++
      this.#clients[machine.serial]?.once(machine, request, {
        timeoutMs: 20_000,
        ended: (said) => {
          open--
          if (said !== undefined) unanswered.push(said)
        },
      })
    }
    const unanswered: string[] = []
    for (const request of requests) send(request)
    await this.#parts.world.pump(() => this.#isBroken() || open === 0, PATIENCE)
    if (open + unanswered.length === 0) return
    const why = `${open} open, and ${unanswered.join(', ')}`
    this.#watch.violation('restore', { name: 'not answered', why })
  }

  async #level(name: string): Promise<boolean> {
    const isLevel = (): boolean => this.#isBroken() || this.#areLevel()
    if (!(await this.#parts.world.pump(isLevel, PATIENCE))) {
      const states = this.#machines.map(
        ({ serial, state, node }) => `${serial}: ${state} ${node?.status().applied.position ?? ''}`,
      )
      this.#watch.violation('restore', { name, why: states.join('; ') })
    }
    return !this.#isBroken()
  }

  #areLevel(): boolean {
    const hashes = new Set<string>()
    for (const { node } of this.#machines) {
      if (node === undefined) return false
      const { applied, inFlight, queued, undecided } = node.status()
      if (inFlight + queued + undecided > 0) return false
      hashes.add(applied.hash)
    }
    return hashes.size === 1
  }

  /** What must succeed. Undefined when it did not, and that is a violation. */
  async #must<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
    const fail = (error: unknown): undefined =>
      this.#watch.violation(what, { name: 'refused', why: String(error) }) ?? undefined
    return this.#settled(run().catch(fail))
  }

  #settled<T>(promise: Promise<T>): Promise<T | undefined> {
    const { world } = this.#parts
    let isOver = false
    // What takes turns of the event loop alone must not wait for an event that never comes.
    const tick = (): void => {
      if (!isOver) world.queue.after(TICK, tick)
    }
    tick()
    return settled(promise, {
      pump: (until, atMost) => world.pump(() => (isOver = until()), atMost),
      patience: PATIENCE,
      failed: (name, why) => this.#watch.violation('errors', { name, why }),
    })
  }

  #isBroken(): boolean {
    return this.#watch.violations.length > 0
  }
}

function codeOf(error: unknown): string {
  return isSyneviError(error) && error.definite ? error.code : String(error)
}

/** As a client sent it: one id may have been used for two. */
function sentAs({ sent }: Recorder, told: Acknowledged): readonly SentRequest[] {
  const found = sent.find(
    ({ id, name, payload }) =>
      id === told.request && name === told.name && Buffer.compare(payload, told.payload) === 0,
  )
  return found === undefined ? [] : [found]
}
