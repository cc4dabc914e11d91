/** What a node has applied, for checkers. */

import type { AppliedTransaction, Node } from 'synevi'
import { SYSTEM, type WitnessEntry } from './check/witness.ts'
import type { Workload } from './workload/workload.ts'

/** Everything above `after` (default: all that is there), up to where it is now; in order. */
export async function logOf(
  node: Node,
  options: { readonly after?: bigint; readonly signal?: AbortSignal } = {},
): Promise<readonly AppliedTransaction[]> {
  const last = node.status().applied.position
  const entries: AppliedTransaction[] = []
  if (last <= (options.after ?? 0n)) return entries
  for await (const entry of node.applied(options)) {
    entries.push(entry)
    if (entry.position >= last) break
  }
  return entries
}

/** An entry as the witness takes it. */
export function witnessOf(workload: Workload, entry: AppliedTransaction): WitnessEntry {
  const { position, executeAt, id, name, payload } = entry
  const operation = payload === undefined ? undefined : workload.operationOf(name, payload)
  const { f, asked } = operation ?? { f: SYSTEM, asked: null }
  return { position: Number(position), executeAt, request: id, f, asked }
}
