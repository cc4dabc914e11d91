/**
 * Looking for a planted bug with the instruments of this package, in the process that carries the
 * bug.
 */

import { DEEP_BOUNDS, DEFAULT_BOUNDS } from '../explore/bounds.ts'
import { explore } from '../explore/explorer.ts'
import { drawPlan } from '../fault/swarm.ts'
import { Prng } from '../prng.ts'
import { scenarioFiles } from '../scenario/library.ts'
import { play } from '../scenario/stage.ts'
import { runPlan } from '../simulation.ts'
import { campaign } from '../walk/campaign.ts'
import { MixedWorkload } from '../workload/mixed.ts'
import type { Hunt } from './mutant.ts'

/** A hunt by one seed after the other. */
export type SeedHunt = Extract<Hunt, { by: 'walk' | 'simulate' }>

/** How a mutant was found without a scenario. */
export interface Catch {
  /** `walk n=3`, `explore 1 loss`, `simulate damage`. */
  readonly by: string
  /** Schedules until it was found: seeds of walks, states of an exploration. */
  readonly after: number
  /** The one schedule that finds it, of that hunt; undefined for an exploration. */
  readonly seed: { readonly seed: string; readonly of: SeedHunt } | undefined
  readonly rule: string
  readonly what: string
}

/** What the instruments said of a core that carries a mutant. */
export interface HuntResult {
  /** The scenarios that do not go as written. */
  readonly scenarios: readonly string[]
  /** Those of them in which a rule of the protocol broke. */
  readonly violations: readonly string[]
  /** Undefined: it survived all hunts. */
  readonly blind: Catch | undefined
  /** Undefined: not asked for, or not found. */
  readonly explored: Catch | undefined
}

/**
 * All scenarios, the exploration that must find it, then each hunt in turn until one finds
 * something. `from` is the first seed.
 */
export async function hunt(
  of: { readonly hunts: readonly Hunt[]; readonly explored?: string | undefined },
  from: bigint,
): Promise<HuntResult> {
  const played = scenarioFiles().map(({ name, text }) => ({ name, how: outcomeOf(text) }))
  const scenarios = played.filter(({ how }) => how !== 'went').map(({ name }) => name)
  const violations = played.filter(({ how }) => how === 'violation').map(({ name }) => name)
  const explored = of.explored === undefined ? undefined : byExploring(of.explored)
  for (const each of of.hunts) {
    const blind = each.by === 'explore' ? byExploring(each.bounds) : await bySeeds(each, from)
    if (blind !== undefined) return { scenarios, violations, blind, explored }
  }
  return { scenarios, violations, blind: undefined, explored }
}

/** A core that throws breaks a rule, too. */
function outcomeOf(text: string): 'went' | 'otherwise' | 'violation' {
  try {
    const { failure, violation } = play(text)
    return failure === undefined ? 'went' : violation ? 'violation' : 'otherwise'
  } catch {
    return 'violation'
  }
}

async function bySeeds(of: SeedHunt, from: bigint): Promise<Catch | undefined> {
  for (let i = 0; i < of.seedsMax; i++) {
    const seed = from + BigInt(i)
    const found = await failureAt(of, seed)
    if (found === undefined) continue
    const { rule, what } = found
    return {
      ...{ by: nameOf(of), after: i + 1, rule, what: `seed ${seed}: ${what}` },
      seed: { seed: String(seed), of },
    }
  }
  return undefined
}

/** What is wrong at one seed; undefined when nothing is. */
export async function failureAt(
  of: SeedHunt,
  seed: bigint,
): Promise<{ readonly rule: string; readonly what: string } | undefined> {
  if (of.by === 'walk') {
    const { n, changes } = of
    return campaign({ n, changes, from: seed, step: 1n, count: 1 }).failure
  }
  const workload = new MixedWorkload()
  const plan = drawPlan(Prng.of(seed), seed, {
    ...{ operations: workload.operations, only: of.only, requests: of.requests ?? 120 },
    ...(of.nodes === undefined ? {} : { nodes: of.nodes }),
    changes: false,
  })
  const ended = runPlan({ plan, workload }).then(({ violations: [first] }) =>
    first === undefined
      ? undefined
      : { rule: `${first.checker}: ${first.name}`, what: `${first.name}: ${first.why}` },
  )
  return orBroken(ended)
}

/** What nobody catches while whole nodes run is a find, too. */
async function orBroken<T>(ended: Promise<T>): Promise<T | { rule: string; what: string }> {
  let listener: (error: unknown) => void = () => {}
  const broken = new Promise<{ rule: string; what: string }>((resolve) => {
    listener = (error) => resolve({ rule: 'process broke', what: String(error) })
  })
  process.on('uncaughtException', listener)
  process.on('unhandledRejection', listener)
  try {
    return await Promise.race([ended, broken])
  } finally {
    process.off('uncaughtException', listener)
    process.off('unhandledRejection', listener)
  }
}

function nameOf(of: SeedHunt): string {
  if (of.by === 'simulate') return `simulate ${of.only.join(',')}`
  return `walk n=${of.n}${of.changes === true ? ', changes' : ''}`
}

function byExploring(name: string): Catch | undefined {
  const bounds = [...DEFAULT_BOUNDS, ...DEEP_BOUNDS].find((each) => each.name === name)
  if (bounds === undefined) throw new RangeError(`no bounds are named ${name}`)
  const { violation, states } = explore(bounds)
  if (violation === undefined) return undefined
  return {
    by: `explore ${name}`,
    after: states,
    seed: undefined,
    rule: violation.rule,
    what: violation.what,
  }
}
