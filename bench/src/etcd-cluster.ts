/**
 * etcd, as its manual says to run it: a process a member on loopback, and one load generator, also
 * in Go, that puts values over a few connections to each member.
 */

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Coordinators } from './bench-options.ts'
import { KEY_COUNT, type Contender, type Load, type Measurement } from './contender.ts'
import type { EtcdPrograms } from './etcd-programs.ts'
import { freeAddresses } from './free-addresses.ts'

const START_MS = 60_000
/** Of the load generator, beyond the load. */
const OVERTIME_MS = 60_000
/** To each member: fewer were slower at 256 clients, more no faster. */
const CONNECTIONS = 4
/** The default of 2 GiB might not last; it is a limit, not a size. */
const QUOTA_BYTES = 8 * 2 ** 30

/** What cluster to start. */
export interface EtcdPlan {
  readonly nodes: number
  readonly programs: EtcdPrograms
  /** False: with `--unsafe-no-fsync`, which is as near to memory as etcd gets. */
  readonly durable: boolean
  /** `one` is the leader here. */
  readonly coordinators: Coordinators
  /** An existing, empty folder. */
  readonly folder: string
}

interface EtcdMember {
  readonly child: ChildProcess
  readonly address: string
}

/** A cluster of etcd processes. */
export class EtcdCluster implements Contender {
  readonly #plan: EtcdPlan
  readonly #members: readonly EtcdMember[]

  private constructor(plan: EtcdPlan, members: readonly EtcdMember[]) {
    this.#plan = plan
    this.#members = members
  }

  /** Resolves when every member says that it is healthy. */
  static async start(plan: EtcdPlan): Promise<EtcdCluster> {
    const addresses = await freeAddresses(2 * plan.nodes)
    const clients = addresses.slice(0, plan.nodes)
    const peers = addresses.slice(plan.nodes)
    mkdirSync(plan.folder, { recursive: true })
    const members = clients.map((client, i) => startMember(plan, { i, client, peers }))
    const cluster = new EtcdCluster(plan, members)
    try {
      await Promise.all(members.map(isHealthy))
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  /** A lone client speaks to the leader, which is the shortest way that etcd has. */
  async measure(load: Load): Promise<Measurement> {
    const leader = await this.#leader()
    const others = this.#members.map(({ address }) => address).filter((one) => one !== leader)
    const endpoints = this.#plan.coordinators === 'all' ? [leader, ...others] : [leader]
    const { stdout } = await promisify(execFile)(
      this.#plan.programs.load,
      [
        `-endpoints=${endpoints.join(',')}`,
        `-pids=${this.#members.map(({ child }) => child.pid).join(',')}`,
        `-clients=${load.concurrency}`,
        `-connections=${CONNECTIONS}`,
        `-bytes=${load.bytes}`,
        `-keys=${KEY_COUNT}`,
        `-warm-up=${load.warmUpMs}ms`,
        `-window=${load.windowMs}ms`,
      ],
      { timeout: load.warmUpMs + load.windowMs + OVERTIME_MS },
    )
    return measurementOf(JSON.parse(stdout))
  }

  /** SIGKILL: what it leaves is thrown away. */
  async close(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ child }) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }),
    )
  }

  async #leader(): Promise<string> {
    for (const { address } of this.#members) {
      const status = await ask(address, '/v3/maintenance/status', '{}')
      if (status.leader !== undefined && status.header?.member_id === status.leader) return address
    }
    throw new Error('etcd has no leader')
  }
}

/** What the load generator prints; see `peers/etcd/load/main.go`. */
interface EtcdReport {
  readonly operations: number
  readonly errors: number
  readonly firstError: string
  readonly windowUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  readonly serverCpuUs: number
  readonly clientCpuUs: number
}

function measurementOf(report: EtcdReport): Measurement {
  const { operations, serverCpuUs, clientCpuUs } = report
  const isKnown = operations > 0 && serverCpuUs >= 0
  return {
    operations,
    errors: report.errors,
    firstError: report.firstError === '' ? undefined : report.firstError,
    operationsPerSecond: (operations * 1_000_000) / report.windowUs,
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    maxMs: report.maxUs / 1000,
    cpuMicrosPerOperation: isKnown ? (serverCpuUs + clientCpuUs) / operations : undefined,
    decisions: undefined,
  }
}

interface Seat {
  readonly i: number
  readonly client: string
  readonly peers: readonly string[]
}

function startMember(plan: EtcdPlan, { i, client, peers }: Seat): EtcdMember {
  const child = spawn(
    plan.programs.server,
    [
      `--name=etcd-${i}`,
      `--data-dir=${join(plan.folder, `etcd-${i}`)}`,
      `--listen-client-urls=http://${client}`,
      `--advertise-client-urls=http://${client}`,
      `--listen-peer-urls=http://${peers[i]}`,
      `--initial-advertise-peer-urls=http://${peers[i]}`,
      `--initial-cluster=${peers.map((peer, j) => `etcd-${j}=http://${peer}`).join(',')}`,
      '--initial-cluster-token=bench',
      '--initial-cluster-state=new',
      '--log-level=fatal',
      `--quota-backend-bytes=${QUOTA_BYTES}`,
      ...(plan.durable ? [] : ['--unsafe-no-fsync']),
    ],
    { stdio: 'ignore' },
  )
  // Also an end of ours that leaves no time to close.
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.removeListener('exit', kill))
  // It did not even start; that it never gets healthy is what is reported.
  child.once('error', () => process.removeListener('exit', kill))
  return { child, address: client }
}

async function isHealthy({ child, address }: EtcdMember): Promise<void> {
  const deadline = performance.now() + START_MS
  for (;;) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`etcd at ${address} ended (${child.signalCode ?? child.exitCode})`)
    }
    const answer = await ask(address, '/health').catch(() => undefined)
    if (answer?.health === 'true') return
    if (performance.now() > deadline) throw new Error(`etcd at ${address} did not get healthy`)
    await sleep(50)
  }
}

interface Answer {
  readonly health?: string
  readonly leader?: string
  readonly header?: { readonly member_id?: string }
}

async function ask(address: string, path: string, body?: string): Promise<Answer> {
  const signal = AbortSignal.timeout(5_000)
  const post = body === undefined ? {} : { method: 'POST', body }
  const response = await fetch(`http://${address}${path}`, { ...post, signal })
  // Health is told with another status when it is bad.
  const answer: Answer = JSON.parse(await response.text())
  return answer
}
