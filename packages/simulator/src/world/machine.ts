/** Machines and the nodes on them: started, crashed, closed and started again. */

import { optionsOf } from './settings-options.ts'
import { nodeSerial, type Notice } from '@synevi/accord'
import { Node, type NodeOptions, isSyneviError } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Plan, SettingsPlan } from '../fault/plan.ts'
import { drawSettings } from '../fault/swarm.ts'
import type { Prng } from '../prng.ts'
import type { Trace } from '../trace.ts'
import type { Watch } from '../watch.ts'
import type { Workload } from '../workload/workload.ts'
import { SimClock, WallClock } from './clock.ts'
import { SimDisk } from './disk.ts'
import type { Damaged, RecordDamage } from './disk-past.ts'
import type { SimNetwork } from './network.ts'
import { SimProcess } from './process.ts'
import { isFlip, isOfSnapshot } from './snapshot-writes.ts'
import { drawVersion, requiredBy, requiresAny, type Version } from './version.ts'

/**
 * `down`: no process. `starting`: `open` has not resolved. `lost`: its disk is gone, or it is not
 * trusted any more; it stays out for good.
 */
export type MachineState = 'down' | 'starting' | 'up' | 'failed' | 'closing' | 'lost'

/**
 * Between two clocks there is at most twice this, which is below the least `clockDriftMaxMs` in
 * use.
 */
const CLOCK_TOLERANCE_MS = 400

/** Codes after which a node never comes back under its serial. */
const LOST: ReadonlySet<string> = new Set(['AMNESIA', 'DIVERGED', 'MEMBERSHIP_REMOVED'])

/** Where a node keeps its records: live, and settled (`docs/reference/storage-layout.md`). */
const RECORD_TABLES = ['10', '11'] as const

/** What all machines share. */
export interface Ground {
  readonly queue: EventQueue
  readonly network: SimNetwork
  readonly trace: Trace
  readonly watch: Watch
  readonly plan: Plan
  readonly random: Prng
  readonly workload: Workload
  /** Their disks say who the members are: they were restored. Default false. */
  readonly knowsMembers?: boolean
}

/** One machine: disk and wall clock stay, processes come and go. */
export class Machine {
  readonly serial: number
  readonly disk: SimDisk
  readonly wall: WallClock
  readonly #ground: Ground
  readonly #downListeners = new Set<() => void>()
  #snapshotWritten: () => void = () => {}
  #process: SimProcess | undefined
  #node: Node | undefined
  #state: MachineState = 'down'
  #lives = 0
  #differs = false
  #isInvited: boolean
  #wiped = false
  #noticed = 0
  #wasOpen = false
  /** This life offers no feature, and its disk required none when it began. */
  #holdsBack = false
  /** Whether it ever was ahead of the true time by more than voters tolerate. */
  #wasAhead = false
  #restart: Micros = 100_000
  #settings: SettingsPlan

