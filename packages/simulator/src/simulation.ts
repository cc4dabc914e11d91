/**
 * One seed, to its verdict: a safety phase with all faults, a liveness phase with a healed
 * majority, a heal of everything, a loss of power everywhere, and all checkers (`testing.md` 2.6).
 */

import type { AppliedTransaction } from 'synevi'
import { EventQueue, type Micros } from './event-queue.ts'
import { Injector } from './fault/injector.ts'
import type { Plan } from './fault/plan.ts'
import { Prng } from './prng.ts'
import { Trace } from './trace.ts'
import { type Violation, Watch } from './watch.ts'
import { RestoredCluster } from './restored-cluster.ts'
import { StateDigests } from './check/state-digests.ts'
import { Administrator } from './workload/administrator.ts'
import { Archivist } from './workload/archivist.ts'
import { Client } from './workload/client.ts'
import { Recorder } from './workload/recorder.ts'
import type { Workload } from './workload/workload.ts'
import { Machine } from './world/machine.ts'
import { SimNetwork } from './world/network.ts'
import { opensWithout } from './world/version.ts'
import type { World } from './world/world.ts'
import { type Work, whyThin } from './coverage.ts'
import { Ending } from './ending.ts'
import { checkLoad } from './check/bounds.ts'
import type { Line } from './check/history.ts'

/** Bounds are looked at after so many events. */
const LOAD_EVERY = 1_000
/** K of `protocol.md` 8.6. */
const OWN_UNDECIDED_MAX = 64
/** At rest. */
const BACKUP_PATIENCE: Micros = 10_000_000

/** How a run ended. */
export interface Verdict {
  readonly seed: string
  readonly nodes: number
  readonly violations: readonly Violation[]
  /** Why the seed does not count; undefined when it does. */
  readonly thin: string | undefined
  readonly work: Work
  readonly coverage: Readonly<Record<string, number>>
  readonly traceHash: string
  readonly events: number
  /** Simulated time. */
  readonly micros: Micros
  readonly history: readonly Line[]
  /** The last lines of the trace, where they were kept. */
  readonly lines: readonly string[]
}

/** How to run it. */
export interface RunOptions {
  readonly plan: Plan
  readonly workload: Workload
  /** Lines of the trace to keep for a reader. Default 0. */
  readonly keepLines?: number
  /** Called with the world once everything was judged: further checks. */
  readonly check?: (world: World) => void | Promise<void>
}

/** Runs a plan. Never throws for what the system under test does: that is in the verdict. */
export async function runPlan(options: RunOptions): Promise<Verdict> {
  return new Simulation(options).run()
}

class Simulation implements World {
  readonly plan: Plan
  readonly queue = new EventQueue()
  readonly network: SimNetwork
  readonly machines: readonly Machine[]
  readonly watch: Watch
  readonly recorder: Recorder
  readonly workload: Workload
  readonly administrator: Administrator
  log: readonly AppliedTransaction[] = []
  readonly #trace: Trace
  readonly #random: Prng
  readonly #injector: Injector
  readonly #archivist: Archivist
  readonly #digests: StateDigests | undefined
  readonly #options: RunOptions

