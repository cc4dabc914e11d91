/** What a node process says about its node when asked. */

import { SyneviError, type Node } from 'synevi'
import type { Answer, Condition, LogLine, Membership } from './orders.ts'

/** Entries in one answer. */
const PAGE_ENTRIES = 500

/** How it stands now. */
export function conditionOf(node: Node): Condition {
  const status = node.status()
  const { phase, reason, features, applied, inFlight, queued, undecided, counters, quorum } = status
  return {
    ...{ phase, features, position: applied.position, hash: applied.hash },
    ...{ inFlight, queued, undecided },
    counters: {
      fast: counters.fastPath,
      slow: counters.slowPath,
      recovered: counters.recovered,
    },
    rejectedFrames: counters.rejectedFrames,
    rejectedMessages: counters.rejectedMessages,
    reachable: quorum.reachable,
    ...(reason === undefined ? {} : { reason }),
  }
}

/** Who belongs to the cluster, as it knows it. */
export function membershipOf(node: Node): Membership {
  const members = node.members().map(({ serial, role }) => ({ serial, role }))
  return { epoch: node.status().epoch, members }
}

/**
 * The log above a position, as far as one answer holds; `last`: where it ends now. A node whose
 * state came from a snapshot begins above `base`, and so does the answer.
 */
export async function logPage(node: Node, after: bigint): Promise<Answer> {
  const last = node.status().applied.position
  try {
    return { kind: 'log', entries: await entriesAfter(node, after, last), base: 0n, last }
  } catch (error) {
    const base = baseIn(error)
    if (base === undefined) throw error
    return { kind: 'log', entries: await entriesAfter(node, base, last), base, last }
  }
}

async function entriesAfter(node: Node, after: bigint, last: bigint): Promise<LogLine[]> {
  const entries: LogLine[] = []
  if (after >= last) return entries
  for await (const entry of node.applied({ after })) {
    const { position, executeAt, id, name, ok, payload, hashes } = entry
    const executionHash = Buffer.from(hashes.execution).toString('hex')
    entries.push({ position, executeAt, id, name, ok, payload, executionHash })
    if (position >= last || entries.length >= PAGE_ENTRIES) break
  }
  return entries
}

/** Where the log begins, when that is why it could not be read. */
function baseIn(error: unknown): bigint | undefined {
  if (!(error instanceof SyneviError) || error.code !== 'TRUNCATED') return undefined
  const base = error.details?.['base']
  return typeof base === 'string' ? BigInt(base) : undefined
}

/** Its chain computed again, and the digest of its executors' state. */
export async function digestOf(node: Node): Promise<Answer> {
  const { ok, firstBad } = await node.verify()
  const why = firstBad === undefined ? '' : `position ${firstBad.position}: ${firstBad.why}`
  return { kind: 'verified', ok, why, digest: node.stateDigest() }
}
