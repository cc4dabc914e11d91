/**
 * Clusters on loopback, ours beside etcd's, on the same disk in the same run: throughput, latency
 * and processor time, as medians over rounds in which both take turns. The last line says how much
 * was measured; exits non-zero when that means nothing.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseBenchOptions, USAGE, type BenchOptions, type StoreKind } from './bench-options.ts'
import type { Contender, Load, Measurement } from './contender.ts'
import { EtcdCluster } from './etcd-cluster.ts'
import { etcdPrograms, type EtcdPrograms } from './etcd-programs.ts'
import { runGrowth } from './growth/growth.ts'
import { machineOf, momentIn, type Machine, type Moment } from './machine.ts'
import { runReads } from './reads/reads.ts'
import { runReplace } from './replace/replace.ts'
import { writeResults } from './results-file.ts'
import { rowOf, type Round, type Row } from './row.ts'
import { SyneviCluster } from './synevi-cluster.ts'
import { tableHead, tableLine } from './table.ts'
import { runWan } from './wan/wan.ts'
import { inWorkFolder } from './work-folder.ts'

/** After a start: compilers, caches and pools get warm, unmeasured. */
const FIRST_LOAD: Omit<Load, 'bytes'> = {
  concurrency: 64,
  warmUpMs: 1000,
  windowMs: 500,
  name: 'first-load',
}

/** What etcd is measured with, or why it is not. */
type Peer =
  | { readonly kind: 'etcd'; readonly programs: EtcdPrograms }
  | { readonly kind: 'none'; readonly why: string }

process.exitCode = await main(process.argv.slice(2))

async function main([command = '', ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'growth':
      return runGrowth(rest)
    case 'reads':
      return runReads(rest)
    case 'replace':
      return runReplace(rest)
    case 'wan':
      return runWan(rest)
    default:
      return compare(process.argv.slice(2))
  }
}

/** Beside the peer. */
async function compare(args: readonly string[]): Promise<number> {
  let options: BenchOptions
  try {
    options = parseBenchOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return 2
  }
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  return inWorkFolder(options.folder, (folder) => runIn(folder, options))
}

async function runIn(folder: string, options: BenchOptions): Promise<number> {
  const machine = machineOf(folder)
  if (machine.fileSystem === 'tmpfs' && options.stores.includes('lmdb')) {
    console.error(`${folder} is memory: durable figures need a disk; choose one with --folder`)
    return 1
  }
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true })
  return run(options, { folder, machine })
}

interface Place {
  readonly folder: string
  readonly machine: Machine
}

async function run(options: BenchOptions, { folder, machine }: Place): Promise<number> {
  const begun = new Date()
  const peer = await choosePeer(options)
  const before = momentIn(folder)
  printHead(options, { machine, before, peer })
  const rows: Row[] = []
  for (const nodes of options.nodes) {
    for (const store of options.stores) {
      rows.push(...(await measureClusters(options, { nodes, store, peer, folder })))
    }
  }
  const after = momentIn(folder)
  const seconds = Math.round((Date.now() - begun.getTime()) / 1000)
  console.log(
    `took ${seconds} s; at the end: load ${after.load.toFixed(1)}, ` +
      `a flush ${after.flushMs.toFixed(2)} ms`,
  )
  const peerText = peer.kind === 'etcd' ? `etcd ${peer.programs.version}` : peer.why
  if (options.save) {
    const times = { begun: begun.toISOString(), seconds, before, after }
    const file = writeResults({ ...times, machine, parameters: options, peer: peerText, rows })
    console.log(`results: ${file}`)
  }
  return verdict(options, peer, rows)
}

async function choosePeer(options: BenchOptions): Promise<Peer> {
  if (options.peer === 'none') return { kind: 'none', why: 'not asked for' }
  try {
    return { kind: 'etcd', programs: await etcdPrograms((text) => console.log(text)) }
  } catch (error) {
    return { kind: 'none', why: error instanceof Error ? error.message : String(error) }
  }
}

interface Setting {
  readonly nodes: number
  readonly store: StoreKind
  readonly peer: Peer
  readonly folder: string
}

