/** The command line of the bench of reads, parsed once. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { oneOf, whole } from '../command-line.ts'
import type { StoreKind } from '../bench-options.ts'

/** What to measure, and how long. */
export interface ReadsOptions {
  readonly nodes: number
  readonly store: StoreKind
  /** Requests under way at any time, over the whole cluster. */
  readonly concurrency: readonly number[]
  /** Clients that write meanwhile. */
  readonly writers: number
  readonly rounds: number
  readonly windowMs: number
  readonly folder: string
}

/** How it is called. */
export const READS_USAGE = `npm run bench -- reads [options]
  --nodes 3                   1 to 7 processes over gRPC
  --store lmdb                or memory
  --concurrency 1,64,256      reads under way at any time, spread over all members
  --writers 0                 clients that write meanwhile
  --rounds 3                  medians are over these; kinds of reads take turns
  --window 1000               milliseconds of each measurement
  --folder DIR                where the data lies meanwhile; default the temporary folder`

/** Undefined: only the usage is wanted. Throws a `RangeError` that says what is wrong. */
export function parseReadsOptions(args: readonly string[]): ReadsOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '3' },
      store: { type: 'string', default: 'lmdb' },
      concurrency: { type: 'string', default: '1,64,256' },
      writers: { type: 'string', default: '0' },
      rounds: { type: 'string', default: '3' },
      window: { type: 'string', default: '1000' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    nodes: whole('nodes', values.nodes, { min: 1, max: 7 }),
    store: oneOf('store', values.store, ['lmdb', 'memory']),
    concurrency: values.concurrency
      .split(',')
      .map((text) => whole('concurrency', text.trim(), { min: 1, max: 10_000 })),
    writers: whole('writers', values.writers, { min: 0, max: 1_000 }),
    rounds: whole('rounds', values.rounds, { min: 1, max: 100 }),
    windowMs: whole('window', values.window, { min: 100, max: 3_600_000 }),
    folder: values.folder,
  }
}
