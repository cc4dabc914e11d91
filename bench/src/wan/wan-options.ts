/** The command line of the WAN bench, parsed once. */

import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { StoreKind } from '../bench-options.ts'
import { oneOf, whole } from '../command-line.ts'

const TABLE = fileURLToPath(new URL('../../data/azure-round-trips.json', import.meta.url))

/** Of the reorder buffer. */
export type BufferMode = 'off' | 'on' | 'adaptive'

const MODES: readonly BufferMode[] = ['off', 'on', 'adaptive']

/** What to measure, and how long. */
export interface WanOptions {
  /** A file of regions and round trips. */
  readonly table: string
  /** Of each busy coordinator. */
  readonly clients: number
  /** Of each measurement. */
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly bytes: number
  readonly store: StoreKind
  readonly jitterMs: number
  readonly patienceMaxMs: number
  /** One after the other. */
  readonly buffers: readonly BufferMode[]
  readonly reorderWaitMaxMs: number
  readonly folder: string
}

/** How it is called. */
export const WAN_USAGE = `npm run bench -- wan [options]
  --clients 4           of each busy coordinator, in closed loop
  --seconds 6           of each measurement
  --warm-up 3           seconds of load before each
  --bytes 256           of each value
  --store memory        or lmdb: what is measured is the way between regions
  --jitter 2            milliseconds, give or take, on each way
  --patience 250        milliseconds to wait for a fast quorum once a slow one answered
  --buffers off,on      the reorder buffer, one after the other: off, on, adaptive
  --buffer-wait 80      the longest that it holds a message, milliseconds
  --table FILE          regions and round trips; default bench/data/azure-round-trips.json
  --folder DIR          where data lies meanwhile; default the temporary folder`

/** Undefined: only the usage is wanted. Throws a `RangeError` that says what is wrong. */
export function parseWanOptions(args: readonly string[]): WanOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      table: { type: 'string', default: TABLE },
      clients: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '6' },
      'warm-up': { type: 'string', default: '3' },
      bytes: { type: 'string', default: '256' },
      store: { type: 'string', default: 'memory' },
      jitter: { type: 'string', default: '2' },
      patience: { type: 'string', default: '250' },
      buffers: { type: 'string', default: 'off,on' },
      'buffer-wait': { type: 'string', default: '80' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    table: values.table,
    clients: whole('clients', values.clients, { min: 1, max: 1_000 }),
    seconds: whole('seconds', values.seconds, { min: 1, max: 3_600 }),
    warmUpSeconds: whole('warm-up', values['warm-up'], { min: 0, max: 3_600 }),
    bytes: whole('bytes', values.bytes, { min: 0, max: 1_000_000 }),
    store: oneOf('store', values.store, ['memory', 'lmdb']),
    jitterMs: whole('jitter', values.jitter, { min: 0, max: 1_000 }),
    patienceMaxMs: whole('patience', values.patience, { min: 0, max: 10_000 }),
    buffers: values.buffers.split(',').map((each) => oneOf('buffers', each, MODES)),
    reorderWaitMaxMs: whole('buffer-wait', values['buffer-wait'], { min: 1, max: 10_000 }),
    folder: values.folder,
  }
}
