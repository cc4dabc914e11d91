/**
 * What one walk draws before it begins: size, transactions, faults, and the bias that makes it
 * lopsided.
 */

import {
  ALL_FEATURES,
  NO_FEATURES,
  keysOf,
  type ConflictKey,
  type FeatureSet,
  type Keys,
  type ReplicaOptions,
} from '@synevi/accord'
import { payloadDigest } from '../core-world/chain.ts'
import type { Prng } from '../prng.ts'

/** How the schedule leans (`testing.md` 2.9). */
export type Bias =
  | { readonly kind: 'none' }
  /** Nothing reaches this node until the end. */
  | { readonly kind: 'starved'; readonly node: number }
  /** This node dies after its k-th message, and stays dead for so many events, or for good. */
  | {
      readonly kind: 'dies'
      readonly node: number
      readonly after: number
      readonly forGood: boolean
    }
  /** Votes of this node stay on their way until the end. */
  | { readonly kind: 'heldVote'; readonly node: number }
  /** Timers run at these two in turn, often. */
  | { readonly kind: 'duel'; readonly nodes: readonly [number, number] }
  /**
   * PreAccepts of `node` are late, and so is all that would let it tell of them: its transactions
   * are known as deps first, and recovered without a payload. `blind` learns of the others late.
   */
  | { readonly kind: 'lateBirth'; readonly node: number; readonly blind: number }
  /**
   * Outcomes are late everywhere, first proposals if `accepts`, and what asks for a promise at
   * `deaf`: recoveries see what was accepted, and not what it came to.
   */
  | { readonly kind: 'unheard'; readonly accepts: boolean; readonly deaf: number | undefined }
  /** Recoveries begin while everything is still on its way. */
  | { readonly kind: 'early' }

/** Probabilities of what comes next, beside delivering: relative weights. */
export interface Rates {
  readonly deliver: number
  readonly store: number
  readonly execute: number
  readonly leap: number
  readonly crash: number
  readonly restart: number
  readonly submit: number
  /** Connections that close and open. */
  readonly link: number
  readonly tick: number
  readonly read: number
  /** Operators that let go of what they held back. */
  readonly offer: number
}

/** Everything that is drawn before a walk begins. */
export interface WalkPlan {
  readonly n: number
  readonly txns: readonly { readonly node: number; readonly keys: Keys }[]
  readonly universe: readonly ConflictKey[]
  /** Reads that write nothing; `givenUp`: the client does not wait for the answer. */
  readonly reads: readonly {
    readonly node: number
    readonly keys: Keys
    readonly givenUp: boolean
  }[]
  /** One or two. */
  readonly biases: readonly Bias[]
  readonly rates: Rates
  /** Of each message. */
  readonly drop: number
  readonly duplicate: number
  /** Crashes at most. */
  readonly crashesMax: number
  /** Of crashes: how many nodes may stay dead for good. */
  readonly deadMax: number
  /** Writes and executions finish at once. */
  readonly prompt: boolean
  readonly encoded: boolean
  /** Memory is compared with the disk when the end begins. */
  readonly rebuilt: boolean
  /** Recoverers do not linger: they conclude from the first quorum of replies. */
  readonly swift: boolean
  /** Events before the end begins. */
  readonly events: number
  /** How far a timer leap goes, in milliseconds. */
  readonly leapMs: number
  readonly wallOffsets: readonly bigint[]
  readonly replica: ReplicaOptions
  /**
   * What each node offers of features that are not agreed on: members of two versions, or operators
   * who hold back. Undefined: all are agreed from the start.
   */
  readonly offers: readonly FeatureSet[] | undefined
  /** Nodes of the release before, which becomes this one when it offers something. */
  readonly before: readonly number[]
  /** Changes of the membership: undefined in most walks. */
  readonly changes: Changes | undefined
  /** How ids are closed, and how often a node's turn comes; undefined: not at all. */
  readonly closing:
    | (Required<Pick<ReplicaOptions, 'floorIntervalMs' | 'floorRecords' | 'closeLagMs'>> & {
        readonly rate: number
      })
    | undefined
}

/** Who may join, and how often an operator wants other members. */
export interface Changes {
  /** Nodes beside the first members. */
  readonly joiners: number
  readonly count: number
  readonly rate: number
}

