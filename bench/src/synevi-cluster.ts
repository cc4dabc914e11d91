/**
 * Ours: one process a member, gRPC on loopback between them. The load is made within the member
 * processes, as it is in an application that embeds a node.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Coordinators, StoreKind } from './bench-options.ts'
import type { Contender, Load, Measurement } from './contender.ts'
import type { Tally } from './conversation.ts'
import { percentile } from './figures.ts'
import { freeAddresses } from './free-addresses.ts'
import { MemberHandle } from './member-handle.ts'

/** From the order to its beginning: all processes have read it by then. */
const LEAD_MS = 30
/** How much longer than its load a measurement may take: several deadlines of a request. */
const OVERTIME_MS = 60_000

/** What cluster to start. */
export interface SyneviPlan {
  readonly nodes: number
  readonly store: StoreKind
  readonly coordinators: Coordinators
  /** An existing, empty folder. */
  readonly folder: string
  /** Where profiles of member 0 go. */
  readonly profile: string | undefined
}

/** A cluster of child processes. */
export class SyneviCluster implements Contender {
  readonly #plan: SyneviPlan
  readonly #members: readonly MemberHandle[]

  private constructor(plan: SyneviPlan, members: readonly MemberHandle[]) {
    this.#plan = plan
    this.#members = members
  }

  /** Resolves when every member is ready. */
  static async start(plan: SyneviPlan): Promise<SyneviCluster> {
    const addresses = await freeAddresses(plan.nodes)
    mkdirSync(plan.folder, { recursive: true })
    const members = addresses.map((_, serial) =>
      MemberHandle.start({
        ...{ serial, addresses, store: plan.store },
        path: join(plan.folder, `node-${serial}`),
      }),
    )
    const cluster = new SyneviCluster(plan, members)
    try {
      await Promise.all(members.map((member) => member.next('ready')))
    } catch (error) {
      await Promise.all(members.map((member) => member.kill()))
      throw error
    }
    return cluster
  }

  async measure(load: Load): Promise<Measurement> {
    const { concurrency, warmUpMs, windowMs, bytes, name, operation = 'put', writers = 0 } = load
    const { coordinators, profile, nodes } = this.#plan
    const windowFrom = Date.now() + LEAD_MS + warmUpMs
    const spread = coordinators === 'all' ? nodes : 1
    const all = Array.from({ length: concurrency }, (_, client) => client)
    const deadline = setTimeout(() => this.#kill(), warmUpMs + windowMs + OVERTIME_MS)
    const tallies = await Promise.all(
      this.#members.map(async (member, serial) => {
        const file = profile === undefined ? undefined : join(profile, `${name}.cpuprofile`)
        const order = {
          kind: 'load',
          load: {
            ...{ concurrency, bytes, windowFrom, windowUntil: windowFrom + windowMs },
            operation,
            writers: Array.from({ length: writers }, (_, i) => i % spread).filter(
              (at) => at === serial,
            ).length,
            clients: all.filter((client) => client % spread === serial),
            profile: serial === 0 ? file : undefined,
          },
        } as const
        return (await member.ask(order, 'done')).tally
      }),
    ).finally(() => clearTimeout(deadline))
    return summary(tallies, windowMs)
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
  }

  #kill(): void {
    for (const member of this.#members) void member.kill()
  }
}

function summary(tallies: readonly Tally[], windowMs: number): Measurement {
  const sum = (of: (tally: Tally) => number): number =>
    tallies.reduce((total, tally) => total + of(tally), 0)
  const latencies = new Float64Array(sum((tally) => tally.latencies.length))
  let at = 0
  for (const tally of tallies) {
    latencies.set(tally.latencies, at)
    at += tally.latencies.length
  }
  latencies.sort()
  const operations = latencies.length
  return {
    operations,
    errors: sum((tally) => tally.errors),
    firstError: tallies.find((tally) => tally.firstError !== undefined)?.firstError,
    operationsPerSecond: (operations * 1000) / windowMs,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    maxMs: percentile(latencies, 1),
    cpuMicrosPerOperation:
      operations === 0 ? undefined : sum((tally) => tally.cpuMicros) / operations,
    decisions: {
      fast: sum((tally) => tally.fast),
      slow: sum((tally) => tally.slow),
      recovered: sum((tally) => tally.recovered),
      invalidated: sum((tally) => tally.invalidated),
    },
  }
}
