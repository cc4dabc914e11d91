/**
 * `npm run bench -- growth`: what a cluster holds in memory and on the disk as its history grows,
 * and how long a member needs to start with it (`protocol.md`, section 8). The last line says
 * whether anything of consensus grew with history; then it exits non-zero.
 */

import { join } from 'node:path'
import type { NodePlan } from '../conversation.ts'
import { freeAddresses } from '../free-addresses.ts'
import { machineOf, momentIn } from '../machine.ts'
import { MemberHandle } from '../member-handle.ts'
import { inWorkFolder } from '../work-folder.ts'
import {
  growingOf,
  growthHead,
  growthLine,
  type GrowthPoint,
  type Restart,
} from './growth-point.ts'
import {
  GROWTH_USAGE,
  hasRestart,
  parseGrowthOptions,
  pointsUpTo,
  type GrowthOptions,
} from './growth-options.ts'

/** Between the load and its measurement: what is being tidied up has been. */
const REST_MS = 3_000

/** The exit code. */
export async function runGrowth(args: readonly string[]): Promise<number> {
  let options: GrowthOptions | undefined
  try {
    options = parseGrowthOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${GROWTH_USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(GROWTH_USAGE)
    return 0
  }
  const parsed = options
  return inWorkFolder(parsed.folder, (folder) => measure(parsed, folder))
}

async function measure(options: GrowthOptions, folder: string): Promise<number> {
  printHead(options, folder)
  const cluster = await GrowthCluster.start(options, folder)
  const points: GrowthPoint[] = []
  try {
    for (const point of pointsUpTo(options.txns)) {
      const found = await cluster.grow(point, hasRestart(point, options.txns))
      points.push(found)
      console.log(growthLine(found))
    }
  } finally {
    await cluster.close()
  }
  if (cluster.errors > 0) {
    console.log(`${cluster.errors} requests were asked for again, the first: ${cluster.firstError}`)
  }
  const growing = growingOf(points)
  const last = points.at(-1)
  const verdict = growing.length === 0 ? 'flat' : `GROWS: ${growing.join(', ')}`
  console.log(`growth: ${verdict}: ${last?.txns ?? 0} transactions, ${points.length} points`)
  return growing.length === 0 ? 0 : 1
}

function printHead(options: GrowthOptions, folder: string): void {
  const { processor, processors, memoryGiB, system, node, commit, fileSystem } = machineOf(folder)
  console.log(`machine: ${processors} × ${processor}, ${memoryGiB} GiB, ${system}, node ${node}`)
  const { load, flushMs } = momentIn(folder)
  console.log(`disk: ${fileSystem}, a flush ${flushMs.toFixed(2)} ms; load ${load.toFixed(1)}`)
  console.log(`commit: ${commit}`)
  const { nodes, txns, batch, concurrency, bytes, keyCount, dedupMax, durability } = options
  console.log(
    `${nodes} nodes, ${txns} transactions, each a put of ${bytes} B to one of ` +
      `${keyCount} keys, at most ${batch} in a batch, ${concurrency} under way, ` +
      `${dedupMax} request ids remembered, durability ${durability}`,
  )
  console.log(growthHead())
}

/** Its members grow together; the last one is started again at some points. */
class GrowthCluster {
  errors = 0
  firstError: string | undefined
  readonly #options: GrowthOptions
  readonly #members: MemberHandle[]
  /** Decided by members that were ended since. */
  #decidedBefore = 0

  private constructor(options: GrowthOptions, members: MemberHandle[]) {
    this.#options = options
    this.#members = members
  }

  static async start(options: GrowthOptions, folder: string): Promise<GrowthCluster> {
    const { batch, dedupMax, durability, nodes } = options
    const addresses = await freeAddresses(nodes)
    const members = addresses.map((_, serial) => {
      const plan: NodePlan = {
        ...{ serial, addresses, store: 'lmdb', path: join(folder, `node-${serial}`) },
        ...{ durability, dedupMax, batchRequestsMax: batch, undecidedMax: 64 },
      }
      return MemberHandle.start(plan)
    })
    await Promise.all(members.map((member) => member.next('ready')))
    return new GrowthCluster(options, members)
  }

  /** Until so many transactions were decided in all. */
  async grow(txns: number, withRestart: boolean): Promise<GrowthPoint> {
    const began = performance.now()
    const before = await this.#applied()
    for (let now = before; now < txns; now = await this.#applied()) await this.#write(txns - now)
    const applied = await this.#applied()
    const perSecond = ((applied - before) * 1_000) / (performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    const footprints = await Promise.all(
      this.#members.map((member, serial) => footprintOf(member, serial === 0)),
    )
    const most = (of: (footprint: (typeof footprints)[number]) => number): number =>
      Math.max(...footprints.map(of))
    const [first] = footprints
    const batches = footprints.reduce((sum, each) => sum + decidedBy(each), this.#decidedBefore)
    return {
      ...{ txns: Number(first?.position ?? 0n), batches, perSecond },
      rssBytes: most(({ rssBytes }) => rssBytes),
      ownBytes: most(({ ownBytes }) => ownBytes),
      heapBytes: most(({ heapBytes }) => heapBytes),
      externalBytes: most(({ externalBytes }) => externalBytes),
      fileBytes: most(({ fileBytes }) => fileBytes),
      tables: first?.tables ?? [],
      restart: withRestart ? await this.#restart() : undefined,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
  }

  async #write(txns: number): Promise<void> {
    const { bytes, concurrency, keyCount, nodes } = this.#options
    const count = Math.ceil(txns / nodes)
    const share = { ...{ count, bytes, keyCount }, concurrency: Math.ceil(concurrency / nodes) }
    const written = await Promise.all(
      this.#members.map((member) => member.ask({ kind: 'write', share }, 'written')),
    )
    for (const { errors, firstError } of written) {
      this.errors += errors
      this.firstError ??= firstError
    }
  }

  async #applied(): Promise<number> {
    const [first] = this.#members
    return first === undefined ? 0 : Number((await footprintOf(first, false)).position)
  }

  /** SIGKILL, and a start, while the others are up and idle. */
  async #restart(): Promise<Restart | undefined> {
    const serial = this.#members.length - 1
    const old = this.#members[serial]
    if (old === undefined) return undefined
    this.#decidedBefore += decidedBy(await footprintOf(old, false))
    await old.kill()
    const began = performance.now()
    const member = MemberHandle.start(old.plan)
    this.#members[serial] = member
    const { bootMs, storeMs, nodeMs } = await member.next('ready')
    const share = { count: 1, concurrency: 1, bytes: this.#options.bytes, keyCount: 1 }
    await member.ask({ kind: 'write', share }, 'written')
    return { bootMs, storeMs, nodeMs, servingMs: performance.now() - began }
  }
}

async function footprintOf(member: MemberHandle, withTables: boolean) {
  return (await member.ask({ kind: 'footprint', withTables }, 'footprint')).footprint
}

function decidedBy({ decisions }: Awaited<ReturnType<typeof footprintOf>>): number {
  return decisions.fast + decisions.slow + decisions.recovered
}
