/** The WAN table: a line for each region and setting. */

import type { Tally } from '../conversation.ts'
import { percentile } from '../figures.ts'
import type { BufferMode } from './wan-options.ts'

/** What a region came to in one setting. */
export interface WanLine {
  readonly region: string
  /** Coordinators that were busy at once. */
  readonly busy: number
  readonly buffer: BufferMode
  readonly idealMs: number
  readonly commits: number
  readonly errors: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of what this region's member decided; undefined when it decided nothing. */
  readonly fastShare: number | undefined
}

/** Fewer commits in a window say nothing. */
export const COMMITS_MIN = 30

const COLUMNS: readonly (readonly [string, number])[] = [
  ['busy', 4],
  ['buffer', 8],
  ['region', -16],
  ['commits', 7],
  ['errors', 6],
  ['ideal ms', 8],
  ['p50 ms', 7],
  ['p99 ms', 7],
  ['p50/ideal', 9],
  ['fast', 6],
]

/** Of one member's window. */
export function wanLine(
  of: Pick<WanLine, 'region' | 'busy' | 'buffer' | 'idealMs'>,
  tally: Tally,
): WanLine {
  const latencies = Float64Array.from(tally.latencies).sort()
  const decided = tally.fast + tally.slow + tally.recovered
  return {
    ...of,
    commits: latencies.length,
    errors: tally.errors,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    fastShare: decided === 0 ? undefined : tally.fast / decided,
  }
}

/** The head of the table. */
export function wanHead(): string {
  return align(COLUMNS.map(([title]) => title))
}

/** One line of it. */
export function wanText(line: WanLine): string {
  const { region, busy, buffer, commits, errors, idealMs, p50Ms, p99Ms, fastShare } = line
  return align([
    ...[`${busy}`, buffer, region, `${commits}`, `${errors}`],
    ...[idealMs.toFixed(0), p50Ms.toFixed(0), p99Ms.toFixed(0), (p50Ms / idealMs).toFixed(2)],
    fastShare === undefined ? '-' : `${Math.round(100 * fastShare)} %`,
  ])
}

/** The mean over regions of p50 to ideal, in a setting; undefined without any. */
export function meanRatio(
  lines: readonly WanLine[],
  setting: Pick<WanLine, 'busy' | 'buffer'>,
): number | undefined {
  const ratios = lines
    .filter(({ busy, buffer }) => busy === setting.busy && buffer === setting.buffer)
    .map(({ p50Ms, idealMs }) => p50Ms / idealMs)
  return ratios.length === 0 ? undefined : ratios.reduce((sum, each) => sum + each) / ratios.length
}

function align(cells: readonly string[]): string {
  return COLUMNS.map(([, width], i) => {
    const cell = cells[i] ?? ''
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width)
  }).join(' ')
}
