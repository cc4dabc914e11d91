/**
 * Local reads (`testing.md` 2.7, checker 7): each is the state at some position, and positions
 * never go back, not on a node, through its crashes and restarts, nor behind what that node has
 * answered, nor for a client that carries its position along.
 *
 * Operations are of kind `local`, asked `[f, asked, atLeast or null]`, with the position they
 * claim.
 */

import { type Anomaly, type Operation, describe, isList, sameJson } from './history.ts'
import { Frontier, type Reached } from './frontier.ts'
import type { Replay } from './witness.ts'

/** Judges all local reads of a history against the replayed log. */
export function checkLocalReads(
  operations: readonly Operation[],
  replay: Replay,
): readonly Anomaly[] {
  const found: Anomaly[] = []
  const nodes = new Map<number, Frontier>()
  const reads = operations.filter((each) => each.f === 'local' && each.outcome === 'ok')
  const seenBy = (node: number): Frontier => {
    const seen = nodes.get(node) ?? new Frontier()
    nodes.set(node, seen)
    return seen
  }
  // What a node has answered is durable there (ADR 0018).
  for (const each of operations) {
    const { outcome, request, position, node, end } = each
    if (outcome === 'ok' && request !== undefined && position !== undefined)
      seenBy(node).add(end, position, describe(each))
  }
  for (const read of reads) {
    const seen = seenBy(read.node)
    const anomaly = judge(read, replay) ?? goesBack(read, seen.before(read.start), replay)
    if (anomaly !== undefined && found.length < 12) found.push(anomaly)
    if (read.position !== undefined) seen.add(read.end, read.position, describe(read))
  }
  return found
}

function judge(read: Operation, replay: Replay): Anomaly | undefined {
  const [f, asked, atLeast] = isList(read.asked) ? read.asked : []
  const position = read.position
  if (position === undefined || typeof f !== 'string') return undefined
  if (typeof atLeast === 'number' && replay.reach(position) < atLeast) {
    return { name: 'behind the client', why: `${describe(read)} is below ${atLeast}` }
  }
  const expected = replay
    .stateAt(position)
    ?.copy()
    .apply(f, asked ?? null)
  if (expected === undefined) {
    return { name: 'read of the future', why: `${describe(read)} is beyond the agreed log` }
  }
  if (sameJson(read.answer, expected)) return undefined
  const why = `${describe(read)}; the state there says ${JSON.stringify(expected)}`
  return { name: 'not a state', why }
}

function goesBack(read: Operation, before: Reached, replay: Replay): Anomaly | undefined {
  if (read.position === undefined || replay.reach(read.position) >= before.place) return undefined
  return { name: 'went back', why: `${describe(read)} at node ${read.node}, after ${before.who}` }
}
