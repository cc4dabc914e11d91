/** Looking for a planted bug with the instruments of this package, in the process that carries the bug. */

import { DEEP_BOUNDS, DEFAULT_BOUNDS } from '../explore/bounds.ts'
import { explore } from '../explore/explorer.ts'
import { scenarioFiles } from '../scenario/library.ts'
import { play } from '../scenario/stage.ts'
import { failureOf } from '../walk/campaign.ts'
import { walk } from '../walk/walk.ts'
import type { Hunt } from './mutant.ts'

export interface Catch {
  /** `walk n=3`, `explore 1 loss`. */
  readonly by: string
  /** Schedules until it was found: seeds of walks, states of an exploration. */
  readonly after: number
  readonly rule: string
  readonly what: string
}

export interface HuntResult {
  /** The scenarios that it fails. */
  readonly scenarios: readonly string[]
  /** Undefined: it survived all hunts. */
  readonly blind: Catch | undefined
}

/** All scenarios, then each hunt in turn until one finds something. `from` is the first seed. */
export function hunt(hunts: readonly Hunt[], from: bigint): HuntResult {
  const scenarios = scenarioFiles().flatMap(({ name, text }) => (fails(text) ? [name] : []))
  for (const each of hunts) {
    const found = each.by === 'walk' ? byWalks(each, from) : byExploring(each.bounds)
    if (found !== undefined) return { scenarios, blind: found }
  }
  return { scenarios, blind: undefined }
}

/** A core that throws fails the scenario, too. */
function fails(text: string): boolean {
  try {
    return play(text).failure !== undefined
  } catch {
    return true
  }
}

function byWalks(of: Hunt & { by: 'walk' }, from: bigint): Catch | undefined {
  for (let i = 0; i < of.seedsMax; i++) {
    const seed = from + BigInt(i)
    try {
      walk(seed, { n: of.n })
    } catch (error) {
      const { rule, what } = failureOf(seed, error)
      return { by: `walk n=${of.n}`, after: i + 1, rule, what: `seed ${seed}: ${what}` }
    }
  }
  return undefined
}

function byExploring(name: string): Catch | undefined {
  const bounds = [...DEFAULT_BOUNDS, ...DEEP_BOUNDS].find((each) => each.name === name)
  if (bounds === undefined) throw new RangeError(`no bounds are named ${name}`)
  const { violation, states } = explore(bounds)
  if (violation === undefined) return undefined
  return { by: `explore ${name}`, after: states, rule: violation.rule, what: violation.what }
}
