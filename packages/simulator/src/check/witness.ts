/**
 * Witness replay, the main oracle (`testing.md` 2.7, checker 1): near-linear time, trusts nothing.
 *
 * Every reply tells where it stands. The order is the system's claim; the clock (real time), the
 * sequential model (every answer) and the agreed log (completeness) test it.
 */

import { type Anomaly, type Json, type Operation, describe, sameJson } from './history.ts'
import { Frontier, type Reached } from './frontier.ts'
import { type Model, isReadOnly, leavesNoPosition } from './model.ts'

/** An entry of the agreed log, as the system says it. */
export interface WitnessEntry {
  readonly position: number
  readonly executeAt: bigint
  readonly request: string
  readonly f: string
  readonly asked: Json
}

/** A log replayed: the state after each position. */
export interface Replay {
  /** After the entry at this position; 0 is the empty state. Undefined beyond the log. */
  stateAt(position: number): Model | undefined
  /**
   * The last position whose state is that at `position`: entries that leave no trace are passed
   * over.
   */
  reach(position: number): number
  readonly last: number
}

/**
 * Entries of this kind are the system's own: they have a position, and neither a client nor an
 * effect.
 */
export const SYSTEM = 'system'

/** What a check found, and the replay for the checks that follow. */
export interface WitnessVerdict {
  readonly anomalies: readonly Anomaly[]
  readonly replay: Replay
}

/** A request, all its attempts together. */
interface Request {
  readonly operation: Operation
  readonly attempts: readonly Operation[]
  readonly start: number
  readonly end: number
}

const ANOMALIES_MAX = 12

/**
 * Checks the operations against the log. Operations of kind `barrier` answer a position; those of
 * kind `local` are left to another checker; operations that read only and are not in the log are
 * judged as linearizable reads, at the position they claim, or at any that real time allows.
 */
export function checkWitness(parts: {
  operations: readonly Operation[]
  log: readonly WitnessEntry[]
  model: () => Model
}): WitnessVerdict {
  const found: Anomaly[] = []
  const report = (name: string, why: string): void => {
    if (found.length < ANOMALIES_MAX) found.push({ name, why })
  }
  const judged = parts.operations.filter((each) => each.f !== 'local')
  const requests = requestsOf(judged, report)
  checkLog(parts.log, report)
  const byRequest = new Map(parts.log.map((entry) => [entry.request, entry]))
  const places = checkCompleteness({ requests, byRequest, report })
  checkNobody({ requests, log: parts.log, report })
  const replay = replayAnswers({ ...parts, requests, report })
  checkRealTime({ judged, requests, places, replay, report })
  return { anomalies: found, replay }
}

/**
 * The log that a complete history with positions implies: only where every operation was answered.
 */
export function logOf(operations: readonly Operation[]): readonly WitnessEntry[] {
  const entries: WitnessEntry[] = []
  for (const each of operations) {
    if (each.request === undefined || each.position === undefined) continue
    if (each.duplicate) continue
    entries.push({
      position: each.position,
      executeAt: each.executeAt ?? BigInt(each.position),
      request: each.request,
      f: each.f,
      asked: each.asked,
    })
  }
  return entries.sort((a, b) => a.position - b.position)
}

type Report = (name: string, why: string) => void

