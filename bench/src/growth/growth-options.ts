/** The command line of the growth bench, parsed once. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { oneOf, whole } from '../command-line.ts'

/** What to grow, and how far. */
export interface GrowthOptions {
  readonly nodes: number
  /** In all, as callers submit them: several may share one of consensus. */
  readonly txns: number
  /** How many may share one of consensus. */
  readonly batch: number
  readonly concurrency: number
  readonly bytes: number
  readonly keyCount: number
  readonly dedupMax: number
  readonly durability: 'sync' | 'process'
  readonly folder: string
}

/** How it is called. */
export const GROWTH_USAGE = `npm run bench -- growth [options]
  --txns 100000         transactions as callers submit them: 2000000 for the whole curve
  --nodes 3             1 to 7 processes over gRPC and LMDB
  --batch 8             of those in one transaction of consensus at most; 1: each is one
  --concurrency 192     under way at any time, spread over all members
  --bytes 64            of each value
  --keys 1000           different keys: executor state stays as large as this makes it
  --dedup 10000         request ids remembered
  --durability process  or sync: what is measured is size, and process is quicker
  --folder DIR          where the data lies meanwhile; default the temporary folder`

/** Undefined: only the usage is wanted. Throws a `RangeError` that says what is wrong. */
export function parseGrowthOptions(args: readonly string[]): GrowthOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      txns: { type: 'string', default: '100000' },
      nodes: { type: 'string', default: '3' },
      batch: { type: 'string', default: '8' },
      concurrency: { type: 'string', default: '192' },
      bytes: { type: 'string', default: '64' },
      keys: { type: 'string', default: '1000' },
      dedup: { type: 'string', default: '10000' },
      durability: { type: 'string', default: 'process' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    txns: whole('txns', values.txns, { min: 1_000, max: 100_000_000 }),
    nodes: whole('nodes', values.nodes, { min: 1, max: 7 }),
    batch: whole('batch', values.batch, { min: 1, max: 512 }),
    concurrency: whole('concurrency', values.concurrency, { min: 1, max: 10_000 }),
    bytes: whole('bytes', values.bytes, { min: 0, max: 1_000_000 }),
    keyCount: whole('keys', values.keys, { min: 1, max: 10_000_000 }),
    dedupMax: whole('dedup', values.dedup, { min: 1, max: 100_000_000 }),
    durability: oneOf('durability', values.durability, ['process', 'sync']),
    folder: values.folder,
  }
}

/** Where the curve has a point: 1, 2, 5 in each decade from 10^4, and the end. */
export function pointsUpTo(txns: number): readonly number[] {
  const points: number[] = []
  for (let decade = 10_000; decade < txns; decade *= 10) {
    for (const factor of [1, 2, 5]) if (decade * factor < txns) points.push(decade * factor)
  }
  return [...points, txns]
}

/** Whether a restart is timed at a point: at powers of ten, and at the end. */
export function hasRestart(point: number, txns: number): boolean {
  return point === txns || Number.isInteger(Math.log10(point))
}
