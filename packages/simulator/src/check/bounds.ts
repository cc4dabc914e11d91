/**
 * Bounds (`testing.md` 2.7, checker 8): nothing grows without limit, and at rest everything is
 * empty.
 */

import type { Anomaly } from './history.ts'

/** What a node holds in memory at one moment. */
export interface Load {
  readonly node: number
  readonly inFlight: number
  readonly queued: number
  readonly undecided: number
}

/** The most that may be held while the world runs. */
export interface LoadLimits {
  readonly inFlightMax: number
  readonly queuedMax: number
  /** 2·n·K of `protocol.md` 8.6. */
  readonly undecidedMax: number
}

/** While it runs. */
export function checkLoad(load: Load, limits: LoadLimits): Anomaly | undefined {
  const over =
    over1('inFlight', load.inFlight, limits.inFlightMax) ??
    over1('queued', load.queued, limits.queuedMax) ??
    over1('undecided', load.undecided, limits.undecidedMax)
  return over === undefined
    ? undefined
    : { name: 'over its bound', why: `node ${load.node}: ${over}` }
}

/** With no request under way and nothing broken: all is empty. */
export function checkRest(load: Load): Anomaly | undefined {
  const over =
    over1('inFlight', load.inFlight, 0) ??
    over1('queued', load.queued, 0) ??
    over1('undecided', load.undecided, 0)
  return over === undefined ? undefined : { name: 'not at rest', why: `node ${load.node}: ${over}` }
}

function over1(name: string, value: number, max: number): string | undefined {
  return value > max ? `${name} is ${value}, above ${max}` : undefined
}
