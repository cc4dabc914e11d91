/** Holds the history of a run and the logs of its nodes against every checker. */

import {
  SYSTEM,
  checkDurable,
  checkListAppend,
  checkLocalReads,
  checkRest,
  checkWitness,
  compareDigests,
  operationsOf,
  type Anomaly,
  type MixedWorkload,
  type NodeDigest,
  type Recorder,
  type WitnessEntry,
} from '@synevi/simulator'
import type { Cluster } from './cluster.ts'
import { sleep } from './monotonic.ts'
import type { LogLine } from './orders.ts'

const VERIFY_MS = 30_000
/** Together longer than a Barrier and the one after it take to be due. */
const LOOKS = 6
const LOOK_AGAIN_MS = 2_500

/** What is judged. */
export interface Case {
  readonly cluster: Cluster
  readonly workload: MixedWorkload
  readonly recorder: Recorder
  /** Members that have applied everything. */
  readonly serials: readonly number[]
  /** Whether all members were honest: none came back without its data. */
  readonly isHonest: boolean
}

/**
 * Every anomaly, as `checker: name: why`. Empty: none. Nodes that close what they have decided
 * order a Barrier now and then, also when nobody asks for anything: who is met in the middle of one
 * is looked at again, and what is wrong stays wrong.
 */
export async function judge(parts: Case): Promise<readonly string[]> {
  for (let left = LOOKS; ; left--) {
    const found = await look(parts)
    if (left === 1 || !found.some((each) => /^(bounds|agreement): /.test(each))) return found
    await sleep(LOOK_AGAIN_MS)
  }
}

async function look(parts: Case): Promise<readonly string[]> {
  const { cluster, workload, recorder, serials, isHonest } = parts
  const found: string[] = []
  const report = (checker: string, anomalies: readonly Anomaly[]): void => {
    for (const { name, why } of anomalies) found.push(`${checker}: ${name}: ${why}`)
  }
  const digests: NodeDigest[] = []
  const logs = new Map<number, KeptLog>()
  for (const node of serials) logs.set(node, await logOf(cluster, node))
  const whole = [...logs.values()].find(({ base }) => base === 0n)
  if (whole === undefined) return ['durability: no whole log: every member begins later']
  const agreed = whole.entries
  for (const [node, kept] of logs) {
    report('agreement', differences({ node, kept, agreed }))
    const log = kept.base === 0n ? kept.entries : [...upTo(agreed, kept.base), ...kept.entries]
    const entries = log.map(({ position, id, name, payload, ok }) => {
      return { position: Number(position), request: id, name, payload, ok }
    })
    const { acknowledged } = recorder
    report('durability', checkDurable({ acknowledged, log: entries, node }))
    digests.push(await digestOf(cluster, { node, log, isHonest, report }))
  }
  report('agreement', compareDigests(digests))
  const operations = operationsOf(recorder.lines)
  const log = agreed.map((entry) => witnessOf(workload, entry))
  const model = (): ReturnType<MixedWorkload['model']> => workload.model()
  const { anomalies, replay } = checkWitness({ operations, log, model })
  report('witness', anomalies)
  report('list-append', checkListAppend(operations))
  report('local reads', checkLocalReads(operations, replay))
  return found
}

/** Its chain is whole, nothing is under way in it, and it never met what no honest peer sends. */
async function digestOf(
  cluster: Cluster,
  parts: {
    node: number
    log: readonly LogLine[]
    isHonest: boolean
    report: (checker: string, anomalies: readonly Anomaly[]) => void
  },
): Promise<NodeDigest> {
  const { node, log, isHonest, report } = parts
  const condition = await cluster.condition(node)
  const rest = checkRest({ node, ...condition })
  report('bounds', rest === undefined ? [] : [rest])
  const rejected = condition.rejectedFrames + condition.rejectedMessages
  if (isHonest && rejected > 0n) {
    report('peers', [{ name: 'refused an honest peer', why: `node ${node}: ${rejected} times` }])
  }
  const { ok, why, digest } = await cluster.ask(node, { kind: 'verify' }, 'verified', VERIFY_MS)
  if (!ok) report('verify', [{ name: 'chain broken', why: `node ${node}: ${why}` }])
  const { position, hash } = condition
  const execHash = log.at(-1)?.executionHash ?? ''
  return { node, position, txnHash: hash, execHash, state: digest }
}

/** What a member keeps of its log: all above `base`. */
interface KeptLog {
  readonly base: bigint
  readonly entries: readonly LogLine[]
}

async function logOf(cluster: Cluster, serial: number): Promise<KeptLog> {
  const all: LogLine[] = []
  let start = 0n
  for (;;) {
    const after = all.at(-1)?.position ?? start
    const { entries, base, last } = await cluster.ask(serial, { kind: 'log', after }, 'log')
    if (all.length === 0) start = base
    all.push(...entries)
    if ((all.at(-1)?.position ?? start) >= last) return { base: start, entries: all }
  }
}

function upTo(log: readonly LogLine[], base: bigint): readonly LogLine[] {
  return log.filter(({ position }) => position <= base)
}

/**
 * Where a log that begins later differs from the whole one: its hashes stand for what lies before
 * its beginning, too.
 */
function differences(parts: {
  node: number
  kept: KeptLog
  agreed: readonly LogLine[]
}): readonly Anomaly[] {
  const { node, kept, agreed } = parts
  if (kept.base === 0n) return []
  const hashes = new Map(agreed.map(({ position, executionHash }) => [position, executionHash]))
  const other = kept.entries.find(({ position, executionHash }) => {
    return (hashes.get(position) ?? executionHash) !== executionHash
  })
  if (other === undefined) return []
  return [{ name: 'another log', why: `node ${node} at position ${other.position}` }]
}

function witnessOf(workload: MixedWorkload, entry: LogLine): WitnessEntry {
  const { position, executeAt, id, name, payload } = entry
  const { f, asked } = workload.operationOf(name, payload) ?? { f: SYSTEM, asked: null }
  return { position: Number(position), executeAt, request: id, f, asked }
}
