/** The command line of the bench of replacing, parsed once. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { oneOf, whole } from '../command-line.ts'

/** What to replace, and under what. */
export interface ReplaceOptions {
  readonly nodes: number
  /** Before the newcomer comes, as callers submit them. */
  readonly txns: number
  /** `dead`: the old member was killed. `alive`: it goes on until it has gone. */
  readonly old: 'dead' | 'alive'
  readonly concurrency: number
  readonly bytes: number
  readonly keyCount: number
  /** Under load, in which the replacement must be over. */
  readonly seconds: number
  readonly durability: 'sync' | 'process'
  readonly folder: string
}

/** How it is called. */
export const REPLACE_USAGE = `npm run bench -- replace [options]
  --nodes 3           3 to 7 processes over gRPC and LMDB, the last of which is replaced
  --txns 20000        transactions before the newcomer comes
  --old dead          dead: the old member was killed; alive: it goes on until it has gone
  --concurrency 16    requests under way, spread over the members that stay
  --bytes 1024        of each value
  --keys 20000        different keys: how large the state is
  --seconds 60        of load, in which the replacement must be over
  --durability sync   or process
  --folder DIR        where the data lies meanwhile; default the temporary folder`

/** Undefined: only the usage is wanted. Throws a `RangeError` that says what is wrong. */
export function parseReplaceOptions(args: readonly string[]): ReplaceOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '3' },
      txns: { type: 'string', default: '20000' },
      old: { type: 'string', default: 'dead' },
      concurrency: { type: 'string', default: '16' },
      bytes: { type: 'string', default: '1024' },
      keys: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '60' },
      durability: { type: 'string', default: 'sync' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    nodes: whole('nodes', values.nodes, { min: 3, max: 7 }),
    txns: whole('txns', values.txns, { min: 1_000, max: 100_000_000 }),
    old: oneOf('old', values.old, ['dead', 'alive']),
    concurrency: whole('concurrency', values.concurrency, { min: 1, max: 10_000 }),
    bytes: whole('bytes', values.bytes, { min: 0, max: 1_000_000 }),
    keyCount: whole('keys', values.keys, { min: 1, max: 10_000_000 }),
    seconds: whole('seconds', values.seconds, { min: 5, max: 3_600 }),
    durability: oneOf('durability', values.durability, ['sync', 'process']),
    folder: values.folder,
  }
}
