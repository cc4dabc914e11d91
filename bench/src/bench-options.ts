/** The command line of the bench, parsed once. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { oneOf, whole } from './command-line.ts'

/** `lmdb`: each promise is on the disk before it is given. `memory`: nothing outlives a process. */
export type StoreKind = 'lmdb' | 'memory'

/** `all`: the clients are spread over the members. `one`: one member gets them all. */
export type Coordinators = 'one' | 'all'

/** What to measure, and how long. */
export interface BenchOptions {
  /** Sizes of the clusters. */
  readonly nodes: readonly number[]
  readonly stores: readonly StoreKind[]
  /** Requests under way at any time, over the whole cluster. */
  readonly concurrency: readonly number[]
  /** Of each measurement. */
  readonly seconds: number
  /** Load before each measurement, not counted. */
  readonly warmUpSeconds: number
  readonly rounds: number
  /** Of each value. */
  readonly bytes: number
  readonly coordinators: Coordinators
  readonly peer: 'etcd' | 'none'
  /** Without its peer the bench fails. */
  readonly requirePeer: boolean
  /** All data lies in a new folder in this one, and is removed. */
  readonly folder: string
  /** Whether to write the results to `bench/results`. */
  readonly save: boolean
  /** Where profiles of member 0 go, one for each measurement. */
  readonly profile: string | undefined
  /** Say how it is called, and nothing else. */
  readonly help: boolean
}

/** How the bench is called. */
export const USAGE = `npm run bench -- growth | reads | wan | replace, each with --help; or
npm run bench -- [options]
  --nodes 3,5                 sizes of the clusters, 1 to 7 each
  --stores lmdb,memory        durable, and not
  --concurrency 1,16,64,256   requests under way at any time
  --seconds 1                 of each measurement
  --warm-up 0.4               seconds of load before each
  --rounds 5                  medians are over these
  --bytes 256                 of each value
  --coordinators all          all: clients spread over the members; one: all at one member
  --peer etcd                 or none
  --require-peer              fail when the peer cannot be had
  --folder DIR                where the data lies meanwhile; default the temporary folder
  --save                      write the results to bench/results
  --profile DIR               write a processor profile of member 0 for each measurement
  --help                      only this`

/** Throws a `RangeError` that says what is wrong and how it should be. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '3,5' },
      stores: { type: 'string', default: 'lmdb,memory' },
      concurrency: { type: 'string', default: '1,16,64,256' },
      seconds: { type: 'string', default: '1' },
      'warm-up': { type: 'string', default: '0.4' },
      rounds: { type: 'string', default: '5' },
      bytes: { type: 'string', default: '256' },
      coordinators: { type: 'string', default: 'all' },
      peer: { type: 'string', default: 'etcd' },
      'require-peer': { type: 'boolean', default: false },
      folder: { type: 'string', default: tmpdir() },
      save: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    nodes: list('nodes', values.nodes, (text) => whole('nodes', text, { min: 1, max: 7 })),
    stores: list('stores', values.stores, (text) => oneOf('stores', text, ['lmdb', 'memory'])),
    concurrency: list('concurrency', values.concurrency, (text) =>
      whole('concurrency', text, { min: 1, max: 10_000 }),
    ),
    seconds: seconds('seconds', values.seconds, 0.1),
    warmUpSeconds: seconds('warm-up', values['warm-up'], 0),
    rounds: whole('rounds', values.rounds, { min: 1, max: 1000 }),
    bytes: whole('bytes', values.bytes, { min: 0, max: 1_000_000 }),
    coordinators: oneOf('coordinators', values.coordinators, ['all', 'one']),
    peer: oneOf('peer', values.peer, ['etcd', 'none']),
    requirePeer: values['require-peer'],
    folder: values.folder,
    save: values.save,
    profile: values.profile,
    help: values.help,
  }
}

function list<T>(name: string, text: string, parse: (part: string) => T): readonly T[] {
  const parts = text.split(',').map((part) => parse(part.trim()))
  if (new Set(parts).size === parts.length) return parts
  throw new RangeError(`--${name} ${text}: says something twice`)
}

function seconds(name: string, text: string, min: number): number {
  const value = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= 3600) return value
  throw new RangeError(`--${name} ${text}: expected ${min} to 3600 seconds`)
}
