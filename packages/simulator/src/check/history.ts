/**
 * Histories: what clients saw, one line for each start and end of an operation (`testing.md` 2.7).
 *
 * One format for the simulator, real processes and Maelstrom. `info` is an outcome that nobody
 * knows: the operation may take effect at any time later, or never; its process number is never
 * used again. `fail` says that it never took effect and never will.
 */

/** Plain JSON: what operations take and give. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

/** One line. */
export interface Line {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  /** A single thread of control: one operation at a time. */
  readonly process: number
  /** The kind of operation. */
  readonly f: string
  /** Of an invoke what was asked, of an ok what was answered. */
  readonly value: Json
  readonly node: number
  /** Any clock that all processes share; equal times mean that nothing is known of the order. */
  readonly time: number
  /**
   * Where the reply says it stands: for a write its own position, for a read the last one it saw.
   */
  readonly position?: number
  /** The timestamp of its transaction, decimal. */
  readonly executeAt?: string
  /** Equal for every attempt of one request. */
  readonly request?: string
  /** The answer was that of an earlier attempt. */
  readonly duplicate?: boolean
  /** Of a fail or info: why. */
  readonly error?: string
}

/** An operation from its start to its end. */
export interface Operation {
  /** Its place among the operations, by start. */
  readonly index: number
  readonly process: number
  readonly f: string
  readonly node: number
  readonly asked: Json
  /** `undefined` unless `outcome` is ok. */
  readonly answer: Json | undefined
  readonly outcome: 'ok' | 'fail' | 'info'
  readonly start: number
  /** Infinity when the outcome is not known. */
  readonly end: number
  readonly position: number | undefined
  readonly executeAt: bigint | undefined
  readonly request: string | undefined
  readonly duplicate: boolean
  readonly error: string | undefined
}

/** What a checker found wrong: never a matter of opinion. */
export interface Anomaly {
  /** The checker and the anomaly, as documented: `real time`, `G1c`, … */
  readonly name: string
  /** One or two sentences that name the operations. */
  readonly why: string
}

/** A history that is not well formed says nothing: neither valid nor invalid. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}

/**
 * Pairs starts with ends, in order of start. An operation without an end has an unknown outcome.
 * Throws a {@link HistoryError} for an end without start, two starts in one process, or a process
 * that goes on after an unknown outcome.
 */
export function operationsOf(history: readonly Line[]): readonly Operation[] {
  const open = new Map<number, Line>()
  const done = new Set<number>()
  const ended: Omit<Operation, 'index'>[] = []
  let time = -Infinity
  for (const line of history) {
    if (line.time < time) throw new HistoryError(`time goes back at ${describe(line)}`)
    time = line.time
    const start = open.get(line.process)
    if (line.type === 'invoke') {
      if (start !== undefined) throw new HistoryError(`two operations at once: ${describe(line)}`)
      if (done.has(line.process)) throw new HistoryError(`after the unknown: ${describe(line)}`)
      open.set(line.process, line)
    } else {
      if (start === undefined) throw new HistoryError(`an end without start: ${describe(line)}`)
      open.delete(line.process)
      if (line.type === 'info') done.add(line.process)
      ended.push(operation(start, line))
    }
  }
  for (const start of open.values()) ended.push(operation(start, undefined))
  ended.sort((a, b) => a.start - b.start)
  return ended.map((each, index) => ({ index, ...each }))
}

/**
 * One operation for all attempts of a request (equal request, kind and value): it lasts from the
 * first start to the first answer. Operations without a request stay as they are.
 */
export function mergeAttempts(operations: readonly Operation[]): readonly Operation[] {
  const groups = new Map<string, Operation[]>()
  for (const each of operations) {
    const request = each.request ?? `alone ${each.index}`
    const key = `${request} ${each.f} ${JSON.stringify(each.asked)}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [each])
    else group.push(each)
  }
  const merged: Operation[] = []
  for (const group of groups.values()) {
    const answered = group.filter((each) => each.outcome === 'ok').sort((a, b) => a.end - b.end)
    const one = answered[0] ?? group.find((each) => each.outcome === 'info') ?? group[0]
    const start = Math.min(...group.map((each) => each.start))
    if (one === undefined) continue
    // Several attempts may come from several processes: the whole belongs to none of them.
    const process = group.length === 1 ? one.process : -1 - one.index
    merged.push({ ...one, process, start, index: group[0]?.index ?? one.index })
  }
  return merged.sort((a, b) => a.start - b.start)
}

/** A line as JSON, and back: for files. Throws a {@link HistoryError} for what is not a line. */
export function parseLine(text: string): Line {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HistoryError(`not JSON: ${text.slice(0, 80)}`, { cause })
  }
  if (!isLine(value)) throw new HistoryError(`not a line of a history: ${text.slice(0, 80)}`)
  return value
}

function isLine(value: unknown): value is Line {
  if (typeof value !== 'object' || value === null) return false
  const has = (name: string): unknown => Reflect.get(value, name)
  const type = has('type')
  if (type !== 'invoke' && type !== 'ok' && type !== 'fail' && type !== 'info') return false
  const numbers = ['process', 'node', 'time'].every((name) => typeof has(name) === 'number')
  return numbers && typeof has('f') === 'string' && has('value') !== undefined
}

function operation(start: Line, end: Line | undefined): Omit<Operation, 'index'> {
  const outcome = end === undefined || end.type === 'invoke' ? 'info' : end.type
  const last = end ?? start
  return {
    process: start.process,
    f: start.f,
    node: last.node,
    asked: start.value,
    answer: outcome === 'ok' ? last.value : undefined,
    outcome,
    start: start.time,
    end: outcome === 'info' ? Infinity : last.time,
    position: last.position,
    executeAt: last.executeAt === undefined ? undefined : BigInt(last.executeAt),
    request: start.request ?? last.request,
    duplicate: last.duplicate === true,
    error: last.error,
  }
}

/** For messages: process, kind, value and time. */
export function describe(of: Line | Operation): string {
  const value = 'type' in of ? of.value : (of.answer ?? of.asked)
  const at = 'type' in of ? `${of.time}` : `${of.start}…${of.end === Infinity ? '' : of.end}`
  const place = of.position === undefined ? '' : ` at position ${of.position}`
  const text = JSON.stringify(value)
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text
  return `p${of.process} ${of.f} ${short}${place} [${at}]`
}

/** Whether two answers are equal, objects in any order of fields. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (isList(a) || isList(b)) {
    return (
      isList(a) && isList(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]))
    )
  }
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
}

/** Whether it is a list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