  constructor(options: RunOptions) {
    const { plan, workload } = options
    this.#options = options
    this.plan = plan
    this.workload = workload
    const root = Prng.of(BigInt(plan.seed)).fork('run')
    this.#random = root
    this.#trace = new Trace(options.keepLines ?? 0)
    const { queue } = this
    this.watch = new Watch({
      queue,
      trace: this.#trace,
      random: root.fork('watch'),
      mayDiffer: (node) => this.machines[node]?.differs === true,
      isDurable: (node, id) => this.machines[node]?.holdsRecord(id) === true,
      lacking: (features) => this.#lacking(features),
      nodes: plan.nodes,
    })
    this.network = new SimNetwork({
      queue,
      random: root.fork('network'),
      trace: this.#trace,
      conditions: plan.wire,
      seen: (from, frame) => this.watch.frame(from, frame),
      strange: (frame) => this.watch.strange(frame),
    })
    const ground = {
      queue,
      network: this.network,
      trace: this.#trace,
      watch: this.watch,
      plan,
      random: root.fork('machines'),
      workload,
    }
    const machines = plan.nodes + (plan.spares ?? 0)
    this.machines = Array.from({ length: machines }, (_, serial) => new Machine(serial, ground))
    this.recorder = new Recorder(queue)
    this.#injector = new Injector({
      queue,
      network: this.network,
      machines: this.machines,
      watch: this.watch,
      plan,
    })
    this.administrator = new Administrator({
      ...{ queue, plan, machines: this.machines, watch: this.watch },
      random: root.fork('administrator'),
    })
    this.#archivist = new Archivist({
      ...{ queue, plan, machines: this.machines, watch: this.watch },
      random: root.fork('archivist'),
    })
    this.#digests = plan.restore === undefined ? undefined : new StateDigests()
  }

  async run(): Promise<Verdict> {
    const { plan, queue, machines } = this
    for (const machine of machines) machine.start()
    this.#injector.schedule()
    this.administrator.schedule()
    this.#archivist.schedule()
    const phase = {
      serials: machines.map(({ serial }) => serial),
      untilAnswered: false,
      stop: false,
    }
    const clients = this.#clients(phase)
    for (const client of clients) void client.run()
    await this.pump(() => this.#isBroken(), plan.horizon)
    if (!this.#isBroken()) {
      phase.stop = true
      phase.untilAnswered = true
      const ending = new Ending(this, this.#injector, clients, phase)
      await ending.run(this.#random.fork('ending'))
    }
    if (!this.#isBroken()) await this.#restore()
    this.watch.finish()
    for (const machine of machines) this.#breaches(machine)
    if (!this.#isBroken()) await this.#ask()
    return this.#verdict(queue.now)
  }

  /** A cluster restored from the backup that was taken meanwhile. */
  async #restore(): Promise<void> {
    const { plan, watch } = this
    const digests = this.#digests
    if (plan.restore === undefined || digests === undefined) return
    await this.pump(() => this.#isBroken() || this.#archivist.taken !== undefined, BACKUP_PATIENCE)
    const { taken } = this.#archivist
    if (taken === undefined) {
      watch.violation('backup', { name: 'none', why: 'no node gave one, though all was well' })
      return
    }
    const random = this.#random.fork('restored')
    const parts = { world: this, trace: this.#trace, random, taken, digests }
    await new RestoredCluster(parts).run()
  }

  /** The caller's own check: what it throws is a violation. */
  async #ask(): Promise<void> {
    try {
      await this.#options.check?.(this)
    } catch (error) {
      this.watch.violation('check', {
        name: 'refused',
        why: error instanceof Error ? error.message : String(error),
      })
    }
  }

  async pump(until: () => boolean, atMost: Micros): Promise<boolean> {
    const limit = this.queue.now + atMost
    await turn()
    while (!until()) {
      if (!this.queue.step(limit)) {
        if (this.queue.now < limit) this.queue.advance(limit)
        await turn()
        return until()
      }
      await turn()
      this.#digests?.look(this.machines)
      if (this.queue.taken % LOAD_EVERY === 0) this.#checkLoad()
    }
    return true
  }

  /** Machines whose disk a build without these features would open. */
  #lacking(features: number): readonly number[] {
    // Who joins learns of it when it is in use already, and those who went need not know.
    const lacks = ({ serial, disk, wiped }: Machine): boolean =>
      serial < this.plan.nodes &&
      this.watch.memberships.isMember(serial) &&
      !wiped &&
      opensWithout(disk, features)
    return this.machines.filter(lacks).map(({ serial }) => serial)
  }

  /** Nothing grows without bound. */
  #checkLoad(): void {
    for (const { serial, node, settings } of this.machines) {
      const limits = {
        inFlightMax: settings.transactionsInFlightMax,
        // Invalidated batches wait beside the queue to be submitted again.
        queuedMax: settings.queuedMax + settings.transactionsInFlightMax,
        undecidedMax: 2 * this.machines.length * OWN_UNDECIDED_MAX,
      }
      if (node !== undefined)
        this.watch.violation('bounds', checkLoad({ node: serial, ...node.status() }, limits))
    }
  }

  #clients(phase: { serials: readonly number[]; untilAnswered: boolean; stop: boolean }): Client[] {
    const { count, requests } = this.plan.clients
    const ground = { ...this.#shared(), phase }
    return Array.from({ length: count }, (_, i) => {
      const share = Math.floor(requests / count) + (i < requests % count ? 1 : 0)
      return new Client(ground, this.#random.fork(`client ${i}`), share)
    })
  }

  #shared(): Omit<World, 'network' | 'pump' | 'log' | 'administrator'> {
    const { queue, plan, machines, recorder, watch, workload } = this
    return { queue, plan, machines, recorder, watch, workload }
  }

  #isBroken(): boolean {
    return this.watch.violations.length > 0
  }

  #breaches(machine: Machine): void {
    for (const why of machine.disk.breaches) {
      this.watch.violation('store contract', {
        name: 'broken by the node',
        why: `node ${machine.serial}: ${why}`,
      })
    }
  }

  #verdict(micros: Micros): Verdict {
    const { plan, watch, recorder } = this
    const work = this.#work()
    this.#countFrames()
    return {
      seed: plan.seed,
      nodes: plan.nodes,
      violations: watch.violations,
      thin: plan.classes.length === 0 ? undefined : whyThin(work),
      work,
      coverage: watch.coverage.all(),
      traceHash: this.#trace.hash(),
      events: this.queue.taken,
      micros,
      history: recorder.lines,
      lines: this.#trace.lines(),
    }
  }

  #work(): Work {
    const { counts } = this.network
    const { counts: faults, spans } = this.#injector
    const { ok, fail, info } = this.recorder.counts
    const overlapping = this.recorder.spans.filter(([start, end]) =>
      spans.some((span) => span.from <= end && start <= span.to),
    )
    const overtaken = counts.overtaken
    return {
      nodes: this.plan.nodes,
      requests: ok + fail + info,
      definite: ok + fail,
      overlapping: overlapping.length,
      messageFaults:
        counts.dropped +
        counts.duplicated +
        counts.spiked +
        counts.flipped +
        counts.late +
        overtaken,
      partitions: faults.partitions,
      crashes: faults.crashes,
      pauses: faults.pauses,
      diskFaults: faults.disk,
    }
  }

  #countFrames(): void {
    const { counts } = this.network
    for (const [name, count] of Object.entries(counts))
      this.watch.coverage.count(`frames ${name}`, count)
  }
}

/** Promises run dry: everything that became possible has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
