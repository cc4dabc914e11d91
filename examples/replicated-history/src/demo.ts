/**
 * Three node processes replicate a real history: 1,419 commits, one transaction each, submitted
 * through all three at once. One process is killed in the middle and comes back. Exits 0 only if
 * all nodes end with the same bytes and every acknowledged commit is there exactly once.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCommits } from './commit.ts'
import type { ReplicaReport } from './conversation.ts'
import { Importer, longestPause } from './importer.ts'
import { ReplicaProcess } from './replica-process.ts'
import { faultsIn } from './verdict.ts'

const NODES = 3
/** The one that dies. */
const VICTIM = 1

const commits = readCommits(new URL('../data/commit-history.ndjson', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'synevi-demo-'))
const addresses = await freeAddresses(NODES)
const nodes = addresses.map(
  (_, serial) => new ReplicaProcess({ serial, addresses, path: join(folder, `node-${serial}`) }),
)
try {
  process.exitCode = (await run()) ? 0 : 1
} finally {
  await Promise.all(nodes.map((node) => node.close()))
  rmSync(folder, { recursive: true })
}

async function run(): Promise<boolean> {
  const begin = performance.now()
  say(`starting ${NODES} nodes: ${addresses.join(', ')}, data in ${folder}`)
  await Promise.all(nodes.map((node) => node.start()))
  say(`ready after ${ms(performance.now() - begin)}; importing ${commits.length} commits`)
  const importer = new Importer(nodes, commits)
  const started = performance.now()
  const importing = importer.run()
  const progress = setInterval(() => {
    say(`${importer.acknowledged.length} of ${commits.length} acknowledged`)
  }, 500)
  const killedAt = await killAndRestart(importer)
  await importing
  clearInterval(progress)
  const seconds = (performance.now() - started) / 1000
  const rate = Math.round(commits.length / seconds)
  say(`all acknowledged in ${seconds.toFixed(2)} s (${rate}/s), ${importer.retries} tries repeated`)
  const last = importer.acknowledged.reduce(
    (max, { position }) => (position > max ? position : max),
    0n,
  )
  const reports = await Promise.all(nodes.map((node) => node.report(last)))
  const pause = longestPause(importer.acknowledged, { from: killedAt, until: killedAt + 3_000 })
  printTable(reports)
  say(`longest pause between acknowledgements after the kill: ${ms(pause)}`)
  const faults = faultsIn(reports, { commits, acknowledged: importer.acknowledged })
  for (const fault of faults.slice(0, 10)) say(`FAULT: ${fault}`)
  const { files, authors, changes } = reports[0]?.totals ?? { files: 0, authors: 0, changes: 0 }
  const counts = `${changes} changes, ${files} files, ${authors} authors`
  const good = `ok: ${NODES} nodes are identical; ${commits.length} commits once each (${counts})`
  say(faults.length === 0 ? good : `FAILED: ${faults.length} faults`)
  return faults.length === 0
}

/** SIGKILL when a third is done; back when two thirds are. Answers when it was killed. */
async function killAndRestart(importer: Importer): Promise<number> {
  const victim = nodes[VICTIM]
  if (victim === undefined) throw new Error('there is no such node')
  await until(() => importer.acknowledged.length >= commits.length / 3)
  const killedAt = performance.now()
  await victim.kill()
  say(`killed node-${VICTIM} (SIGKILL) after ${importer.acknowledged.length} acknowledgements`)
  await until(() => importer.acknowledged.length >= (commits.length * 2) / 3)
  const restartAt = performance.now()
  const position = await victim.start()
  say(`node-${VICTIM} is back after ${ms(performance.now() - restartAt)}, at position ${position}`)
  return killedAt
}

function printTable(reports: readonly ReplicaReport[]): void {
  const rows = reports.map(({ position, hash, digest, counters, verified }, serial) => ({
    node: `node-${serial}`,
    applied: Number(position),
    'hash-chain head': `${hash.slice(0, 16)}…`,
    'state digest': `${digest.slice(0, 16)}…`,
    fast: Number(counters.fast),
    slow: Number(counters.slow),
    recovered: Number(counters.recovered),
    'log verified': verified ? 'yes' : 'NO',
  }))
  console.table(rows)
  console.log('(fast, slow, recovered: decisions of each process since it last started)')
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Ports that were free a moment ago. */
async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const addresses = servers.map((server) => {
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('the port is not known')
    return `127.0.0.1:${bound.port}`
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return addresses
}

function say(text: string): void {
  console.log(text)
}

function ms(duration: number): string {
  return `${Math.round(duration)} ms`
}
