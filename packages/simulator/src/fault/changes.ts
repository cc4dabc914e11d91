/**
 * Changes of the membership that a run goes through (`testing.md` 2.3): joins, leaves and
 * replacements, also two at once, of members that are away, by nodes that come and go.
 */

import type { Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import { type Change, type Fault, type FaultClass, type MachinePlan, toleratedOf } from './plan.ts'

/** What a run changes, and what harms those who come. */
export interface ChangePlan {
  /** Machines beside the first members, numbered behind them. */
  readonly spares: number
  readonly changes: readonly Change[]
  readonly faults: readonly Fault[]
}

const SCENES = [
  'joinOne',
  'joinTwo',
  'joinThenLeave',
  'replace',
  'replaceLost',
  'leave',
  'twoAtOnce',
] as const
type Scene = (typeof SCENES)[number]

/** Which scenes make sense for so many first members. */
const FITTING: Readonly<Record<number, readonly Scene[]>> = {
  1: ['joinTwo'],
  2: ['joinOne', 'replace'],
  3: ['joinOne', 'joinTwo', 'joinThenLeave', 'replace', 'replaceLost', 'leave', 'twoAtOnce'],
  4: ['joinOne', 'joinThenLeave', 'replace', 'replaceLost', 'leave', 'twoAtOnce'],
  5: ['joinThenLeave', 'replace', 'replaceLost', 'leave', 'twoAtOnce'],
}

/** What costs a member for good, or keeps the cluster from changing. */
const LOSSES = ['wipe', 'diverge', 'damage', 'oldImage', 'far', 'mixedVersions'] as const
/** The share of seeds whose members change. */
const CHANGING = 0.25

/** What the caller wants: undefined is a share of the seeds, and with faults. */
export interface Wanted {
  readonly changes?: boolean
  readonly faults?: boolean
}

/**
 * A seed whose members change loses nobody for good but whom it replaces, and has no clocks that
 * are wrong by hours: a majority of every configuration must be there to go on.
 */
export function chooseChanges(
  random: Prng,
  parts: { nodes: number; horizon: Micros; on: Set<FaultClass>; options: Wanted },
): ChangePlan | undefined {
  const { nodes, horizon, on, options } = parts
  const wanted = options.changes ?? (options.faults !== false && random.chance(CHANGING))
  if (!wanted) return undefined
  const loss = toleratedOf(nodes) > 0 ? random.below(nodes) : undefined
  const drawn = drawChanges(random, { nodes, horizon, loss })
  if (drawn === undefined) return undefined
  for (const each of LOSSES) on.delete(each)
  return options.faults === false ? { ...drawn, faults: [] } : drawn
}

/** Only whom the changes replace may be lost. */
export function withLoss(
  machines: readonly MachinePlan[],
  changes: ChangePlan | undefined,
): readonly MachinePlan[] {
  if (changes === undefined) return machines
  const lost = changes.faults.find((fault) => fault.kind === 'wipe')
  return machines.map((machine, i) => ({ ...machine, mayBeLost: i === lost?.node }))
}

/** What the changes bring with them: nothing more of it is drawn. */
export function classesOf(plan: ChangePlan | undefined): readonly FaultClass[] {
  const { changes = [], faults = [] } = plan ?? {}
  const harm = faults.map(({ kind }) => (kind === 'partition' ? 'oneOut' : kind))
  return [...changes.map(({ kind }) => kind), ...harm]
}

/** Undefined where so many members have no scene. */
function drawChanges(
  random: Prng,
  parts: { readonly nodes: number; readonly horizon: Micros; readonly loss: number | undefined },
): ChangePlan | undefined {
  const { nodes, horizon, loss } = parts
  const fitting = FITTING[nodes]?.filter((scene) => scene !== 'replaceLost' || loss !== undefined)
  if (fitting === undefined || fitting.length === 0) return undefined
  const scene = random.pick(fitting)
  const when = (from: number, until: number): Micros =>
    Math.floor(horizon * (from + (until - from) * random.float()))
  const first = when(0.08, 0.4)
  const second = random.chance(0.3) ? first : when(0.4, 0.7)
  const any = (): number => random.below(nodes)
  const startsFirst = random.chance(0.4)
  const join = (node: number, at: Micros): Change => ({
    ...{ kind: 'join', node, at, via: any(), startsFirst },
  })
  const leave = (at: Micros): Change => ({ kind: 'leave', node: any(), at, via: any() })
  const replace = (old: number, at: Micros): Change => ({
    ...{ kind: 'replace', old, node: nodes, at, via: any(), startsFirst },
  })
  switch (scene) {
    case 'joinOne':
      return withHarm(random, horizon, [join(nodes, first)])
    case 'joinTwo':
      return withHarm(random, horizon, [join(nodes, first), join(nodes + 1, second)])
    case 'joinThenLeave':
      return withHarm(random, horizon, [join(nodes, first), leave(Math.max(first + 1, second))])
    case 'replace':
      return withHarm(random, horizon, [replace(any(), first)])
    case 'replaceLost': {
      const lost = loss ?? 0
      const wiped: Fault = { kind: 'wipe', at: first, node: lost, down: when(0.01, 0.1) }
      const plan = withHarm(random, horizon, [replace(lost, Math.max(first + 1, second))])
      return { ...plan, faults: [wiped, ...plan.faults] }
    }
    case 'leave':
      return withHarm(random, horizon, [leave(first)])
    case 'twoAtOnce':
      return withHarm(random, horizon, [join(nodes, first), leave(first)])
  }
}

/** Those who come and those who go are hit as well, about when it happens. */
function withHarm(random: Prng, horizon: Micros, changes: readonly Change[]): ChangePlan {
  const faults: Fault[] = []
  const spares = changes.filter(({ kind }) => kind !== 'leave').length
  for (const { node, at } of changes) {
    const soon = (): Micros => Math.min(Math.floor(at + random.logBetween(500, 2_000_000)), horizon)
    const harm = random.pick(['kill', 'power', 'storm', 'pause', 'cut', 'none', 'none'] as const)
    if (harm === 'kill' || harm === 'power') {
      const down = Math.floor(random.logBetween(20_000, 1_000_000))
      faults.push({ kind: harm, at: soon(), nodes: [node], down })
    } else if (harm === 'storm') {
      const lives = Array.from({ length: random.between(2, 4) }, () =>
        Math.floor(random.logBetween(100, 200_000)),
      )
      faults.push({ kind: 'storm', at: soon(), node, lives, down: 20_000 })
    } else if (harm === 'pause') {
      faults.push({ kind: 'pause', at: soon(), node, for: random.between(100_000, 3_000_000) })
    } else if (harm === 'cut') {
      const lasts = random.between(100_000, 2_000_000)
      const others = [0, 1, 2].filter((other) => other !== node)
      const cuts = others.flatMap((other) => [
        { from: node, to: other, at, for: lasts },
        { from: other, to: node, at, for: lasts },
      ])
      faults.push({ kind: 'partition', mode: 'oneOut', at, cuts })
    }
  }
  return { spares, changes, faults }
}