/** Both clusters stand throughout; while one is measured the other idles. */
async function measureClusters(options: BenchOptions, setting: Setting): Promise<readonly Row[]> {
  const { nodes, store, peer } = setting
  const { coordinators, profile, bytes, concurrency } = options
  const folder = mkdtempSync(join(setting.folder, `${nodes}-${store}-`))
  const ours = await SyneviCluster.start({ nodes, store, coordinators, folder, profile })
  let theirs: EtcdCluster | undefined
  try {
    if (peer.kind === 'etcd') {
      const { programs } = peer
      const durable = store === 'lmdb'
      theirs = await EtcdCluster.start({ nodes, programs, durable, coordinators, folder })
    }
    await ours.measure({ ...FIRST_LOAD, bytes })
    await theirs?.measure({ ...FIRST_LOAD, bytes })
    const rounds = new Map<number, Round[]>(concurrency.map((clients) => [clients, []]))
    for (let round = 0; round < options.rounds; round++) {
      for (const [clients, measured] of rounds) {
        const load: Load = {
          concurrency: clients,
          warmUpMs: options.warmUpSeconds * 1000,
          windowMs: options.seconds * 1000,
          bytes,
          name: `${nodes}-${store}-c${clients}-round${round + 1}`,
        }
        measured.push(await sideBySide({ ours, theirs }, load, round))
      }
    }
    const rows = [...rounds].map(([clients, measured]) =>
      rowOf({ nodes, store, concurrency: clients }, measured),
    )
    for (const row of rows) console.log(tableLine(row))
    return rows
  } finally {
    await Promise.all([ours.close(), theirs?.close()])
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Both {
  readonly ours: Contender
  readonly theirs: Contender | undefined
}

/** Who is first alternates. */
async function sideBySide({ ours, theirs }: Both, load: Load, round: number): Promise<Round> {
  if (theirs === undefined) return { ours: await ours.measure(load), peer: undefined }
  let peer: Measurement | undefined
  if (round % 2 === 1) peer = await theirs.measure(load)
  const measured = await ours.measure(load)
  return { ours: measured, peer: peer ?? (await theirs.measure(load)) }
}

function printHead(
  options: BenchOptions,
  run: { readonly machine: Machine; readonly before: Moment; readonly peer: Peer },
): void {
  const { machine, before, peer } = run
  const { processor, processors, memoryGiB, system, node, commit, fileSystem } = machine
  const spread = options.coordinators === 'all' ? 'spread over all members' : 'at one member'
  console.log(`machine: ${processors} × ${processor}, ${memoryGiB} GiB, ${system}, node ${node}`)
  console.log(
    `disk: ${fileSystem}, a flush ${before.flushMs.toFixed(2)} ms; load ${before.load.toFixed(1)}`,
  )
  console.log(`commit: ${commit}`)
  console.log(
    `puts of ${options.bytes} B, ${spread}; medians over ${options.rounds} rounds ` +
      `of ${options.seconds} s after ${options.warmUpSeconds} s of warm-up`,
  )
  console.log('ours: a process a member over gRPC, clients within them, as embedded')
  if (peer.kind === 'none') console.log(`peer skipped: ${peer.why}`)
  else {
    console.log(
      `etcd ${peer.programs.version}: a process a member, clients in one Go process, the first ` +
        'of them at the leader; beside "memory" it runs with --unsafe-no-fsync',
    )
  }
  console.log(tableHead())
}

function verdict(options: BenchOptions, peer: Peer, rows: readonly Row[]): number {
  const faults = rows.flatMap((row) =>
    row.faults.map((why) => `${row.nodes} nodes, ${row.store}, ${row.concurrency}: ${why}`),
  )
  if (options.requirePeer && peer.kind === 'none') faults.push(`peer skipped: ${peer.why}`)
  for (const fault of faults) console.log(`FAULT: ${fault}`)
  const sides = rows.length + rows.filter((row) => row.peer !== undefined).length
  const ratios = rows.filter((row) => row.ratios !== undefined).length
  console.log(
    `bench: ${sides * options.rounds} measurements, ${ratios} ratios, ${faults.length} faults`,
  )
  return faults.length === 0 && rows.length > 0 ? 0 : 1
}
