/**
 * Looking for a planted bug with the instruments of this package, in the process that carries the
 * bug.
 */

import { DEEP_BOUNDS, DEFAULT_BOUNDS } from '../explore/bounds.ts'
import { explore } from '../explore/explorer.ts'
import { scenarioFiles } from '../scenario/library.ts'
import { play } from '../scenario/stage.ts'
import { failureOf } from '../walk/campaign.ts'
import { walk } from '../walk/walk.ts'
import type { Hunt } from './mutant.ts'

/** How a mutant was found without a scenario. */
export interface Catch {
  /** `walk n=3`, `explore 1 loss`. */
  readonly by: string
  /** Schedules until it was found: seeds of walks, states of an exploration. */
  readonly after: number
  /** The walk that finds it; undefined for an exploration. */
  readonly walk:
    | { readonly seed: string; readonly n: number; readonly changes: boolean | undefined }
    | undefined
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
export function hunt(
  of: { readonly hunts: readonly Hunt[]; readonly explored?: string | undefined },
  from: bigint,
): HuntResult {
  const played = scenarioFiles().map(({ name, text }) => ({ name, how: outcomeOf(text) }))
  const scenarios = played.filter(({ how }) => how !== 'went').map(({ name }) => name)
  const violations = played.filter(({ how }) => how === 'violation').map(({ name }) => name)
  const explored = of.explored === undefined ? undefined : byExploring(of.explored)
  for (const each of of.hunts) {
    const blind = each.by === 'walk' ? byWalks(each, from) : byExploring(each.bounds)
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

function byWalks(of: Hunt & { by: 'walk' }, from: bigint): Catch | undefined {
  for (let i = 0; i < of.seedsMax; i++) {
    const seed = from + BigInt(i)
    try {
      walk(seed, { n: of.n, changes: of.changes })
    } catch (error) {
      const { rule, what } = failureOf(seed, error)
      return {
        by: `walk n=${of.n}${of.changes === true ? ', changes' : ''}`,
        after: i + 1,
        walk: { seed: String(seed), n: of.n, changes: of.changes },
        rule,
        what: `seed ${seed}: ${what}`,
      }
    }
  }
  return undefined
}

function byExploring(name: string): Catch | undefined {
  const bounds = [...DEFAULT_BOUNDS, ...DEEP_BOUNDS].find((each) => each.name === name)
  if (bounds === undefined) throw new RangeError(`no bounds are named ${name}`)
  const { violation, states } = explore(bounds)
  if (violation === undefined) return undefined
  return {
    by: `explore ${name}`,
    after: states,
    walk: undefined,
    rule: violation.rule,
    what: violation.what,
  }
}
