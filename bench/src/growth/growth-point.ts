/** A point of the growth curve, and what the whole of it comes to. */

import type { TableSize } from '../conversation.ts'

/** From a new process to its first acknowledged write, the others being up. */
export interface Restart {
  /** Until its code is loaded. */
  readonly bootMs: number
  readonly storeMs: number
  readonly nodeMs: number
  /** All of it. */
  readonly servingMs: number
}

/** One point. */
export interface GrowthPoint {
  /** As callers submitted them; barriers and the like included. */
  readonly txns: number
  /** Of consensus: each holds a batch of them. */
  readonly batches: number
  readonly perSecond: number
  /** The most of any member. */
  readonly rssBytes: number
  readonly ownBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
  readonly fileBytes: number
  /** Of one member. */
  readonly tables: readonly TableSize[]
  readonly restart: Restart | undefined
}

/** From here on nothing of consensus may grow, or from a fifth of the whole where that is less. */
const SETTLED_TXNS = 100_000
/** What counts as flat: less than so much more, at the end, than where it was settled. */
const RATIO_MAX = 1.5
/** Below these a ratio says nothing. */
const CONSENSUS_MIN_BYTES = 2 ** 20
const HEAP_MIN_BYTES = 16 * 2 ** 20
const RESTART_MIN_MS = 3_000

const MIB = 2 ** 20
const COLUMNS: readonly (readonly [string, number])[] = [
  ...([
    ['txns', 9],
    ['batches', 9],
    ['txn/s', 6],
    ['rss MiB', 8],
    ['own MiB', 8],
    ['heap MiB', 8],
    ['ext MiB', 8],
  ] as const),
  ...([
    ['records', 8],
    ['cons MiB', 9],
    ['log MiB', 8],
    ['req MiB', 8],
    ['state MiB', 9],
    ['file MiB', 9],
  ] as const),
  ...([
    ['boot ms', 7],
    ['store ms', 8],
    ['node ms', 8],
    ['serve ms', 8],
  ] as const),
]

/** The head of the table. */
export function growthHead(): string {
  return (
    'txns: as callers submit them; batches: transactions of consensus, which hold them\n' +
    'records, cons: facts, peers, marks, and the record of each transaction not yet dropped; ' +
    'log, req, state: log entries, request memory, executor state: keys and values\n' +
    'rss: resident; own: without the pages of the data file that LMDB maps; ' +
    'file: the data file, free pages included; ' +
    'boot, store, node: a restart of one member until its code is loaded, then its store open, ' +
    'then its node; serve: all of it, until a write through it is acknowledged\n' +
    align(COLUMNS.map(([title]) => title))
  )
}

/** One point of it. */
export function growthLine(point: GrowthPoint): string {
  const { restart } = point
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1)
  const ms = (value: number | undefined): string => value?.toFixed(0) ?? '-'
  return align([
    ...[`${point.txns}`, `${point.batches}`, point.perSecond.toFixed(0)],
    ...[mib(point.rssBytes), mib(point.ownBytes), mib(point.heapBytes), mib(point.externalBytes)],
    `${consensusOf(point).records}`,
    ...[mib(consensusOf(point).bytes), mib(sizeOf(point, ['log']).bytes)],
    ...[mib(sizeOf(point, ['requests']).bytes), mib(sizeOf(point, ['state', 'other']).bytes)],
    ...[
      mib(point.fileBytes),
      ms(restart?.bootMs),
      ms(restart?.storeMs),
      ms(restart?.nodeMs),
      ms(restart?.servingMs),
    ],
  ])
}

/** What grows, each as a sentence. Empty: flat. */
export function growingOf(points: readonly GrowthPoint[]): readonly string[] {
  const found: string[] = []
  const last = points.at(-1)
  const settled = Math.min(SETTLED_TXNS, (last?.txns ?? 0) / 5)
  const from = points.find(({ txns }) => txns >= settled)
  if (from === undefined || last === undefined || from === last) return ['too few points']
  const compare = (what: string, of: (point: GrowthPoint) => number, least: number): void => {
    const ratio = of(last) / Math.max(of(from), least)
    if (ratio > RATIO_MAX) found.push(`${what} ×${ratio.toFixed(2)}`)
  }
  compare('consensus state on disk', (point) => consensusOf(point).bytes, CONSENSUS_MIN_BYTES)
  compare('heap', ({ heapBytes }) => heapBytes, HEAP_MIN_BYTES)
  compare('memory of its own', ({ ownBytes }) => ownBytes, HEAP_MIN_BYTES)
  // The code is loaded alike however long the history is.
  const openMs = ({ restart }: GrowthPoint): number =>
    restart === undefined ? 0 : restart.servingMs - restart.bootMs
  compare('restart', openMs, RESTART_MIN_MS)
  return found
}

function consensusOf(point: GrowthPoint): { readonly records: number; readonly bytes: number } {
  return sizeOf(point, ['facts', 'marks', 'live', 'settled'])
}

function sizeOf(
  point: GrowthPoint,
  names: readonly string[],
): { readonly records: number; readonly bytes: number } {
  let records = 0
  let bytes = 0
  for (const table of point.tables) {
    if (!names.includes(table.name)) continue
    records += table.records
    bytes += table.bytes
  }
  return { records, bytes }
}

function align(cells: readonly string[]): string {
  return COLUMNS.map(([, width], i) => (cells[i] ?? '').padStart(width)).join(' ')
}