const SIZES = [
  [40, 3],
  [30, 5],
  [8, 7],
  [9, 4],
  [5, 2],
  [3, 1],
  [5, 6],
] as const

const ONE_KEY = ['k'].map((key) => keysOf([key]))
const TWO_KEYS = [['a'], ['b'], ['a', 'b']].map((keys) => keysOf(keys))

/** Sizes by the frequencies of `protocol.md` 13.2; `n` fixes it. */
export function drawPlan(
  chance: Prng,
  seed: bigint,
  fixed: { readonly n?: number | undefined; readonly changes?: boolean | undefined },
): WalkPlan {
  const n = fixed.n ?? chance.weighted(SIZES)
  const keyed = chance.weighted([
    [55, 'one'],
    [30, 'two'],
    [15, 'all'],
  ])
  const txnCount = chance.chance(0.25) ? 2 : 2 + chance.below(n >= 5 ? 3 : 4)
  const txns = Array.from({ length: txnCount }, (_, i) => ({
    node: chance.chance(0.7) ? i % n : chance.below(n),
    keys: drawKeys(chance, keyed),
  }))
  const closing = drawClosing(chance.fork('closing'))
  const changes = drawChanges(chance.fork('changes'), fixed.changes)
  const dead = chance.chance(0.3) ? Math.floor((n - 1) / 2) : 0
  // A node that stays dead may be one of a smaller quorum later.
  const deadMax = changes === undefined ? dead : 0
  return {
    n,
    txns,
    universe: universeOf(keyed),
    biases: Array.from({ length: chance.chance(0.4) ? 2 : 1 }, () =>
      drawBias(chance, { n, node: txns[0]?.node ?? 0, deadMax }),
    ),
    rates: drawRates(chance),
    drop: chance.weighted([
      [50, 0],
      [30, 0.05],
      [20, 0.25],
    ]),
    duplicate: chance.weighted([
      [60, 0],
      [40, 0.15],
    ]),
    crashesMax: chance.weighted([
      [45, 0],
      [30, 1],
      [25, 3],
    ]),
    deadMax,
    prompt: chance.chance(0.5),
    encoded: chance.chance(0.03),
    rebuilt: chance.chance(0.25),
    swift: chance.chance(0.6),
    events: 6 + chance.below(12 * txnCount * Math.min(n, 5)) * (chance.chance(0.15) ? 3 : 1),
    leapMs: chance.pick([30, 300, 3_000]),
    wallOffsets: drawOffsets(chance, n),
    closing,
    changes,
    replica: { ...drawReplica(chance, seed), ...optionsOf(closing), ...promotionOf(changes, seed) },
    reads: drawReads(chance, n, keyed),
    ...(changes === undefined ? drawVersions(chance, n) : { offers: undefined, before: [] }),
  }
}

function universeOf(keyed: string): readonly ConflictKey[] {
  const sets = keyed === 'one' ? ONE_KEY : TWO_KEYS
  return [...new Set(sets.flatMap((keys) => (keys === 'all' ? [] : keys)))]
}

/** In one walk of six, or as told. */
function drawChanges(chance: Prng, told: boolean | undefined): Changes | undefined {
  if (!(told ?? chance.chance(1 / 6))) return undefined
  return {
    joiners: 1 + chance.below(3),
    count: chance.weighted([
      [50, 1],
      [35, 2],
      [15, 4],
    ]),
    rate: chance.pick([2, 10, 50]),
  }
}

/** Learners become voters by themselves in every other walk with changes. */
function promotionOf(changes: Changes | undefined, seed: bigint): Partial<ReplicaOptions> {
  return { promoteAfterMs: changes !== undefined && seed % 2n === 0n ? 300 : 0 }
}

/** In one walk of eight. */
function drawVersions(chance: Prng, n: number): Pick<WalkPlan, 'offers' | 'before'> {
  if (!chance.chance(0.125)) return { offers: undefined, before: [] }
  const share = chance.pick([0, 0.3, 1])
  const offers = Array.from({ length: n }, () =>
    chance.chance(share) ? ALL_FEATURES : NO_FEATURES,
  )
  const isOld = chance.chance(0.5)
  const before = offers.flatMap((offered, node) => (isOld && offered === 0 ? [node] : []))
  return { offers, before }
}