  constructor(serial: number, ground: Ground) {
    this.serial = serial
    this.#ground = ground
    this.#settings = ground.plan.settings
    this.#isInvited = serial < ground.plan.nodes
    const { queue, random, trace, plan, watch } = ground
    const own = plan.machines[serial]
    const speed = own?.disk ?? { syncMin: 100, syncMax: 1_000 }
    this.disk = new SimDisk({
      queue,
      random: random.fork(`disk ${serial}`),
      trace,
      speed,
      seen: (batch) => {
        watch.write(batch)
        if (batch.some(({ key }) => isOfSnapshot(key))) this.#snapshotWritten()
        if (this.#holdsBack && requiresAny(batch))
          watch.violation('versions', { name: 'required though held back', why: `node ${serial}` })
        if (isFlip(batch)) watch.agreement.installing(serial)
      },
      keepsPast: plan.classes.includes('damage') || plan.classes.includes('oldImage'),
    })
    this.wall = new WallClock(queue, { offsetMs: own?.offsetMs ?? 0, driftPpm: own?.driftPpm ?? 0 })
  }

  get state(): MachineState {
    return this.#state
  }

  /** The node, while it serves. */
  get node(): Node | undefined {
    return this.#state === 'up' ? this.#node : undefined
  }

  get process(): SimProcess | undefined {
    return this.#process
  }

  /** Of the present process. */
  get settings(): SettingsPlan {
    return this.#settings
  }

  /** How often a process was started here. */
  get lives(): number {
    return this.#lives
  }

  get differs(): boolean {
    return this.#differs
  }

  /** Whether a node ever served here: its store is known to the others then. */
  get wasOpen(): boolean {
    return this.#wasOpen
  }

  get wiped(): boolean {
    return this.#wiped
  }

  /** Whether its disk altered records. */
  get damaged(): boolean {
    return this.disk.damages > 0
  }

  /** Altered records that are still as the disk made them, of which no process here ever spoke. */
  unnoticed(): readonly Damaged[] {
    return this.#noticed >= this.disk.damages ? [] : this.disk.altered()
  }

  /** Its timestamps are ahead of what voters accept, and stay so. */
  get wasAhead(): boolean {
    return this.#wasAhead
  }

  /** From here on its executors answer otherwise than those of the others. */
  diverge(): void {
    this.#differs = true
  }

  /** Called once, when the present process ends. */
  onDown(listener: () => void): () => void {
    this.#downListeners.add(listener)
    return () => this.#downListeners.delete(listener)
  }

  /** Called with every write that has to do with a snapshot. */
  onSnapshotWrite(listener: () => void): void {
    this.#snapshotWritten = listener
  }

  /** A spare machine may start from now on, and does. */
  invite(): void {
    this.#isInvited = true
    this.start()
  }

  /** A new process, and a node in it. */
  start(): void {
    if (this.#state !== 'down' || !this.#isInvited) return
    const { queue, trace } = this.#ground
    this.#lives++
    const process = new SimProcess({ node: this.serial, incarnation: this.#lives, queue })
    this.#process = process
    this.#state = 'starting'
    trace.note(queue.now, this.serial, 'start', this.#lives)
    this.keepClock()
    const own = (): boolean => this.#process === process
    Node.open(this.#options(process)).then(
      (node) => own() && this.#opened(node),
      (error: unknown) => own() && this.#openFailed(error),
    )
  }

  /** The process ends at once, in the way a killed process or one without power does. */
  crash(how: 'kill' | 'power'): boolean {
    const process = this.#process
    if (process === undefined) return false
    const { queue, trace, network } = this.#ground
    trace.note(queue.now, this.serial, how, this.#lives)
    this.#process = undefined
    this.#node = undefined
    if (this.#state !== 'lost') this.#state = 'down'
    process.end()
    network.processEnded(process, how === 'kill')
    this.disk.crash(how)
    const listeners = [...this.#downListeners]
    this.#downListeners.clear()
    for (const listener of listeners) listener()
    this.#ground.watch.lateCalls(process)
    return true
  }

  /** An orderly close; then the process ends. */
  close(done: () => void): void {
    const node = this.node
    const process = this.#process
    if (node === undefined || process === undefined) return
    this.#state = 'closing'
    process.enter(() => {
      node.close().then(
        () => {
          if (this.#process !== process) return
          this.#ground.queue.after(0, () => {
            if (this.#process === process) this.crash('kill')
            done()
          })
        },
        (error: unknown) => this.#unexpected('close', error),
      )
    })
  }

  /** Whether its disk holds a record of a transaction, of whatever status. */
  holdsRecord(id: bigint): boolean {
    const digits = id.toString(16).padStart(32, '0')
    return RECORD_TABLES.some((table) => this.disk.has(Buffer.from(table + digits, 'hex')))
  }

  /** Its disk alters a record; false when there was none to alter. */
  damage(how: RecordDamage): boolean {
    return this.disk.damage(how) !== undefined
  }

  /** Its disk is as it was a while ago: whoever starts on it has forgotten what it said since. */
  putBack(): boolean {
    if (!this.disk.putBack()) return false
    this.#wiped = true
    return true
  }

  /** Everything on its disk is lost; whoever starts on it again has no memory. */
  wipe(): void {
    this.disk.wipe()
    this.#wiped = true
  }

  /**
   * A clock that is not planned to be bad stays within the tolerance; others are remembered if they
   * ran ahead.
   */
  keepClock(): void {
    const { plan } = this.#ground
    const isBad = plan.machines[this.serial]?.badClock === true
    if (!isBad && plan.nodes > 1) this.wall.correct(CLOCK_TOLERANCE_MS)
    if (isBad && this.wall.offsetMs() > CLOCK_TOLERANCE_MS) this.#wasAhead = true
  }

  #options(process: SimProcess): NodeOptions {
    const { queue, network, watch, plan, random, workload, knowsMembers } = this.#ground
    const life = random.fork(`node ${this.serial} life ${process.incarnation}`)
    const settings = this.#settingsOf(process, life)
    const version = this.#versionOf(process, life)
    this.#holdsBack = version !== 'this' && requiredBy(this.disk) === 0
    const clock = new SimClock({
      queue,
      process,
      wall: this.wall,
      elapsedBase: life.between(1, 1_000_000),
      driftPpm: plan.machines[this.serial]?.driftPpm ?? 0,
    })
    const members = Array.from({ length: plan.nodes }, (_, serial) => memberOf(serial))
    const isFirst = this.serial < plan.nodes
    return {
      self: { id: memberOf(this.serial).id, serial: this.serial },
      ...(knowsMembers === true
        ? {}
        : isFirst
          ? { members }
          : { join: members.map(({ address }) => address) }),
      network: network.port(process, version === 'before'),
      features: version === 'this' ? 'auto' : 'hold',
      store: this.disk.port(process),
      clock,
      executors: workload.executors({
        node: this.serial,
        pause: () => this.#executionPause(life, process),
        differs: () => this.#differs,
      }),
      ...optionsOf(settings),
      ...(plan.classes.includes('damage')
        ? { scrub: { bytesPerSecond: 262_144, intervalMs: 2_000 } }
        : {}),
      seed: life.u64(),
      onNotice: (notice: Notice) => watch.notice(this.serial, process.incarnation, notice),
      onFatal: (error: Error) => this.#fatal(process, error),
    }
  }

  /** A restart may bring another version. */
  #versionOf(process: SimProcess, life: Prng): Version {
    const { plan, watch } = this.#ground
    if (!plan.classes.includes('mixedVersions')) return 'this'
    const version = drawVersion(life.fork('version'), process.incarnation)
    // It would say INCOMPATIBLE_VERSION; whoever runs it then takes this one.
    const isRefused = version === 'before' && requiredBy(this.disk) !== 0
    watch.coverage.count(isRefused ? 'refused to the release before' : `life of ${version}`)
    return isRefused ? 'this' : version
  }

  /** A restart may bring other settings. */
  #settingsOf(process: SimProcess, life: Prng): SettingsPlan {
    const { plan, watch } = this.#ground
    const isOther = plan.classes.includes('otherSettings') && process.incarnation > 1
    if (isOther) watch.coverage.count('fault otherSettings')
    this.#settings = isOther
      ? drawSettings(life.fork('settings'), plan.classes.includes('snapshots'))
      : plan.settings
    return this.#settings
  }

  #executionPause(life: Prng, process: SimProcess): Promise<void> | undefined {
    const { plan, queue } = this.#ground
    if (!plan.classes.includes('slowExecutor') || !life.chance(0.05)) return undefined
    const wait = life.logBetween(1_000, 300_000)
    return new Promise((resolve) => queue.after(wait, () => process.enter(resolve)))
  }

  #opened(node: Node): void {
    this.#node = node
    const { coverage } = this.#ground.watch
    node.on('damage', ({ state }) => {
      coverage.count(`damage ${state}`)
      if (state === 'found') this.#noticed++
    })
    // The scrubber works while the node starts, when nobody can listen yet: its status says so.
    const { found } = node.status().damage
    this.#noticed += found
    if (found > 0) coverage.count('damage found before open', found)
    this.#state = 'up'
    this.#wasOpen = true
    this.#restart = 100_000
    this.#ground.trace.note(this.#ground.queue.now, this.serial, 'opened', this.#lives)
  }

  #openFailed(error: unknown): void {
    this.#stopped(error)
  }

  /** The node had to stop: whoever runs it starts it again, unless that is forbidden. */
  #fatal(process: SimProcess, error: Error): void {
    if (this.#process === process) this.#stopped(error)
  }

  #stopped(error: unknown): void {
    const { watch, queue, trace } = this.#ground
    if (this.#state === 'failed' || this.#state === 'lost') return
    const code = isSyneviError(error) ? error.code : 'UNKNOWN'
    trace.note(queue.now, this.serial, 'stopped', code.length)
    trace.say(queue.now, () => `n${this.serial} stopped: ${String(error)}`)
    if (code === 'STORE_FAILED') this.#noticed++
    watch.nodeStopped(this, code, error)
    const isLost = LOST.has(code)
    this.#state = isLost ? 'lost' : 'failed'
    const process = this.#process
    this.#restart = Math.min(this.#restart * 2, 2_000_000)
    queue.after(1_000, () => {
      if (this.#process !== process || process === undefined) return
      this.crash('kill')
      if (!isLost) queue.after(this.#restart, () => this.start())
    })
  }

  #unexpected(what: string, error: unknown): void {
    this.#ground.watch.violation('errors', { name: `${what} failed`, why: String(error) })
  }
}

/** The member of this serial: ids and addresses are made up. */
export function memberOf(serial: number): { id: string; serial: number; address: string } {
  return { id: `node-${nodeSerial(serial)}`, serial, address: `sim:${serial}` }
}
