/**
 * Durability (`testing.md` 2.7, checker 5): what was acknowledged is in the log, at its place, with
 * its bytes.
 */

import type { Anomaly } from './history.ts'

/** What a client was told. */
export interface Acknowledged {
  readonly request: string
  /** Undefined when the answer did not say. */
  readonly position: number | undefined
  readonly name: string
  readonly payload: Uint8Array
  readonly ok: boolean
}

/** An entry as a node's log has it. */
export interface DurableEntry {
  readonly position: number
  readonly request: string
  readonly name: string
  /** Undefined: no longer kept. */
  readonly payload: Uint8Array | undefined
  readonly ok: boolean
}

/** Compares every acknowledgement with the log of one node that has applied everything. */
export function checkDurable(parts: {
  acknowledged: readonly Acknowledged[]
  log: readonly DurableEntry[]
  node: number
}): readonly Anomaly[] {
  const byRequest = new Map(parts.log.map((entry) => [entry.request, entry]))
  const found: Anomaly[] = []
  for (const each of parts.acknowledged) {
    const anomaly = judge(each, byRequest.get(each.request), parts.node)
    if (anomaly !== undefined && found.length < 12) found.push(anomaly)
  }
  return found
}

function judge(
  told: Acknowledged,
  entry: DurableEntry | undefined,
  node: number,
): Anomaly | undefined {
  const who = `${told.name} ${told.request}`
  if (entry === undefined) {
    return { name: 'acknowledged and lost', why: `node ${node} does not have ${who}` }
  }
  if (told.position !== undefined && entry.position !== told.position) {
    const why = `node ${node} has ${who} at ${entry.position}, not ${told.position}`
    return { name: 'acknowledged and moved', why }
  }
  if (entry.ok !== told.ok) {
    return { name: 'outcome changed', why: `node ${node} says ok ${entry.ok} of ${who}` }
  }
  const same =
    entry.name === told.name &&
    (entry.payload === undefined || Buffer.compare(entry.payload, told.payload) === 0)
  return same ? undefined : { name: 'bytes changed', why: `node ${node}: ${who}` }
}
