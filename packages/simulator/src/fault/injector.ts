/** Makes the faults of a plan happen, and heals what a phase wants healed. */

import type { EventQueue, Micros } from '../event-queue.ts'
import type { Watch } from '../watch.ts'
import type { Machine } from '../world/machine.ts'
import type { SimNetwork } from '../world/network.ts'
import type { Fault, Plan } from './plan.ts'

/** What took effect: for the gates. */
export interface FaultCounts {
  partitions: number
  crashes: number
  pauses: number
  disk: number
}

/** One for each world. */
export class Injector {
  readonly counts: FaultCounts = { partitions: 0, crashes: 0, pauses: 0, disk: 0 }
  /** When faults were in force: for the gates. */
  readonly spans: { from: Micros; to: Micros }[] = []
  readonly #queue: EventQueue
  readonly #network: SimNetwork
  readonly #machines: readonly Machine[]
  readonly #watch: Watch
  readonly #plan: Plan
  readonly #safe = new Set<number>()
  #snapshotWrites = 0

  constructor(parts: {
    queue: EventQueue
    network: SimNetwork
    machines: readonly Machine[]
    watch: Watch
    plan: Plan
  }) {
    this.#queue = parts.queue
    this.#network = parts.network
    this.#machines = parts.machines
    this.#watch = parts.watch
    this.#plan = parts.plan
  }

