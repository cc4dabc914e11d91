#!/usr/bin/env node
/**
 * Runs seeds: `simulate --seeds 1000`, `simulate --seed 42 --minimise`. `--help` lists the options.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Job, type SeedResult, Tally, Worker, broken } from '../batch.ts'
import type { FaultClass, Plan } from '../fault/plan.ts'
import { FAULT_CLASSES, drawPlan } from '../fault/swarm.ts'
import { minimise } from '../minimise.ts'
import { Prng } from '../prng.ts'
import { type Verdict, runPlan } from '../simulation.ts'
import { MixedWorkload } from '../workload/mixed.ts'

const HELP = `simulate: whole clusters in virtual time, from a seed to a verdict
  --seed S        one seed, with what led to a violation
  --seeds N       N seeds in two processes; a fresh base is drawn and printed
  --from S        the first seed of --seeds, instead of a fresh base
  --nodes N       voters, instead of what the seed draws
  --only A,B      these classes of faults and no others, instead of what the seed draws
  --snapshots     also short logs with snapshots, and old images put back: not yet without failures
  --requests N    requests of all clients, default 200
  --twice         every seed twice, once in a fresh process; traces must be equal (else 1 %)
  --minimise      with --seed or --plan: the smallest plan that still fails, written to a file
  --plan FILE     runs a written plan
  --lines N       with --seed or --plan: lines of the trace to print when it fails, default 60
  --processes N   default 2`

const { values: args } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    nodes: { type: 'string' },
    only: { type: 'string' },
    snapshots: { type: 'boolean', default: false },
    requests: { type: 'string' },
    processes: { type: 'string', default: '2' },
    lines: { type: 'string', default: '60' },
    plan: { type: 'string' },
    twice: { type: 'boolean', default: false },
    minimise: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const SCRIPT = fileURLToPath(import.meta.url)

/** What is wrong with the command line, or with the file it names. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

if (args.help) console.log(HELP)
else if (args.worker) serve()
else process.exitCode = await main()

async function main(): Promise<number> {
  try {
    return args.seed !== undefined || args.plan !== undefined ? await one() : await many()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`simulate: ${error.message}; --help lists the options`)
    return 2
  }
}

/** A whole number from the command line. */
function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new UsageError(`--${name}: ${JSON.stringify(text)} is no whole number of ${min} to ${max}`)
}

function planOf(job: Job): Plan {
  const workload = new MixedWorkload()
  const seed = BigInt(job.seed)
  const { nodes, requests, snapshots, only } = job
  return drawPlan(Prng.of(seed), seed, {
    operations: workload.operations,
    ...(nodes === undefined ? {} : { nodes }),
    ...(snapshots === undefined ? {} : { snapshots }),
    ...(only === undefined ? {} : { only }),
    ...(requests === undefined ? {} : { requests }),
  })
}

function classOf(name: string): FaultClass {
  const known = FAULT_CLASSES.find((each) => each === name)
  if (known !== undefined) return known
  throw new UsageError(`--only: ${JSON.stringify(name)} is none of ${FAULT_CLASSES.join(', ')}`)
}

function jobOf(seed: string): Job {
  const { nodes, requests, snapshots, only } = args
  return {
    seed: String(whole('seed', seed, 0, Number.MAX_SAFE_INTEGER)),
    ...(snapshots ? { snapshots } : {}),
    ...(only === undefined ? {} : { only: only.split(',').map(classOf) }),
    ...(nodes === undefined ? {} : { nodes: whole('nodes', nodes, 1, 7) }),
    ...(requests === undefined ? {} : { requests: whole('requests', requests, 1, 100_000) }),
  }
}

