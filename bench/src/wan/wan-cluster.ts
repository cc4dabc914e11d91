/** A member in each region, as a process, all links between them as slow as the table says. */

import { join } from 'node:path'
import { TcpProxy } from '@synevi/rig'
import type { NodePlan, Tally } from '../conversation.ts'
import { freeAddresses } from '../free-addresses.ts'
import { MemberHandle } from '../member-handle.ts'
import type { Regions } from './regions.ts'
import type { BufferMode, WanOptions } from './wan-options.ts'

/** From the order to its beginning. */
const LEAD_MS = 50
/** Beyond its load a measurement may take a few deadlines of a request. */
const OVERTIME_MS = 40_000

/** Its members by region, in the order of the table. */
export class WanCluster {
  readonly #options: WanOptions
  readonly #members: readonly MemberHandle[]
  readonly #proxy: TcpProxy

  private constructor(options: WanOptions, members: readonly MemberHandle[], proxy: TcpProxy) {
    this.#options = options
    this.#members = members
    this.#proxy = proxy
  }

  /** `buffer`: the reorder buffer. Resolves when every member is ready. */
  static async start(parts: {
    readonly options: WanOptions
    readonly regions: Regions
    readonly folder: string
    readonly buffer: BufferMode
  }): Promise<WanCluster> {
    const { options, regions, folder, buffer } = parts
    const serials = regions.names.map((_, serial) => serial)
    const addresses = await freeAddresses(serials.length)
    const proxy = await TcpProxy.open({ serials, seed: 1 })
    for (const [serial, address] of addresses.entries()) proxy.aim(serial, address)
    for (const link of proxy.links) {
      const roundTripMs = regions.roundTripsMs[link.from]?.[link.to] ?? 0
      link.shape({ delayMs: roundTripMs / 2, jitterMs: options.jitterMs })
    }
    const { store, patienceMaxMs, reorderWaitMaxMs } = options
    const members = serials.map((serial) => {
      const plan: NodePlan = {
        ...{ serial, addresses, store, patienceMaxMs },
        ...{ reorder: buffer, reorderWaitMaxMs },
        path: join(folder, `region-${serial}-${buffer}`),
        dial: [...proxy.dialMapOf(serial)],
      }
      return MemberHandle.start(plan)
    })
    const cluster = new WanCluster(options, members, proxy)
    try {
      await Promise.all(members.map((member) => member.next('ready')))
    } catch (error) {
      await Promise.all(members.map((member) => member.kill()))
      await proxy.close()
      throw error
    }
    return cluster
  }

  /** What each member did in the window, while these were busy. */
  async measure(busy: readonly number[]): Promise<readonly Tally[]> {
    const { clients, seconds, warmUpSeconds, bytes } = this.#options
    const windowFrom = Date.now() + LEAD_MS + 1_000 * warmUpSeconds
    const window = { windowFrom, windowUntil: windowFrom + 1_000 * seconds }
    const most = 1_000 * (warmUpSeconds + seconds) + OVERTIME_MS
    const deadline = setTimeout(() => this.#kill(), most)
    const tallies = this.#members.map(async (member, serial) => {
      const isBusy = busy.includes(serial)
      const numbers = isBusy ? Array.from({ length: clients }, (_, i) => serial * clients + i) : []
      const concurrency = clients * this.#members.length
      const load = { ...window, bytes, concurrency, clients: numbers, profile: undefined }
      return (await member.ask({ kind: 'load', load }, 'done')).tally
    })
    return Promise.all(tallies).finally(() => clearTimeout(deadline))
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
    await this.#proxy.close()
  }

  #kill(): void {
    for (const member of this.#members) void member.kill()
  }
}
