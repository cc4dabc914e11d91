/**
 * `npm run bench -- replace`: a member is replaced while the others are under load (`protocol.md`
 * 10.6): how long it takes, how long they pause, how fast the newcomer fills. The last line is the
 * verdict; exits non-zero when it was not over in time, or somebody paused for more than a second.
 */

import { machineOf, momentIn } from '../machine.ts'
import { inWorkFolder } from '../work-folder.ts'
import { ReplaceCluster, type Replacement } from './replace-cluster.ts'
import { parseReplaceOptions, REPLACE_USAGE, type ReplaceOptions } from './replace-options.ts'

/** The longest that a survivor may go without an answer. */
const PAUSE_MAX_MS = 1_000
const MIB = 2 ** 20

/** The exit code. */
export async function runReplace(args: readonly string[]): Promise<number> {
  let options: ReplaceOptions | undefined
  try {
    options = parseReplaceOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${REPLACE_USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(REPLACE_USAGE)
    return 0
  }
  const parsed = options
  return inWorkFolder(parsed.folder, (folder) => measure(parsed, folder))
}

async function measure(options: ReplaceOptions, folder: string): Promise<number> {
  printHead(options, folder)
  const cluster = await ReplaceCluster.start(options, folder)
  try {
    await cluster.fill()
    const before = await cluster.load(options.seconds / 3)
    console.log(
      `before:  ${before.perSecond.toFixed(0)}/s, the longest pause ${ms(before.pauseMs)}`,
    )
    const found = await cluster.replace()
    print(found)
    return verdict(options, found)
  } finally {
    await cluster.close()
  }
}

function printHead(options: ReplaceOptions, folder: string): void {
  const { processor, processors, memoryGiB, system, node, commit, fileSystem } = machineOf(folder)
  console.log(`machine: ${processors} × ${processor}, ${memoryGiB} GiB, ${system}, node ${node}`)
  const { load, flushMs } = momentIn(folder)
  console.log(`disk: ${fileSystem}, a flush ${flushMs.toFixed(2)} ms; load ${load.toFixed(1)}`)
  console.log(`commit: ${commit}`)
  const { nodes, txns, old, concurrency, bytes, keyCount, seconds, durability } = options
  console.log(
    `the last of ${nodes} nodes, ${old}, after ${txns} puts of ${bytes} B over ${keyCount} keys; ` +
      `load: ${concurrency} under way for ${seconds} s; durability ${durability}`,
  )
}

function print(found: Replacement): void {
  console.log(`during:  ${found.perSecond.toFixed(0)}/s, the longest pause ${ms(found.pauseMs)}`)
  console.log(
    `learner agreed after ${ms(found.learnerMs)}, caught up after ${ms(found.caughtUpMs)}, ` +
      `the newcomer votes and the old member is out after ${ms(found.voterMs)}`,
  )
  const mib = found.stateBytes / MIB
  const speed = found.caughtUpMs === undefined ? '–' : (mib / (found.caughtUpMs / 1_000)).toFixed(1)
  console.log(`the newcomer holds ${mib.toFixed(1)} MiB of keys and values: ${speed} MiB/s`)
}

function verdict(options: ReplaceOptions, found: Replacement): number {
  const faults: string[] = []
  if (found.voterMs === undefined) faults.push(`not over within ${options.seconds} s`)
  if (found.pauseMs > PAUSE_MAX_MS) faults.push(`a pause of ${ms(found.pauseMs)}`)
  if (found.errors > 0) faults.push(`${found.errors} errors, the first: ${found.firstError}`)
  const word = faults.length === 0 ? 'ok' : `FAILED: ${faults.join('; ')}`
  console.log(`replace: ${word}: ${found.operations} requests meanwhile`)
  return faults.length === 0 ? 0 : 1
}

function ms(value: number | undefined): string {
  return value === undefined ? 'never' : `${value.toFixed(0)} ms`
}
