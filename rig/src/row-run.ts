/** One row, run: a fresh cluster, clients, faults one after the other, a settled end, a verdict. */

import { MixedWorkload, Prng, Recorder } from '@synevi/simulator'
import { Acknowledgements } from './acknowledgements.ts'
import type { Cleanup } from './cleanup.ts'
import { Client, type Ground, type Habit } from './client.ts'
import { Cluster } from './cluster.ts'
import type { Fault, FaultGround } from './fault.ts'
import { judge } from './judge.ts'
import { MonotonicClock, sleep } from './monotonic.ts'
import type { MemberPlan } from './orders.ts'
import {
  BACK_MAX_MS,
  OPERATIONS_MIN,
  gapOf,
  type FaultRecord,
  type RowResult,
} from './row-result.ts'
import type { Row } from './row.ts'

/** Before, between and after faults, at least. */
const CALM_MS = 700
const SETTLE_MS = 20_000
/** A computer that is busy elsewhere gets so much longer to do enough. */
const EXTRA_MS = 20_000
/** All clients together. */
const PER_SECOND_MAX = 250
const ROAMERS = 3
/** They wait longer than any pause: what they asked before it is answered after it. */
const RESIDENT = { timeoutMs: 4_000, patienceMs: 10_000 }
const ROAMER = { timeoutMs: 1_000, patienceMs: 8_000 }
const TIMELINE_MARGIN_MICROS = 200_000
const TIMELINE_LINES_MAX = 2_000

/** How a row is to be run. */
export interface RowOptions {
  readonly row: Row
  readonly size: number
  /** Of load. */
  readonly seconds: number
  readonly seed: number
  readonly cleanup: Cleanup
  /** Tells everything that happened around the longest gap. */
  readonly withTimeline?: boolean
}

/** Never rejects: what goes wrong is in the result. */
export async function runRow(options: RowOptions): Promise<RowResult> {
  const { row, size, seed, cleanup, withTimeline } = options
  const plan = (serial: number): Partial<MemberPlan> => ({
    tellsAll: withTimeline === true,
    ...row.plan?.(serial),
  })
  const all = size + (row.spares?.(size) ?? 0)
  const first = row.first?.(size) ?? size
  const cluster = await Cluster.make({ size: all, first, seed, cleanup, plan })
  const run = new RowRun(options, cluster)
  try {
    await run.all()
  } catch (error) {
    run.failures.push(error instanceof Error ? error.message : String(error))
  }
  try {
    await cluster.close()
  } catch (error) {
    run.failures.push(`at the end: ${String(error)}`)
  }
  return run.result()
}

class RowRun {
  readonly failures: string[] = []
  readonly #options: RowOptions
  readonly #cluster: Cluster
  readonly #random: Prng
  readonly #clock = new MonotonicClock()
  readonly #workload = new MixedWorkload()
  readonly #recorder = new Recorder(this.#clock)
  readonly #acknowledgements = new Acknowledgements()
  readonly #lost = new Set<number>()
  readonly #faults: FaultRecord[] = []
  readonly #ground: Ground
  readonly #log: string[] = []
  #loadSeconds = 0