/** The worker: one seed after the other, as its parent sends them. */
function serve(): void {
  let present: Job | undefined
  const answer = (result: SeedResult): void => {
    present = undefined
    process.send?.(result)
  }
  const fail = (error: unknown): void => {
    answer(broken(present, error instanceof Error ? (error.stack ?? error.message) : String(error)))
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  // Its parent is gone: nobody wants an answer.
  process.on('disconnect', () => process.exit())
  process.on('message', (job: Job) => {
    present = job
    const began = performance.now()
    runPlan({ plan: planOf(job), workload: new MixedWorkload() })
      .then((verdict) => answer(resultOf(verdict, performance.now() - began)))
      .catch(fail)
  })
}

function resultOf(verdict: Verdict, ms: number): SeedResult {
  const { seed, nodes, violations, thin, work, coverage, traceHash } = verdict
  const { requests, definite, diskFaults } = work
  return { seed, nodes, violations, thin, requests, definite, diskFaults, coverage, traceHash, ms }
}

/** One seed or one plan, for a reader. */
async function one(): Promise<number> {
  const plan = args.plan === undefined ? planOf(jobOf(args.seed ?? '0')) : readPlan(args.plan)
  const keepLines = whole('lines', args.lines, 0, 10_000_000)
  const verdict = await runPlan({ plan, workload: new MixedWorkload(), keepLines })
  report(plan, verdict)
  if (args.twice && !(await runsEqual(verdict))) return 1
  const violation = verdict.violations[0]
  if (violation === undefined) {
    console.log(
      `simulate: seed ${plan.seed}, ${verdict.work.requests} requests, ` +
        `${verdict.events} events: PASS`,
    )
    return verdict.work.requests > 0 ? 0 : 1
  }
  if (args.minimise) await shrink(plan, violation)
  console.log(`simulate: seed ${plan.seed}: FAIL (${violation.checker}: ${violation.name})`)
  return 1
}

async function runsEqual(verdict: Verdict): Promise<boolean> {
  if (args.plan !== undefined) return true
  const other = await again(jobOf(verdict.seed))
  const equal = other.traceHash === verdict.traceHash
  console.log(
    `twice: ${verdict.traceHash} and ${other.traceHash}: ${equal ? 'equal' : 'DIFFERENT'}`,
  )
  return equal
}

/** In a fresh process with another time zone, locale and heap. */
async function again(job: Job): Promise<SeedResult> {
  const env = { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }
  const worker = new Worker(SCRIPT, {
    env,
    execArgv: ['--max-old-space-size=700', '--max-semi-space-size=2'],
  })
  const result = await worker.run(job)
  worker.end()
  return result
}

function report(plan: Plan, verdict: Verdict): void {
  if (verdict.violations.length > 0) for (const line of verdict.lines) console.log(line)
  const { work, coverage, thin, traceHash, events, micros } = verdict
  console.log(JSON.stringify({ nodes: plan.nodes, classes: plan.classes, settings: plan.settings }))
  console.log(JSON.stringify({ work, thin, traceHash, events, seconds: micros / 1_000_000 }))
  console.log(JSON.stringify(coverage))
  for (const violation of verdict.violations) explain(violation)
}

function explain(violation: SeedResult['violations'][number]): void {
  const { checker, name, why, at } = violation
  console.log(
    `VIOLATION at ${(at / 1_000_000).toFixed(6)} s, found by ${checker}: ${name}\n  ${why}`,
  )
}

async function shrink(plan: Plan, violation: SeedResult['violations'][number]): Promise<void> {
  const isSame = (verdict: Verdict): boolean =>
    verdict.violations.some(
      ({ checker, name }) => checker === violation.checker && name === violation.name,
    )
  const small = await minimise(plan, {
    fails: async (candidate) =>
      isSame(await runPlan({ plan: candidate, workload: new MixedWorkload() })),
    tried: (what, fails) => console.log(`  ${what}: ${fails ? 'still fails' : 'needed'}`),
    runsMax: 200,
  })
  const file = `simulate-${plan.seed}.json`
  writeFileSync(file, `${JSON.stringify(small, undefined, 2)}\n`)
  const { faults, clients, nodes } = small
  console.log(
    `minimised: ${nodes} nodes, ${clients.count} clients, ${clients.requests} requests, ` +
      `${faults.length} faults`,
  )
  for (const fault of faults) console.log(`  ${JSON.stringify(fault).slice(0, 160)}`)
  console.log(`again: npm run simulate -- --plan ${file}`)
}

function readPlan(file: string): Plan {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`cannot read the plan ${file}: ${String(error)}`)
  }
  if (isPlan(value)) return value
  throw new UsageError(`${file} is not a plan that --minimise wrote`)
}

