#!/usr/bin/env node
/**
 * Random walks over real cores: `walk [--seeds 20000] [--from SEED] [--nodes N] [--changes] [--jobs
 * 2]`, or `--seed SEED` for the transcript of one. Exits 1 when a rule broke, or when too little
 * happened to mean anything.
 */

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { campaign, type CampaignResult, type Failure } from '../walk/campaign.ts'
import { addCounts, NO_WALKS, type WalkCounts } from '../walk/walk-counts.ts'
import { transcriptOf } from '../walk/walk.ts'

/** Seeds that a worker takes at a time. */
const PORTION = 250

interface Order {
  readonly from: string
  readonly count: number
  readonly n: number | undefined
  readonly changes: boolean | undefined
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string' },
    nodes: { type: 'string' },
    changes: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
    worker: { type: 'boolean', default: false },
  },
})
/** Whether the membership changes in every walk; undefined: in some. */
const changes = values.changes
const n = values.nodes === undefined ? undefined : Number(values.nodes)

if (values.worker) {
  process.on('message', (order: Order) => {
    process.send?.(campaign({ ...order, from: BigInt(order.from), step: 1n }))
  })
} else if (values.seed !== undefined) {
  for (const line of transcriptOf(BigInt(values.seed), { n, changes })) console.log(line)
} else {
  const from = values.from === undefined ? BigInt(Date.now()) * 1_000_000n : BigInt(values.from)
  await runAll({ from, count: Number(values.seeds), jobs: Number(values.jobs) })
}

async function runAll(parts: { from: bigint; count: number; jobs: number }): Promise<void> {
  const started = performance.now()
  let next = 0
  let counts: WalkCounts = NO_WALKS
  const failures: Failure[] = []
  const order = (): Order | undefined => {
    if (next >= parts.count || failures.length > 0) return undefined
    const count = Math.min(PORTION, parts.count - next)
    const from = String(parts.from + BigInt(next))
    next += count
    return { from, count, n, changes }
  }
  const workers = Array.from({ length: parts.jobs }, () =>
    fork(fileURLToPath(import.meta.url), ['--worker']),
  )
  await Promise.all(
    workers.map((worker) =>
      serve(worker, order, (result) => {
        counts = addCounts(counts, result.counts)
        if (result.failure !== undefined) failures.push(result.failure)
      }),
    ),
  )
  report({
    counts,
    failures,
    seconds: (performance.now() - started) / 1000,
    jobs: parts.jobs,
    from: parts.from,
  })
}

function serve(
  worker: ChildProcess,
  order: () => Order | undefined,
  done: (result: CampaignResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const portion = order()
      if (portion === undefined) {
        worker.disconnect()
        resolve()
      } else worker.send(portion)
    }
    worker.on('message', (result: CampaignResult) => {
      done(result)
      next()
    })
    worker.on('error', reject)
    worker.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`)),
    )
    next()
  })
}

function report(parts: {
  counts: WalkCounts
  failures: readonly Failure[]
  seconds: number
  jobs: number
  from: bigint
}): void {
  const { counts, failures, seconds, jobs, from } = parts
  for (const { seed, what } of failures) {
    const nodes = `${n === undefined ? '' : ` --nodes ${n}`}${changes === true ? ' --changes' : ''}`
    console.log(`FAILED seed ${seed}: ${what}\n  npm run walk -- --seed ${seed}${nodes}`)
  }
  const { walks, events, txns, fast, slow, recovered, invalidated, recoveries, crashes } = counts
  const { enabled } = counts
  const rate = Math.round(walks / seconds)
  console.log(
    `${txns} transactions (${fast} fast, ${slow} slow, ${recovered} recovered, ` +
      `${invalidated} invalidated), ` +
      `${recoveries} recoveries, ${crashes} crashes, ${enabled} times features on, ` +
      `${events} events`,
  )
  console.log(`${counts.epochs} epochs ended, ${counts.letGo} nodes let go`)
  const { barriers, driven, erased, truncated, belowFloor } = counts
  console.log(
    `${barriers} barriers, ${driven} floors with something undecided, ${erased} erasures, ` +
      `${truncated} answers Truncated, ${belowFloor} refusals below a floor`,
  )
  const thin = walks >= 1000 && n !== 1 && [fast, slow, recovered, crashes, enabled].includes(0)
  const verdict = failures.length > 0 ? 'FAILED' : thin ? 'THIN' : 'OK'
  console.log(
    `walk ${verdict}: ${walks} walks from seed ${from}, ${failures.length} failures, ` +
      `${rate} walks/s on ${jobs} cores (${Math.round(rate / jobs)} each)`,
  )
  process.exitCode = verdict === 'OK' ? 0 : 1
}