  constructor(options: RowOptions, cluster: Cluster) {
    this.#options = options
    this.#cluster = cluster
    const { row, size, seed } = options
    this.#random = Prng.of(BigInt(seed)).fork(`${row.name} ${size}`)
    this.#ground = {
      ...{ cluster, workload: this.#workload, recorder: this.#recorder, clock: this.#clock },
      ...{ acknowledgements: this.#acknowledgements, lost: this.#lost },
      trouble: (what) => cluster.troubles.push(what),
      maySay: new Set(row.maySay),
    }
  }

  async all(): Promise<void> {
    await this.#options.row.prepare?.(this.#cluster)
    await this.#cluster.start()
    const clients = this.#clients()
    const began = performance.now()
    const runs = clients.map((client) => client.run())
    await this.#faultsFor(this.#options.seconds * 1_000)
    await this.#enough()
    for (const client of clients) client.stop()
    this.#loadSeconds = (performance.now() - began) / 1_000
    await Promise.all(runs)
    const serials = this.#cluster.serials.filter((serial) => !this.#lost.has(serial))
    if (!(await this.#cluster.settle(serials, SETTLE_MS))) {
      const conditions = serials.map((serial) => this.#cluster.condition(serial))
      this.failures.push(`not settled: ${text(await Promise.all(conditions))}`)
      return
    }
    const { recorder, workload, cluster } = this.#ground
    const isHonest = this.#lost.size === 0
    this.failures.push(...(await judge({ cluster, workload, recorder, serials, isHonest })))
  }

  result(): RowResult {
    const { row, size, withTimeline } = this.#options
    const { ok, info: unknown, fail: failed } = this.#recorder.counts
    const troubles = [...this.#cluster.troubles]
    const result: RowResult = {
      ...{ name: row.name, size, ok, unknown, failed, faults: this.#faults },
      perSecond: ok / Math.max(this.#loadSeconds, 0.001),
      overlapping: this.#overlapping(),
      failures: [...this.failures, ...troubles],
      log: this.#log,
      timeline: [],
    }
    return withTimeline === true ? { ...result, timeline: this.#timeline(result) } : result
  }

  /** One that stays with each member, and some that go about. */
  #clients(): readonly Client[] {
    const count = this.#cluster.serials.length + ROAMERS
    const everyMs = (1_000 * count) / PER_SECOND_MAX
    const habits: Habit[] = this.#cluster.serials.map((home) => ({ ...RESIDENT, home, everyMs }))
    for (let i = 0; i < ROAMERS; i++) habits.push({ ...ROAMER, home: undefined, everyMs })
    return habits.map(
      (habit, i) => new Client(this.#ground, habit, this.#random.fork(`client ${i}`)),
    )
  }

  async #faultsFor(totalMs: number): Promise<void> {
    const { row } = this.#options
    const ends = performance.now() + totalMs
    for (const step of row.steps ?? []) await this.#next(step)
    if (row.fault === undefined) {
      await sleep(Math.max(CALM_MS, ends - performance.now()))
      return
    }
    do await this.#next(row.fault)
    while (row.once !== true && performance.now() < ends)
    await sleep(Math.max(CALM_MS, ends - performance.now()))
  }

  async #next(make: (ground: FaultGround) => Fault): Promise<void> {
    await sleep(CALM_MS)
    let from = this.#clock.now
    const medianMs = (): number => this.#acknowledgements.medianMs(from, this.#clock.now)
    const random = this.#random.fork(`fault ${this.#faults.length}`)
    const fault = make({ cluster: this.#cluster, random, medianMs })
    from = this.#clock.now
    await this.#suffer(fault, from)
  }

  /** Enough operations to mean something, or too much time. */
  async #enough(): Promise<void> {
    const ends = performance.now() + EXTRA_MS
    const { spans } = this.#recorder
    while (spans.length < OPERATIONS_MIN && performance.now() < ends) await sleep(50)
  }

  async #suffer(fault: Fault, from: number): Promise<void> {
    const { what, victims, survivors } = fault
    this.#cluster.note(from, what)
    for (const serial of fault.lost?.serials ?? []) this.#lost.add(serial)
    await fault.begin()
    await sleep(fault.lastsMs)
    const ineffective = await fault.ineffective()
    for (const why of (await fault.wrong?.()) ?? []) this.failures.push(`${what}: ${why}`)
    const until = this.#clock.now
    this.#cluster.note(until, 'the fault ends')
    await fault.end()
    if (fault.lost?.isCured?.() === true) {
      for (const serial of fault.lost.serials) this.#lost.delete(serial)
    }
    const back = await Promise.all(victims.map((serial) => this.#backMs(serial)))
    const now = this.#clock.now
    const gap =
      survivors.length === 0 ? undefined : this.#acknowledgements.longestGap(survivors, from, now)
    const backMs = victims.length === 0 ? undefined : Math.max(...back)
    this.#faults.push({ what, from, until, ineffective, gap, backMs })
    if (gap !== undefined && gap.ms > (fault.gapMaxMs ?? Number.POSITIVE_INFINITY))
      this.failures.push(`${what}: a gap of ${Math.round(gap.ms)} ms`)
    await this.#tell(fault, { gap, backMs })
    if (fault.lost?.lives === true) return
    for (const serial of fault.lost?.serials ?? []) {
      if (this.#cluster.member(serial).isReady)
        this.failures.push(`${what}: ${serial} serves again`)
    }
  }

  async #tell(fault: Fault, { gap, backMs }: Pick<FaultRecord, 'gap' | 'backMs'>): Promise<void> {
    const told = await fault.tell?.()
    if (told === undefined) return
    const figures = [
      ...(gap === undefined ? [] : [`gap ${Math.round(gap.ms)} ms`]),
      ...(backMs === undefined ? [] : [`back in ${Math.round(backMs)} ms`]),
    ]
    this.#log.push(`${fault.what}: ${figures.join(', ')}; ${told.said}`)
    for (const failure of told.failures) this.failures.push(`${fault.what}: ${failure}`)
  }

  /** Until it has acknowledged something that was asked for from now on. */
  async #backMs(serial: number): Promise<number> {
    const began = performance.now()
    const habit = { home: serial, timeoutMs: 2_000, patienceMs: 2_000, everyMs: 0 }
    const knocker = new Client(this.#ground, habit, this.#random.fork(`back ${serial} ${began}`))
    const isBack = await knocker.knock(serial, BACK_MAX_MS)
    this.#cluster.note(this.#clock.now, isBack ? `${serial} serves` : `${serial} is not back`)
    return isBack ? performance.now() - began : Number.POSITIVE_INFINITY
  }

  #overlapping(): number {
    const met = ([start, end]: readonly [number, number]): boolean =>
      this.#faults.some(({ from, until }) => start < until && end > from)
    return this.#recorder.spans.filter(met).length
  }

  #timeline(result: RowResult): readonly string[] {
    const gap = gapOf(result)
    if (gap === undefined) return []
    const from = Math.min(gap.from, ...result.faults.map((fault) => fault.from))
    const lines = this.#cluster.events
      .filter(({ at }) => at >= gap.from - TIMELINE_MARGIN_MICROS)
      .filter(({ at }) => at <= gap.until + TIMELINE_MARGIN_MICROS)
      .sort((a, b) => a.at - b.at)
      .map(({ at, member, what }) => {
        const ms = ((at - from) / 1_000).toFixed(1).padStart(9)
        return `${ms} ${member < 0 ? 'rig' : `  ${member}`} ${what}`
      })
    const edges = [gap.from, gap.until].map((at) => ((at - from) / 1_000).toFixed(1))
    return [`gap from ${edges.join(' to ')}`, ...lines.slice(0, TIMELINE_LINES_MAX)]
  }
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each))
}