function optionsOf(closing: WalkPlan['closing']): Partial<ReplicaOptions> {
  if (closing === undefined) return {}
  const { floorIntervalMs, floorRecords, closeLagMs } = closing
  return { floorIntervalMs, floorRecords, closeLagMs }
}

/** In two walks of three. */
function drawReads(chance: Prng, n: number, keyed: string): WalkPlan['reads'] {
  const count = chance.pick([0, 1, 2, 2, 4, 6].slice(chance.chance(0.3) ? 0 : 1))
  if (chance.chance(0.25)) return []
  return Array.from({ length: count }, () => ({
    node: chance.below(n),
    keys: drawKeys(chance, keyed),
    givenUp: chance.chance(0.1),
  }))
}

function drawReplica(chance: Prng, seed: bigint): ReplicaOptions {
  return {
    seed,
    digest: payloadDigest,
    recoverAfterMs: chance.pick([1, 50, 500]),
    heartbeatMs: chance.pick([200, 1_000, 1_000, 3_000]),
    patienceMaxMs: chance.pick([0, 0, 50]),
    recordsCachedMax: chance.pick([0, 1_024]),
    reorder: chance.pick(['off', 'off', 'off', 'on']),
    reorderWaitMaxMs: chance.pick([2, 20, 80]),
  }
}

/** In every other walk ids are closed, whenever something was applied. */
function drawClosing(chance: Prng): WalkPlan['closing'] {
  if (chance.chance(0.5)) return undefined
  return {
    floorIntervalMs: chance.pick([20, 300, 2_000]),
    floorRecords: chance.pick([1, 3, 4_096]),
    closeLagMs: chance.pick([0, 0, 5, 50]),
    rate: chance.pick([2, 8, 30]),
  }
}

function drawKeys(chance: Prng, keyed: string): Keys {
  if (keyed === 'one') return chance.chance(0.05) ? 'all' : chance.pick(ONE_KEY)
  if (keyed === 'all' && chance.chance(0.35)) return 'all'
  return chance.pick(TWO_KEYS)
}

function drawBias(chance: Prng, of: { n: number; node: number; deadMax: number }): Bias {
  const { n, node, deadMax } = of
  const any = chance.below(n)
  switch (chance.below(12)) {
    case 0:
      return { kind: 'starved', node: any }
    case 1:
    case 2:
      return {
        kind: 'dies',
        node,
        after: 1 + chance.below(3 * n),
        forGood: deadMax > 0 && chance.chance(0.5),
      }
    case 3:
      return { kind: 'heldVote', node: any }
    case 4:
      return { kind: 'duel', nodes: [any, chance.below(n)] }
    case 5:
    case 6:
      return { kind: 'early' }
    case 7:
    case 8:
      return { kind: 'lateBirth', node, blind: any }
    case 9:
    case 10:
      return {
        kind: 'unheard',
        accepts: chance.chance(0.6),
        deaf: chance.chance(0.6) ? node : undefined,
      }
    default:
      return { kind: 'none' }
  }
}

function drawRates(chance: Prng): Rates {
  const rare = (p: number, weights: readonly number[]): number =>
    chance.chance(p) ? chance.pick(weights) : 0
  return {
    deliver: 100,
    store: chance.pick([20, 100, 400]),
    execute: chance.pick([20, 100, 400]),
    leap: rare(0.6, [1, 5, 20]),
    crash: rare(0.5, [1, 4]),
    restart: chance.pick([5, 30]),
    submit: chance.pick([5, 20, 1_000]),
    link: rare(0.15, [3]),
    tick: chance.pick([0, 2, 10]),
    read: chance.pick([2, 20, 200]),
    offer: 5,
  }
}

/**
 * In two runs of three all clocks agree; else some are off, by up to half the drift that is
 * refused.
 */
function drawOffsets(chance: Prng, n: number): bigint[] {
  const spread = chance.weighted([
    [66, 0],
    [17, 3_000_000],
    [17, 400_000_000],
  ])
  return Array.from({ length: n }, () => BigInt(chance.below(spread + 1)))
}