  /** Puts every fault of the plan into the queue. */
  schedule(): void {
    for (const fault of this.#plan.faults) this.#queue.at(fault.at, () => this.#inject(fault))
    for (const machine of this.#machines) {
      machine.onSnapshotWrite(() => this.#snapshotWrite(machine.serial))
    }
  }

  /** From now on these nodes, and the links among them, suffer nothing; what they suffer ends. */
  heal(serials: readonly number[]): void {
    for (const serial of serials) this.#safe.add(serial)
    const within = (link: { from: number; to: number }): boolean =>
      this.#safe.has(link.from) && this.#safe.has(link.to)
    this.#network.links.liftWhere(within)
    this.#network.limitFaults((link) => !within(link))
    this.#network.linksChanged()
    for (const serial of serials) {
      const machine = this.#machines[serial]
      if (machine === undefined) continue
      machine.disk.heal()
      machine.wall.thaw()
      machine.keepClock()
      machine.process?.slow(0)
      machine.process?.resume()
      if (machine.state === 'down') machine.start()
    }
  }

  #inject(fault: Fault): void {
    switch (fault.kind) {
      case 'partition':
        return this.#partition(fault)
      case 'misreport':
        if (this.#isSafe(fault.from)) return
        this.#network.misreport(fault, fault.for)
        return this.#took('misreport', fault.for)
      case 'kill':
      case 'power': {
        const hit = fault.nodes.filter((node) =>
          this.#crash(node, fault.kind, fault.down, fault.backMs),
        )
        if (hit.length === this.#plan.nodes && hit.length > 1)
          this.#watch.coverage.count('fault powerAll')
        return
      }
      case 'close':
        return this.#close(fault.node, fault.down)
      case 'storm':
        return this.#storm(fault)
      case 'pause':
      case 'slow':
        return this.#hinder(fault)
      case 'step':
      case 'freeze':
        return this.#clock(fault)
      case 'snapshotCrash':
        return
      case 'diverge':
        if (this.#isSafe(fault.node)) return
        this.#machines[fault.node]?.diverge()
        return this.#took('diverge', 0)
      default:
        return this.#disk(fault)
    }
  }

  /** A write of a snapshot was asked for: some bring down who asked, or another. */
  #snapshotWrite(serial: number): void {
    this.#snapshotWrites++
    this.#watch.coverage.count('snapshot written to')
    for (const fault of this.#plan.faults) {
      if (fault.kind !== 'snapshotCrash' || fault.nth !== this.#snapshotWrites) continue
      const victim = fault.self ? serial : (serial + 1 + fault.nth) % this.#plan.nodes
      this.#queue.after(fault.after, () => {
        if (this.#crash(victim, fault.how, fault.down)) this.#took('snapshotCrash', fault.down)
      })
    }
  }

  #partition(fault: Extract<Fault, { kind: 'partition' }>): void {
    let isFirst = true
    for (const cut of fault.cuts) {
      this.#queue.at(cut.at, () => {
        if (this.#isSafe(cut.from) && this.#isSafe(cut.to)) return
        if (isFirst) {
          isFirst = false
          this.counts.partitions++
          this.#took(fault.mode, Math.max(...fault.cuts.map((each) => each.at + each.for)) - cut.at)
        }
        this.#network.links.cut(cut)
        this.#network.linksChanged()
        this.#queue.after(cut.for, () => {
          this.#network.links.lift(cut)
          this.#network.linksChanged()
        })
      })
    }
  }

  #crash(node: number, how: 'kill' | 'power', down: Micros, backMs?: number): boolean {
    const machine = this.#machines[node]
    if (machine === undefined || this.#isSafe(node) || !machine.crash(how)) return false
    this.counts.crashes++
    this.#took(how, down)
    if (backMs !== undefined) {
      machine.wall.step(-backMs)
      this.#took('clock back across restart', down)
    }
    this.#queue.after(down, () => machine.start())
    return true
  }

  #close(node: number, down: Micros): void {
    const machine = this.#machines[node]
    if (machine?.node === undefined || this.#isSafe(node)) return
    this.counts.crashes++
    this.#took('close', down)
    machine.close(() => this.#queue.after(down, () => machine.start()))
  }

  /** Killed again after each start, at a moment of its own. */
  #storm(fault: Extract<Fault, { kind: 'storm' }>): void {
    this.#took('storm', fault.down * fault.lives.length)
    const next = (lives: readonly Micros[]): void => {
      const [life, ...rest] = lives
      if (life === undefined || !this.#crash(fault.node, 'kill', fault.down)) return
      this.#queue.after(fault.down + life, () => next(rest))
    }
    next(fault.lives)
  }

  #hinder(fault: Extract<Fault, { kind: 'pause' | 'slow' }>): void {
    const process = this.#machines[fault.node]?.process
    if (process === undefined || this.#isSafe(fault.node)) return
    this.#took(fault.kind, fault.for)
    if (fault.kind === 'pause') {
      this.counts.pauses++
      process.pause(fault.for)
      return
    }
    process.slow(fault.cost)
    this.#queue.after(fault.for, () => process.slow(0))
  }

  #disk(
    fault: Extract<
      Fault,
      { kind: 'slowDisk' | 'stall' | 'writeError' | 'full' | 'wipe' | 'damage' | 'oldImage' }
    >,
  ): void {
    const machine = this.#machines[fault.node]
    if (machine === undefined || this.#isSafe(fault.node)) return
    const { disk } = machine
    this.counts.disk++
    switch (fault.kind) {
      case 'slowDisk':
        disk.slow(fault.by)
        this.#queue.after(fault.for, () => disk.slow(1))
        return this.#took(fault.kind, fault.for)
      case 'stall':
        disk.stall(fault.for)
        return this.#took(fault.kind, fault.for)
      case 'writeError':
        disk.failNext()
        return this.#took(fault.kind, fault.down)
      case 'full':
        disk.fill(true)
        this.#queue.after(fault.for, () => disk.fill(false))
        return this.#took(fault.kind, fault.for)
      case 'damage':
      case 'oldImage':
      case 'wipe':
        // A member that none of the others has met yet cannot be missed by them: later.
        const first = this.#machines.slice(0, this.#plan.nodes)
        // Nor can it be replaced before all have agreed that members may change (decision 0033).
        const mayChange = this.#watch.coverage.of('features switched on') > 0
        const isAwaited = this.#plan.changes !== undefined && !mayChange
        if (isAwaited || !first.every(({ wasOpen }) => wasOpen)) {
          this.counts.disk--
          this.#queue.after(300_000, () => this.#disk(fault))
          return
        }
        if (machine.state !== 'up') return
        if (fault.kind === 'damage') return this.#damage(machine, fault)
        machine.crash('power')
        if (fault.kind === 'wipe') machine.wipe()
        else if (!machine.putBack()) this.counts.disk--
        this.#queue.after(fault.down, () => machine.start())
        return this.#took(fault.kind, fault.down)
    }
  }

  /** What a read notices strikes while it works; what opening notices, while it is down. */
  #damage(machine: Machine, fault: Extract<Fault, { kind: 'damage' }>): void {
    const { how, down } = fault
    if (how === 'lost' || how === 'older') {
      machine.crash('power')
      this.#queue.after(down, () => machine.start())
    }
    if (machine.damage(how)) this.#took(`damage ${how}`, down)
    else this.counts.disk--
  }

  #clock(fault: Extract<Fault, { kind: 'step' | 'freeze' }>): void {
    const machine = this.#machines[fault.node]
    if (machine === undefined || this.#isSafe(fault.node)) return
    if (fault.kind === 'step') {
      machine.wall.step(fault.byMs)
      machine.keepClock()
      return this.#took('step', 0)
    }
    machine.wall.freeze()
    this.#queue.after(fault.for, () => {
      machine.wall.thaw()
      machine.keepClock()
    })
    return this.#took('freeze', fault.for)
  }

  #isSafe(node: number): boolean {
    return this.#safe.has(node)
  }

  #took(name: string, lasts: Micros): void {
    this.#watch.coverage.count(`fault ${name}`)
    this.spans.push({ from: this.#queue.now, to: this.#queue.now + lasts })
  }
}
