/**
 * What an exploration may do: transactions, and how many of each fault (`testing.md` 2.9,
 * `protocol.md` 13.5).
 */

import { keysOf, type Keys } from '@synevi/accord'

/** Of one exploration. */
export interface Bounds {
  readonly name: string
  readonly n: number
  /** Coordinator and keys of each transaction. */
  readonly txns: readonly {
    readonly node: number
    readonly keys: Keys
    /** A change of the membership to these voters instead. */
    readonly members?: readonly number[]
  }[]
  /** Nodes beside the members, which may join. Default 0. */
  readonly joiners?: number
  /** Node and keys of each read, in this order, at any time. */
  readonly reads?: readonly { readonly node: number; readonly keys: Keys }[]
  /** Messages lost. */
  readonly losses: number
  /** Messages delivered twice. */
  readonly duplicates: number
  /** Recoveries begun while everything is still on its way. */
  readonly recoveries: number
  /** Crashes with restart, at rest or between write and message. */
  readonly restarts: number
  /** Crashes for good. */
  readonly deaths: number
  /** Both are submitted before the first message arrives; else at any time, in this order. */
  readonly together?: boolean
  /** Only the transaction with the least id is recovered early; else any. */
  readonly recoverFirst?: boolean
  /** Recoverers conclude from the first quorum of replies; else they wait for all, or the end. */
  readonly swift?: boolean
  /** Added to the wall clock of each node, in nanoseconds. */
  readonly wallOffsets?: readonly bigint[]
}

const K = keysOf(['k'])
const NONE = { losses: 0, duplicates: 0, recoveries: 0, restarts: 0, deaths: 0 }
const TWO = [
  { node: 0, keys: K },
  { node: 1, keys: K },
]
const ONE = TWO.slice(0, 1)
const GROWS = [...ONE, { node: 0, keys: 'all', members: [0, 1] }] as const
const REPLACES = [...ONE, { node: 1, keys: 'all', members: [0, 1, 3] }] as const
const OTHER = TWO[1] ?? { node: 1, keys: K }
/** Another coordinator is under way while the epoch closes, or submits meanwhile. */
const CLOSES = [OTHER, { node: 0, keys: 'all', members: [0, 1, 2] }] as const
const TWICE = [
  { node: 0, keys: 'all', members: [0, 1] },
  { node: 1, keys: 'all', members: [0, 1] },
] as const
const BETWEEN = [OTHER, { node: 0, keys: 'all', members: [0, 1] }, OTHER] as const
const THREE = [...TWO, { node: 2, keys: K }]

/** Within a minute together. */
export const DEFAULT_BOUNDS: readonly Bounds[] = [
  { name: 'no fault', n: 3, txns: TWO, ...NONE },
  { name: '1 loss', n: 3, txns: TWO, ...NONE, losses: 1 },
  { name: '1 duplicate', n: 3, txns: TWO, ...NONE, duplicates: 1 },
  {
    name: '1 recovery of the first',
    n: 3,
    txns: TWO,
    ...NONE,
    recoveries: 1,
    together: true,
    recoverFirst: true,
  },
  { name: '1 restart', n: 3, txns: TWO, ...NONE, restarts: 1 },
  { name: '1 death', n: 3, txns: TWO, ...NONE, deaths: 1 },
  { name: 'n=2, 1 recovery', n: 2, txns: TWO, ...NONE, recoveries: 1 },
  {
    name: '1 → 2 members, 1 restart, 1 loss',
    n: 1,
    joiners: 1,
    txns: GROWS,
    ...NONE,
    restarts: 1,
    losses: 1,
  },
  {
    name: '2 → 3 members, 1 restart, 1 loss',
    n: 2,
    joiners: 1,
    txns: CLOSES,
    ...NONE,
    restarts: 1,
    losses: 1,
  },
  {
    name: '2 → 3 members and then one, 1 restart',
    n: 2,
    joiners: 1,
    txns: [...CLOSES].reverse(),
    ...NONE,
    restarts: 1,
  },
  {
    name: '2 → 2 members, twice, 1 restart, 1 loss',
    n: 2,
    txns: TWICE,
    ...NONE,
    restarts: 1,
    losses: 1,
  },
  { name: 'one, 2 → 2 members, one', n: 2, txns: BETWEEN, ...NONE },
  { name: '1 read', n: 3, txns: ONE, reads: [{ node: 1, keys: K }], ...NONE },
  { name: '1 read, 1 loss', n: 3, txns: ONE, reads: [{ node: 1, keys: K }], ...NONE, losses: 1 },
]

/** Minutes each. */
export const DEEP_BOUNDS: readonly Bounds[] = [
  {
    name: '1 swift recovery of the first',
    n: 3,
    txns: TWO,
    ...NONE,
    recoveries: 1,
    together: true,
    recoverFirst: true,
    swift: true,
  },
  { name: '1 recovery', n: 3, txns: TWO, ...NONE, recoveries: 1 },
  { name: '1 loss, 1 recovery', n: 3, txns: TWO, ...NONE, losses: 1, recoveries: 1 },
  { name: '1 duplicate, 1 recovery', n: 3, txns: TWO, ...NONE, duplicates: 1, recoveries: 1 },
  { name: '1 restart, 1 recovery', n: 3, txns: TWO, ...NONE, restarts: 1, recoveries: 1 },
  { name: '1 death, 1 recovery', n: 3, txns: TWO, ...NONE, deaths: 1, recoveries: 1 },
  { name: '2 recoveries', n: 3, txns: TWO, ...NONE, recoveries: 2 },
  { name: '3 → 3 members', n: 3, joiners: 1, txns: REPLACES, ...NONE, together: true },
  {
    name: '3 transactions of one coordinator',
    n: 3,
    txns: THREE.map(({ keys }) => ({ node: 0, keys })),
    ...NONE,
    together: true,
  },
  { name: '3 transactions', n: 3, txns: THREE, ...NONE, together: true },
  { name: 'n=4, 1 recovery', n: 4, txns: TWO, ...NONE, recoveries: 1 },
  {
    name: '2 reads',
    n: 3,
    txns: ONE,
    reads: [
      { node: 1, keys: K },
      { node: 2, keys: K },
    ],
    ...NONE,
  },
  {
    name: '1 read, 1 restart',
    n: 3,
    txns: ONE,
    reads: [{ node: 1, keys: K }],
    ...NONE,
    restarts: 1,
  },
  {
    name: '2 reads at a node, 1 restart',
    n: 3,
    txns: ONE,
    reads: [
      { node: 1, keys: K },
      { node: 1, keys: K },
    ],
    ...NONE,
    restarts: 1,
  },
  { name: '2 transactions, 1 read', n: 3, txns: TWO, reads: [{ node: 2, keys: K }], ...NONE },
]
