/** What happened in walks, counted. */

/** Sums over walks. */
export interface WalkCounts {
  readonly walks: number
  readonly events: number
  readonly txns: number
  readonly fast: number
  readonly slow: number
  readonly recovered: number
  readonly invalidated: number
  readonly recoveries: number
  readonly crashes: number
  /** Nodes that began to use features which were not agreed on at first. */
  readonly enabled: number
  /** Epochs that ended. */
  readonly epochs: number
  /** Nodes that were left out, and told that they may stop. */
  readonly letGo: number
  /** Barriers ordered. */
  readonly barriers: number
  /** Answers to RaiseFloor that left something undecided. */
  readonly driven: number
  /** Slices of records erased. */
  readonly erased: number
  /** Questions about closed ids. */
  readonly truncated: number
  /** First votes that a floor forbade. */
  readonly belowFloor: number
}

/** Nothing happened yet. */
export const NO_WALKS: WalkCounts = {
  walks: 0,
  events: 0,
  txns: 0,
  fast: 0,
  slow: 0,
  recovered: 0,
  invalidated: 0,
  recoveries: 0,
  crashes: 0,
  enabled: 0,
  epochs: 0,
  letGo: 0,
  barriers: 0,
  driven: 0,
  erased: 0,
  truncated: 0,
  belowFloor: 0,
}

/** The sums. */
export function addCounts(a: WalkCounts, b: WalkCounts): WalkCounts {
  return {
    walks: a.walks + b.walks,
    events: a.events + b.events,
    txns: a.txns + b.txns,
    fast: a.fast + b.fast,
    slow: a.slow + b.slow,
    recovered: a.recovered + b.recovered,
    invalidated: a.invalidated + b.invalidated,
    recoveries: a.recoveries + b.recoveries,
    crashes: a.crashes + b.crashes,
    enabled: a.enabled + b.enabled,
    epochs: a.epochs + b.epochs,
    letGo: a.letGo + b.letGo,
    barriers: a.barriers + b.barriers,
    driven: a.driven + b.driven,
    erased: a.erased + b.erased,
    truncated: a.truncated + b.truncated,
    belowFloor: a.belowFloor + b.belowFloor,
  }
}