function isPlan(value: unknown): value is Plan {
  if (typeof value !== 'object' || value === null) return false
  return ['seed', 'nodes', 'machines', 'settings', 'clients', 'wire', 'faults'].every(
    (name) => name in value,
  )
}

/** A batch. */
async function many(): Promise<number> {
  const count = whole('seeds', args.seeds ?? '100', 1, 1e9)
  const base =
    args.from === undefined
      ? randomBytes(6).readUIntBE(0, 6)
      : whole('from', args.from, 0, Number.MAX_SAFE_INTEGER)
  console.log(`simulate: ${count} seeds from ${base} (--from ${base} repeats them)`)
  const tally = new Tally()
  const began = performance.now()
  let next = 0
  const workers = Array.from(
    { length: whole('processes', args.processes, 1, 64) },
    () => new Worker(SCRIPT),
  )
  const timer = setInterval(() => progress(tally, began), 10_000)
  await Promise.all(
    workers.map(async (worker) => {
      while (next < count && tally.failed.length < 20) {
        const job = jobOf((BigInt(base) + BigInt(next++)).toString())
        const result = await worker.run(job)
        tally.add(result)
        if (result.violations.length > 0) tell(result)
        else if (args.twice || next % 100 === 0) await compare(tally, job, result)
      }
      worker.end()
    }),
  )
  clearInterval(timer)
  return conclude(tally, performance.now() - began)
}

async function compare(tally: Tally, job: Job, first: SeedResult): Promise<void> {
  const second = await again(job)
  tally.twice++
  if (second.traceHash === first.traceHash) return
  tally.unequal.push(job.seed)
  console.log(`seed ${job.seed}: two runs, two traces: ${first.traceHash} and ${second.traceHash}`)
}

function tell(result: SeedResult): void {
  console.log(`seed ${result.seed} (${result.nodes} nodes) FAILED`)
  for (const violation of result.violations.slice(0, 2)) explain(violation)
  const nodes = args.nodes === undefined ? '' : ` --nodes ${args.nodes}`
  const requests = args.requests === undefined ? '' : ` --requests ${args.requests}`
  console.log(`  again: npm run simulate -- --seed ${result.seed}${nodes}${requests} --minimise`)
}

function progress(tally: Tally, began: number): void {
  const perHour = Math.round((tally.seeds * 3_600_000) / (performance.now() - began))
  const { seeds, requests, thin, failed } = tally
  console.log(
    `  ${seeds} seeds, ${requests} requests, ${thin.length} thin, ${failed.length} failed, ` +
      `${perHour} seeds/h`,
  )
}

function conclude(tally: Tally, ms: number): number {
  const counts = Object.entries(tally.coverage.all())
  const isFault = (name: string): boolean => name.startsWith('fault ') || name.startsWith('frames ')
  const list = (entries: readonly (readonly [string, number])[]): string =>
    entries.map(([name, count]) => `${name} ${count}`).join(' · ')
  console.log(`faults: ${list(counts.filter(([name]) => isFault(name)))}`)
  console.log(`coverage: ${list(counts.filter(([name]) => !isFault(name)))}`)
  const missing = tally.coverage.missing()
  if (missing.length > 0) console.log(`never happened: ${missing.join(', ')}`)
  const reasons = new Map<string, number>()
  for (const { thin = '' } of tally.thin) {
    const name = thin.split(':')[0] ?? ''
    reasons.set(name, (reasons.get(name) ?? 0) + 1)
  }
  if (tally.thin.length > 0) console.log(`thin for want of: ${list([...reasons])}`)
  const invalid = tally.whyInvalid({ faults: true, isWhole: args.nodes === undefined })
  const isGood = tally.failed.length === 0 && tally.unequal.length === 0 && invalid === undefined
  if (invalid !== undefined) console.log(`invalid: ${invalid}`)
  const { seeds, requests, definite, thin, failed, twice, unequal } = tally
  const perHour = Math.round((seeds * 3_600_000) / ms)
  console.log(
    `simulate: ${seeds} seeds, ${failed.length} violations, ` +
      `${requests} requests (${definite} definite), ` +
      `${thin.length} thin, ${twice} run twice (${unequal.length} unequal), ${perHour} seeds/h: ` +
      (isGood ? 'PASS' : 'FAIL'),
  )
  return isGood ? 0 : 1
}
