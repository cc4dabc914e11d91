/** Members under load, one of which is replaced. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodePlan, Tally } from '../conversation.ts'
import { freeAddresses } from '../free-addresses.ts'
import { MemberHandle } from '../member-handle.ts'
import type { ReplaceOptions } from './replace-options.ts'

const LEAD_MS = 50
const POLL_MS = 20
/** Between the death of the old member and the order to replace it. */
const MOURNING_MS = 1_000

/** What the members that stay did in a time of load. */
export interface LoadReport {
  readonly operations: number
  readonly perSecond: number
  /** The longest without an answer, at any of them. */
  readonly pauseMs: number
  readonly errors: number
  readonly firstError: string | undefined
}

/** And what became of the newcomer; milliseconds from the order on, undefined: not in time. */
export interface Replacement extends LoadReport {
  readonly learnerMs: number | undefined
  readonly caughtUpMs: number | undefined
  readonly voterMs: number | undefined
  /** Keys and values that it holds at the end. */
  readonly stateBytes: number
}

/** Processes over gRPC and LMDB. */
export class ReplaceCluster {
  readonly #options: ReplaceOptions
  readonly #folder: string
  readonly #addresses: readonly string[]
  readonly #members: readonly MemberHandle[]
  #newcomer: MemberHandle | undefined

  private constructor(
    parts: { readonly options: ReplaceOptions; readonly folder: string },
    addresses: readonly string[],
  ) {
    this.#options = parts.options
    this.#folder = parts.folder
    this.#addresses = addresses
    const serials = addresses.slice(0, parts.options.nodes).map((_, serial) => serial)
    this.#members = serials.map((serial) => MemberHandle.start(this.#planOf(serial)))
  }

  /** Resolves when every member is ready. */
  static async start(options: ReplaceOptions, folder: string): Promise<ReplaceCluster> {
    const addresses = await freeAddresses(options.nodes + 1)
    const cluster = new ReplaceCluster({ options, folder }, addresses)
    await Promise.all(cluster.#members.map((member) => member.next('ready')))
    return cluster
  }

  /** The history before. */
  async fill(): Promise<void> {
    const { txns, bytes, keyCount, nodes } = this.#options
    const share = { count: Math.ceil(txns / nodes), concurrency: 64, bytes, keyCount }
    await Promise.all(
      this.#members.map((member) => member.ask({ kind: 'write', share }, 'written')),
    )
  }

  /** On the members that stay. */
  async load(seconds: number): Promise<LoadReport> {
    const { concurrency, bytes } = this.#options
    const windowFrom = Date.now() + LEAD_MS
    const window = { windowFrom, windowUntil: windowFrom + 1_000 * seconds }
    const all = Array.from({ length: concurrency }, (_, client) => client)
    const tallies = await Promise.all(
      this.#staying.map(async (member, index) => {
        const clients = all.filter((client) => client % this.#staying.length === index)
        const load = { ...window, bytes, concurrency, clients, profile: undefined }
        return (await member.ask({ kind: 'load', load }, 'done')).tally
      }),
    )
    return reportOf(tallies, seconds)
  }

  /** Under load. */
  async replace(): Promise<Replacement> {
    const { seconds, old } = this.#options
    const loading = this.load(seconds)
    // Whoever fails first is heard below.
    loading.catch(() => undefined)
    const ends = performance.now() + 1_000 * seconds
    if (old === 'dead') {
      await this.#last.kill()
      await sleep(MOURNING_MS)
    }
    const times = await this.#change(ends)
    const report = await loading
    return { ...report, ...times, stateBytes: await this.#stateBytes() }
  }

  async close(): Promise<void> {
    await this.#newcomer?.kill()
    await Promise.all(this.#members.map((member) => member.kill()))
  }

  async #change(ends: number): Promise<Pick<Replacement, 'learnerMs' | 'caughtUpMs' | 'voterMs'>> {
    const [first] = this.#members
    const serial = this.#options.nodes
    const address = this.#addresses[serial]
    if (first === undefined || address === undefined) throw new Error('no members')
    const began = performance.now()
    const { position } = await first.ask({ kind: 'members' }, 'members')
    const newcomer = MemberHandle.start({
      ...this.#planOf(serial),
      join: this.#addresses.slice(0, 2),
    })
    this.#newcomer = newcomer
    const order = {
      kind: 'replace',
      old: `node-${serial - 1}`,
      id: `node-${serial}`,
      address,
    } as const
    await first.ask(order, 'replacing')
    const learnerMs = performance.now() - began
    let caughtUpMs: number | undefined
    while (performance.now() < ends) {
      const { members } = await first.ask({ kind: 'members' }, 'members')
      const found = members.find(({ id }) => id === order.id)
      if (found !== undefined && found.applied >= position) caughtUpMs ??= performance.now() - began
      const isIn = found?.role === 'voter'
      const isOut = members.every(({ id }) => id !== order.old)
      if (isIn && isOut) return { learnerMs, caughtUpMs, voterMs: performance.now() - began }
      await sleep(POLL_MS)
    }
    return { learnerMs, caughtUpMs, voterMs: undefined }
  }

  async #stateBytes(): Promise<number> {
    if (this.#newcomer === undefined) return 0
    const order = { kind: 'footprint', withTables: true } as const
    const { footprint } = await this.#newcomer.ask(order, 'footprint')
    return footprint.tables.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get #staying(): readonly MemberHandle[] {
    return this.#members.slice(0, -1)
  }

  get #last(): MemberHandle {
    const last = this.#members.at(-1)
    if (last === undefined) throw new Error('no members')
    return last
  }

  #planOf(serial: number): NodePlan {
    const { durability, nodes } = this.#options
    return {
      ...{ serial, addresses: this.#addresses, firstMembers: nodes, store: 'lmdb', durability },
      path: join(this.#folder, `node-${serial}`),
    }
  }
}

function reportOf(tallies: readonly Tally[], seconds: number): LoadReport {
  const sum = (of: (tally: Tally) => number): number =>
    tallies.reduce((total, tally) => total + of(tally), 0)
  const operations = sum(({ latencies }) => latencies.length)
  return {
    ...{ operations, perSecond: operations / seconds },
    pauseMs: Math.max(...tallies.map(({ pauseMs }) => pauseMs)),
    errors: sum(({ errors }) => errors),
    firstError: tallies.find(({ firstError }) => firstError !== undefined)?.firstError,
  }
}