function requestsOf(operations: readonly Operation[], report: Report): readonly Request[] {
  const groups = new Map<string, Operation[]>()
  for (const each of operations) {
    if (each.request === undefined) continue
    const key = `${each.request} ${each.f} ${JSON.stringify(each.asked)}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [each])
    else group.push(each)
  }
  const requests: Request[] = []
  for (const attempts of groups.values()) {
    const answered = attempts.filter((each) => each.outcome === 'ok')
    const operation = answered[0] ?? attempts.find((each) => each.outcome === 'info') ?? attempts[0]
    if (operation === undefined) continue
    for (const other of answered) {
      const same = sameJson(other.answer, operation.answer) && other.position === operation.position
      if (!same) report('answers differ', `${describe(operation)} but ${describe(other)}`)
    }
    const start = Math.min(...attempts.map((each) => each.start))
    const end = Math.min(Infinity, ...answered.map((each) => each.end))
    requests.push({ operation, attempts, start, end })
  }
  return requests
}

/** Positions without gap, executeAt rising with them, each request once. */
function checkLog(log: readonly WitnessEntry[], report: Report): void {
  const seen = new Map<string, number>()
  let executeAt = -1n
  for (const [i, entry] of log.entries()) {
    if (entry.position !== i + 1) {
      report('gap in the log', `entry ${i + 1} has position ${entry.position}`)
    }
    if (entry.executeAt < executeAt) {
      report('order of timestamps', `position ${entry.position} has a lower executeAt than before`)
    }
    executeAt = entry.executeAt
    const before = seen.get(entry.request)
    if (before !== undefined) {
      report('applied twice', `request ${entry.request} at ${before} and ${entry.position}`)
    }
    seen.set(entry.request, entry.position)
  }
}

/**
 * Where each request stands; definite failures nowhere, acknowledged ones where they were said to
 * be.
 */
function checkCompleteness(parts: {
  requests: readonly Request[]
  byRequest: ReadonlyMap<string, WitnessEntry>
  report: Report
}): ReadonlyMap<Request, number> {
  const places = new Map<Request, number>()
  for (const request of parts.requests) {
    const { operation } = request
    const entry = parts.byRequest.get(operation.request ?? '')
    const mine =
      entry !== undefined && entry.f === operation.f && sameJson(entry.asked, operation.asked)
    if (mine) places.set(request, entry.position)
    if (operation.outcome === 'ok') {
      if (operation.position === undefined && isReadOnly(operation.f, operation.asked)) continue
      if (!mine)
        parts.report('lost', `${describe(operation)} was acknowledged and is not in the log`)
      else if (operation.position !== undefined && entry.position !== operation.position) {
        parts.report('moved', `${describe(operation)} is in the log at ${entry.position}`)
      }
      const claimed = operation.executeAt
      if (mine && claimed !== undefined && claimed !== entry.executeAt) {
        parts.report('moved', `${describe(operation)} executed at another timestamp`)
      }
    }
    const failed = request.attempts.every((each) => each.outcome === 'fail')
    if (failed && mine) {
      const why = `${describe(operation)} failed definitely (${operation.error}), and is in the log`
      parts.report('definite failure in the log', why)
    }
  }
  return places
}

/** Every entry belongs to someone who asked for it, and after he asked. */
function checkNobody(parts: {
  requests: readonly Request[]
  log: readonly WitnessEntry[]
  report: Report
}): void {
  const asked = new Map<string, Request[]>()
  for (const request of parts.requests) {
    const id = request.operation.request ?? ''
    asked.set(id, [...(asked.get(id) ?? []), request])
  }
  for (const entry of parts.log) {
    if (entry.f === SYSTEM) continue
    const candidates = asked.get(entry.request) ?? []
    const known = candidates.some(
      ({ operation }) => operation.f === entry.f && sameJson(operation.asked, entry.asked),
    )
    if (!known) parts.report('nobody asked', `position ${entry.position}: ${entry.request}`)
  }
}

function replayAnswers(parts: {
  log: readonly WitnessEntry[]
  model: () => Model
  requests: readonly Request[]
  report: Report
}): Replay {
  const byEntry = new Map<string, Request>()
  for (const request of parts.requests) {
    const { operation } = request
    if (operation.outcome === 'ok') byEntry.set(keyOf(operation.request, operation), request)
  }
  const state = parts.model()
  const states: Model[] = [state.copy()]
  for (const entry of parts.log) {
    const expected = entry.f === SYSTEM ? null : state.apply(entry.f, entry.asked)
    states.push(state.copy())
    const request = byEntry.get(keyOf(entry.request, entry))
    for (const each of request?.attempts ?? []) {
      if (each.outcome !== 'ok' || sameJson(each.answer, expected)) continue
      parts.report('wrong answer', `${describe(each)}; the model says ${JSON.stringify(expected)}`)
    }
  }
  const reach = (position: number): number => {
    let last = position
    while (isSilent(parts.log[last])) last++
    return last
  }
  return { last: states.length - 1, stateAt: (position) => states[position], reach }
}

function isSilent(entry: WitnessEntry | undefined): boolean {
  return entry !== undefined && (entry.f === SYSTEM || leavesNoPosition(entry.f))
}

function keyOf(request: string | undefined, of: { f: string; asked: Json }): string {
  return `${request} ${of.f} ${JSON.stringify(of.asked)}`
}

/** Sweeps by start: everything stands after whatever was answered before it began. */
function checkRealTime(parts: {
  judged: readonly Operation[]
  requests: readonly Request[]
  places: ReadonlyMap<Request, number>
  replay: Replay
  report: Report
}): void {
  const events: Sweep[] = []
  for (const request of parts.requests) {
    const place = parts.places.get(request)
    if (place === undefined) continue
    events.push({ kind: 'write', operation: request.operation, place, ...times(request) })
  }
  for (const operation of parts.judged) {
    if (operation.request !== undefined || operation.outcome !== 'ok') continue
    events.push({ kind: 'read', operation, place: operation.position, ...times(operation) })
  }
  events.sort((a, b) => a.start - b.start)
  const ends = new Frontier()
  for (const event of events) {
    const floor = ends.before(event.start)
    const place = event.kind === 'read' ? judgeRead(event, floor, parts) : event.place
    if (place === undefined) continue
    if (event.kind === 'write' && place <= floor.place) {
      const why = `${describe(event.operation)} began after ${floor.who} was answered`
      parts.report('real time', `${why}, and stands before it`)
    }
    ends.add(event.end, place, describe(event.operation))
  }
}

interface Sweep {
  readonly kind: 'read' | 'write'
  readonly operation: Operation
  place: number | undefined
  readonly start: number
  readonly end: number
}

function times(of: { start: number; end: number }): { start: number; end: number } {
  return { start: of.start, end: of.end }
}

/** Where a read stands: checks its answer there. Undefined when it stands nowhere. */
function judgeRead(
  event: Sweep,
  floor: Reached,
  parts: { replay: Replay; report: Report },
): number | undefined {
  const { operation } = event
  const { replay, report } = parts
  if (event.place !== undefined) {
    const reach = operation.f === 'barrier' ? event.place : replay.reach(event.place)
    if (reach < floor.place) {
      report('stale read', `${describe(operation)} began after ${floor.who} was answered`)
    }
    const state = replay.stateAt(event.place)
    if (state === undefined) {
      report('read of the future', describe(operation))
    } else if (operation.f !== 'barrier') {
      const expected = state.copy().apply(operation.f, operation.asked)
      if (!sameJson(operation.answer, expected)) {
        const why = `${describe(operation)}; the model says ${JSON.stringify(expected)}`
        report('wrong answer', why)
      }
    }
    return event.place
  }
  for (let place = floor.place; place <= replay.last; place++) {
    const answer = replay.stateAt(place)?.copy().apply(operation.f, operation.asked)
    if (!sameJson(operation.answer, answer)) continue
    event.place = place
    return place
  }
  report('stale read', `${describe(operation)} fits no state from position ${floor.place} on`)
  return undefined
}
