/** A cluster of node processes on loopback, every directed link through the fault proxy. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Cleanup } from './cleanup.ts'
import { MemberProcess, type Heard, type MemberListener } from './member-process.ts'
import { MonotonicClock, sleep, type Micros } from './monotonic.ts'
import type { Condition, MemberPlan, NamedMember, Question } from './orders.ts'
import { TcpProxy } from './tcp-proxy.ts'

const CLOSE_MS = 10_000
const ASK_MS = 5_000
/** Never dialed: the proxy's ports are. */
const ADDRESS = '127.0.0.1:1'

/** Something that happened at a member, or to it. */
export interface ClusterEvent {
  readonly at: Micros
  readonly member: number
  readonly what: string
}

/** How a cluster is to be. */
export interface ClusterOptions {
  /** Members and those who may join later, together. */
  readonly size: number
  /** Members of the first list. Default all. */
  readonly first?: number
  readonly seed: number
  readonly cleanup: Cleanup
  /** Changes to the plans of single members. */
  readonly plan?: (serial: number) => Partial<MemberPlan>
}

/** Its members by serial, 0 … size−1: those of the first list, then those who may join. */
export class Cluster {
  readonly proxy: TcpProxy
  readonly members: readonly MemberProcess[]
  readonly folder: string
  /** What should not have been: any makes the run fail. */
  readonly troubles: string[] = []
  readonly events: ClusterEvent[] = []
  /** Where each listens, by serial: the proxy's links lead there. */
  readonly addresses = new Map<number, string>()
  /** For what must be gone when the rig is. */
  readonly cleanup: Cleanup
  /** The same in all processes. */
  readonly clock = new MonotonicClock()
  readonly #present: Set<number>
  readonly #removals: (() => Promise<void>)[] = []

  private constructor(options: ClusterOptions, proxy: TcpProxy) {
    this.proxy = proxy
    this.cleanup = options.cleanup
    this.folder = options.cleanup.folder()
    const serials = serialsOf(options.size)
    for (const serial of serials) mkdirSync(this.diskOf(serial))
    const first = serials.slice(0, options.first ?? options.size)
    this.#present = new Set(first)
    const members = first.map(memberOf)
    this.members = serials.map((serial) => {
      const plan: MemberPlan = {
        ...{ id: memberOf(serial).id, serial, members },
        dial: [...proxy.dialMapOf(serial)],
        path: join(this.folder, `${serial}`, 'data'),
        ...options.plan?.(serial),
      }
      const member = new MemberProcess(plan, this.#listener())
      options.cleanup.watch(member)
      return member
    })
  }

  /** Nobody runs yet. */
  static async make(options: ClusterOptions): Promise<Cluster> {
    const proxy = await TcpProxy.open({ serials: serialsOf(options.size), seed: options.seed })
    return new Cluster(options, proxy)
  }

  /** Of those that are members now, as far as the rig has brought it about. */
  get serials(): readonly number[] {
    return [...this.#present]
  }

  /** It is a member from now on. */
  joined(serial: number): void {
    this.#present.add(serial)
  }

  /** It is a member no more. */
  left(serial: number): void {
    this.#present.delete(serial)
  }

  /** Throws a RangeError when there is none. */
  member(serial: number): MemberProcess {
    const member = this.members[serial]
    if (member === undefined) throw new RangeError(`no member ${serial}`)
    return member
  }

  /** Resolves once all are open; throws when one does not get there. */
  async start(): Promise<void> {
    const starts = await Promise.all(
      this.serials.map(async (serial) => [serial, await this.member(serial).start()] as const),
    )
    for (const [serial, start] of starts) {
      if (start.kind !== 'ready') throw new Error(`member ${serial}: ${JSON.stringify(start)}`)
    }
  }

  /** From now on links to that serial lead there. */
  aim(serial: number, address: string): void {
    this.addresses.set(serial, address)
    this.proxy.aim(serial, address)
  }

  /** The folder that holds its data directory and nothing else: a disk can be mounted there. */
  diskOf(serial: number): string {
    return join(this.folder, `${serial}`)
  }

  /** Its data is gone for good. It must not be running. */
  wipe(serial: number): void {
    rmSync(this.member(serial).plan.path, { recursive: true, force: true })
  }

  /** An answer, or an error that says what came instead. */
  async ask<Kind extends Exclude<Heard['kind'], 'gone' | 'failed'>>(
    serial: number,
    question: Question,
    kind: Kind,
    timeoutMs: number = ASK_MS,
  ): Promise<Extract<Heard, { kind: Kind }>> {
    const heard = await this.member(serial).ask(question, timeoutMs)
    if (isKind(heard, kind)) return heard
    const what = heard.kind === 'failed' ? heard.failure.message : JSON.stringify(heard.kind)
    throw new Error(`member ${serial} was asked for its ${question.kind}: ${what}`)
  }

  async condition(serial: number): Promise<Condition> {
    return (await this.ask(serial, { kind: 'condition' }, 'condition')).condition
  }

  /**
   * Until all these are ready, have applied the same and have nothing under way. False when
   * `timeoutMs` pass before.
   */
  async settle(serials: readonly number[], timeoutMs: number): Promise<boolean> {
    const ends = performance.now() + timeoutMs
    while (performance.now() < ends) {
      const conditions = await Promise.all(serials.map((serial) => this.condition(serial)))
      const positions = new Set(conditions.map(({ position }) => position))
      const busy = conditions.some(
        ({ phase, inFlight, queued, undecided }) =>
          phase !== 'ready' || inFlight + queued + undecided > 0,
      )
      if (positions.size === 1 && !busy) return true
      await sleep(30)
    }
    return false
  }

  /** At its end, when nobody runs any more and its folders are still there. */
  beforeRemoval(remove: () => Promise<void>): void {
    this.#removals.push(remove)
  }

  /** Something the rig did, for timelines. */
  note(at: Micros, what: string): void {
    this.events.push({ at, member: -1, what })
  }

  /** Everybody closes, then their folders go. Harmless when repeated. */
  async close(): Promise<void> {
    for (const member of this.members) if (member.isPaused) member.resume()
    this.proxy.healAll()
    await Promise.all(this.members.map((member) => member.close(CLOSE_MS)))
    await this.proxy.close()
    for (const remove of this.#removals) await remove()
    for (const member of this.members) this.cleanup.forget(member)
    this.cleanup.removeFolder(this.folder)
  }

  #listener(): MemberListener {
    return {
      listening: (serial, address) => this.aim(serial, address),
      events: (serial, events) => {
        for (const { at, what } of events) this.events.push({ at, member: serial, what })
      },
      trouble: (serial, what) => this.troubles.push(`member ${serial} ${what}`),
    }
  }
}

/** As changes of the membership name it: nobody dials that address, but the proxy's. */
export function memberOf(serial: number): NamedMember {
  return { id: `node-${serial}`, serial, address: ADDRESS }
}

function serialsOf(size: number): readonly number[] {
  return Array.from({ length: size }, (_, serial) => serial)
}

function isKind<Kind extends Heard['kind']>(
  heard: Heard,
  kind: Kind,
): heard is Extract<Heard, { kind: Kind }> {
  return heard.kind === kind
}
