/** What must hold at the end: the same bytes everywhere, every acknowledged commit there once. */

import { requestIdOf, type Commit } from './commit.ts'
import type { ReplicaReport } from './conversation.ts'
import type { Acknowledgement } from './importer.ts'

/** Everything that is wrong, a sentence each; empty when nothing is. */
export function faultsIn(
  reports: readonly ReplicaReport[],
  history: {
    readonly commits: readonly Commit[]
    readonly acknowledged: readonly Acknowledgement[]
  },
): readonly string[] {
  const { commits, acknowledged } = history
  const faults: string[] = []
  const [first] = reports
  if (first === undefined) return ['there is no report']
  for (const [serial, report] of reports.entries()) {
    const name = `node-${serial}`
    if (report.position !== first.position) faults.push(`${name} is at another position`)
    if (report.hash !== first.hash) faults.push(`${name} has another hash-chain head`)
    if (report.digest !== first.digest) faults.push(`${name} has another state`)
    if (!report.verified) faults.push(`${name} does not verify its log`)
    faults.push(...countFaults(name, report, commits), ...orderFaults(name, report, acknowledged))
  }
  if (acknowledged.length !== commits.length) {
    faults.push(`${acknowledged.length} of ${commits.length} commits were acknowledged`)
  }
  return faults
}

/** Each commit once, and nothing else. */
function countFaults(name: string, report: ReplicaReport, commits: readonly Commit[]): string[] {
  const faults: string[] = []
  const times = new Map<string, number>()
  for (const id of report.ids) times.set(id, (times.get(id) ?? 0) + 1)
  for (const commit of commits) {
    const count = times.get(requestIdOf(commit).replaceAll('-', '')) ?? 0
    if (count !== 1) faults.push(`${name} has commit ${commit.commit} ${count} times`)
  }
  const changes = commits.reduce((sum, commit) => sum + commit.changes.length, 0)
  if (report.ids.length !== commits.length) faults.push(`${name} has ${report.ids.length} entries`)
  if (report.totals.commits !== commits.length)
    faults.push(`${name} executed another number of commits`)
  if (report.totals.changes !== changes) faults.push(`${name} executed another number of changes`)
  return faults
}

/** At the position it was acknowledged at. */
function orderFaults(
  name: string,
  report: ReplicaReport,
  acknowledged: readonly Acknowledgement[],
): string[] {
  return acknowledged
    .filter(({ commit, position }) => {
      const id = report.ids[Number(position) - 1]
      return id === undefined || !commit.startsWith(id)
    })
    .map(({ commit, position }) => `${name} does not have ${commit} at position ${position}`)
}
