/**
 * `npm run bench -- reads`: linearizable reads that write nothing (`protocol.md` 9) beside the same
 * read as a transaction of the log, and local reads. All three kinds take turns on one cluster. The
 * last line says how often the first beat the second; exits non-zero when a read failed.
 */

import { figureOf } from '../figures.ts'
import { machineOf, momentIn } from '../machine.ts'
import type { Measurement, Operation } from '../contender.ts'
import { SyneviCluster } from '../synevi-cluster.ts'
import { inWorkFolder } from '../work-folder.ts'
import { parseReadsOptions, READS_USAGE, type ReadsOptions } from './reads-options.ts'

const WARM_UP_MS = 300
const KINDS: readonly Operation[] = ['linearizable', 'logged', 'local']

/** The exit code. */
export async function runReads(args: readonly string[]): Promise<number> {
  let options: ReadsOptions | undefined
  try {
    options = parseReadsOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${READS_USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(READS_USAGE)
    return 0
  }
  const parsed = options
  return inWorkFolder(parsed.folder, (folder) => measure(parsed, folder))
}

async function measure(options: ReadsOptions, folder: string): Promise<number> {
  printHead(options, folder)
  const { nodes, store, concurrency } = options
  const cluster = await SyneviCluster.start({
    ...{ nodes, store, folder, coordinators: 'all', profile: undefined },
  })
  let errors = 0
  const ratios: number[] = []
  try {
    await load(cluster, options, { operation: 'put', clients: 64 })
    for (const clients of concurrency) {
      const found = new Map<Operation, Measurement[]>(KINDS.map((kind) => [kind, []]))
      for (let round = 0; round < options.rounds; round++) {
        for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
          const measured = await load(cluster, options, { operation: kind, clients })
          errors += measured.errors
          if (measured.firstError !== undefined) console.log(`FAULT: ${measured.firstError}`)
          found.get(kind)?.push(measured)
        }
      }
      const rates = KINDS.map((kind) => printLine(kind, clients, found.get(kind) ?? []))
      const [direct = 0, logged = 0] = rates
      ratios.push(logged === 0 ? 0 : direct / logged)
    }
  } finally {
    await cluster.close()
  }
  const times = ratios.map((ratio, i) => `${ratio.toFixed(1)} at ${concurrency[i] ?? 0}`)
  console.log(`reads: ${times.join(', ')} times as many as through the log; ${errors} errors`)
  return errors === 0 ? 0 : 1
}

function load(
  cluster: SyneviCluster,
  { windowMs, writers }: ReadsOptions,
  of: { readonly operation: Operation; readonly clients: number },
): Promise<Measurement> {
  const { operation, clients } = of
  return cluster.measure({
    ...{ operation, windowMs, concurrency: clients, warmUpMs: WARM_UP_MS, bytes: 256 },
    ...{ writers: operation === 'put' ? 0 : writers, name: `${operation}-c${clients}` },
  })
}

function printHead(options: ReadsOptions, folder: string): void {
  const { processor, processors, memoryGiB, system, node, commit, fileSystem } = machineOf(folder)
  console.log(`machine: ${processors} × ${processor}, ${memoryGiB} GiB, ${system}, node ${node}`)
  const { load: busy, flushMs } = momentIn(folder)
  console.log(`disk: ${fileSystem}, a flush ${flushMs.toFixed(2)} ms; load ${busy.toFixed(1)}`)
  console.log(`commit: ${commit}`)
  const { nodes, store, rounds, windowMs, writers } = options
  console.log(
    `${nodes} nodes, ${store}, ${writers} writers beside the readers; medians over ${rounds} ` +
      `rounds of ${windowMs} ms`,
  )
  console.log('  clients  kind              reads/s     p50 ms     p99 ms   cpu µs/read')
}

function printLine(kind: Operation, clients: number, all: readonly Measurement[]): number {
  const rate = figureOf(all.map((one) => one.operationsPerSecond)).median
  const p50 = figureOf(all.map((one) => one.p50Ms)).median
  const p99 = figureOf(all.map((one) => one.p99Ms)).median
  const cpu = figureOf(all.map((one) => one.cpuMicrosPerOperation ?? 0)).median
  const columns = [rate.toFixed(0), p50.toFixed(2), p99.toFixed(2), cpu.toFixed(0)]
  const [first = '', ...rest] = columns.map((text, i) => text.padStart(i === 3 ? 13 : 10))
  console.log(`${String(clients).padStart(9)}  ${kind.padEnd(14)}${first}${rest.join(' ')}`)
  return rate
}
