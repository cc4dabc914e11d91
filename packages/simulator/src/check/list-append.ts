/**
 * List-append cycles (`testing.md` 2.7, checker 3): strict serializability without a witness.
 *
 * Transactions read whole lists and append unique values, so that the order of versions can be read
 * off. From it follow ww, wr and rw edges; with process order and real time a cycle is a proof
 * (Elle, Alvaro and Kingsbury 2020). Operations are of kind `txn`, as in `model.ts`; others are
 * ignored.
 */

import {
  type Anomaly,
  type Json,
  type Operation,
  describe,
  isList,
  mergeAttempts,
  sameJson,
} from './history.ts'
import { type EdgeKind, Graph } from './graph.ts'

/**
 * Every anomaly that this checker names; those of cycles also end in `-process` and `-realtime`.
 */
export type ListAnomaly =
  | 'aborted read'
  | 'dirty update'
  | 'intermediate read'
  | 'internal'
  | 'duplicate element'
  | 'unknown element'
  | 'incompatible order'
  | 'lost append'
  | 'G0'
  | 'G1c'
  | 'G-single'
  | 'G2'

/** Judges a history of list transactions. An empty list means that it is strictly serializable. */
export function checkListAppend(operations: readonly Operation[]): readonly Anomaly[] {
  const txns = mergeAttempts(operations.filter((each) => each.f === 'txn')).map(parse)
  const found: Anomaly[] = []
  const report = (name: ListAnomaly, why: string): void => {
    if (found.length < 12) found.push({ name, why })
  }
  const writers = writersOf(txns, report)
  for (const txn of txns) checkInternal(txn, report)
  const orders = ordersOf(txns, writers, report)
  checkElements({ txns, writers, orders, report })
  if (found.length > 0) return found
  const graph = new Graph(txns.length)
  addVersionEdges({ graph, txns, writers, orders })
  addProcessEdges(graph, txns)
  addRealTimeEdges(graph, txns)
  return cycles(graph, txns)
}

interface Append {
  readonly key: string
  readonly value: Json
}
interface Read {
  readonly key: string
  readonly list: readonly Json[]
  /** Values appended to this key by the same transaction before the read. */
  readonly own: readonly Json[]
}
interface ListTxn {
  readonly operation: Operation
  readonly appends: readonly Append[]
  /** Only of an answered transaction. */
  readonly reads: readonly Read[]
}
type Report = (name: ListAnomaly, why: string) => void
type Writers = ReadonlyMap<string, { txn: number; isLast: boolean }>

function parse(operation: Operation): ListTxn {
  const appends: Append[] = []
  const reads: Read[] = []
  const mops = operation.answer ?? operation.asked
  for (const mop of isList(mops) ? mops : []) {
    if (!isList(mop)) continue
    const [kind, key, value] = mop
    if (typeof key !== 'string') continue
    if (kind === 'append') appends.push({ key, value: value ?? null })
    else if (operation.outcome === 'ok') {
      const own = appends.filter((each) => each.key === key).map((each) => each.value)
      reads.push({ key, list: isList(value) ? value : [], own })
    }
  }
  return { operation, appends, reads }
}

function nameOf(key: string, value: Json): string {
  return `${key} ${JSON.stringify(value)}`
}

function writersOf(txns: readonly ListTxn[], report: Report): Writers {
  const writers = new Map<string, { txn: number; isLast: boolean }>()
  for (const [index, txn] of txns.entries()) {
    for (const [i, { key, value }] of txn.appends.entries()) {
      const name = nameOf(key, value)
      const isLast = !txn.appends.slice(i + 1).some((later) => later.key === key)
      const other = writers.get(name)
      if (other === undefined) writers.set(name, { txn: index, isLast })
      else report('duplicate element', `${name} was appended by two requests`)
    }
  }
  return writers
}

/** Own appends are seen by later reads of the same transaction, at the end. */
function checkInternal(txn: ListTxn, report: Report): void {
  const last = new Map<string, Read>()
  for (const read of txn.reads) {
    const before = last.get(read.key)
    const base = before === undefined ? undefined : before.list
    const since = read.own.slice(before?.own.length ?? 0)
    const tail = base === undefined ? read.list.slice(read.list.length - since.length) : []
    const fits =
      base === undefined
        ? since.length <= read.list.length && sameJson(tail, since)
        : sameJson(read.list, [...base, ...since])
    if (!fits) report('internal', `${describe(txn.operation)} contradicts itself on ${read.key}`)
    last.set(read.key, read)
  }
}

/** For each key the longest list that was read; every other must be a prefix of it. */
function ordersOf(
  txns: readonly ListTxn[],
  writers: Writers,
  report: Report,
): ReadonlyMap<string, readonly Json[]> {
  const orders = new Map<string, readonly Json[]>()
  for (const { reads } of txns) {
    for (const { key, list } of reads) {
      if (list.length > (orders.get(key)?.length ?? -1)) orders.set(key, list)
    }
  }
  for (const { operation, reads } of txns) {
    for (const { key, list } of reads) {
      const longest = orders.get(key) ?? []
      if (!list.every((value, i) => sameJson(value, longest[i]))) {
        report('incompatible order', `${describe(operation)} of ${key}, but ${show(longest)}`)
      }
    }
  }
  for (const [key, list] of orders) {
    const seen = new Set<string>()
    for (const value of list) {
      const name = nameOf(key, value)
      if (seen.has(name)) report('duplicate element', `${name} stands twice in ${show(list)}`)
      if (!writers.has(name)) report('unknown element', `nobody appended ${name}`)
      seen.add(name)
    }
  }
  return orders
}

function show(list: readonly Json[]): string {
  const text = JSON.stringify(list)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}

/** Aborted reads, dirty updates, intermediate reads, lost appends. */
function checkElements(parts: {
  txns: readonly ListTxn[]
  writers: Writers
  orders: ReadonlyMap<string, readonly Json[]>
  report: Report
}): void {
  const { txns, writers, orders, report } = parts
  const failed = (name: string): boolean => {
    const writer = writers.get(name)
    return writer !== undefined && txns[writer.txn]?.operation.outcome === 'fail'
  }
  for (const { operation, reads } of txns) {
    for (const { key, list, own } of reads) {
      const aborted = list.filter((value) => failed(nameOf(key, value)))
      for (const value of aborted)
        report('aborted read', `${describe(operation)} saw ${show([value])}`)
      const last = list[list.length - 1 - own.length]
      const writer = last === undefined ? undefined : writers.get(nameOf(key, last))
      if (writer !== undefined && !writer.isLast) {
        report('intermediate read', `${describe(operation)} saw half of a transaction`)
      }
    }
  }
  for (const [key, list] of orders) {
    const first = list.findIndex((value) => failed(nameOf(key, value)))
    if (first >= 0 && first < list.length - 1) {
      report('dirty update', `${key}: ${show(list)} goes on after an append that failed`)
    }
  }
  for (const { operation, appends } of txns) {
    if (operation.outcome !== 'ok') continue
    for (const { key, value } of appends) {
      const inOrder = orders.get(key)?.some((each) => sameJson(each, value)) ?? true
      const later = inOrder ? undefined : txns.find((txn) => readsAfter(txn, operation, key))
      if (later === undefined) continue
      const why = `${describe(operation)} was acknowledged; ${describe(later.operation)} misses it`
      report('lost append', why)
    }
  }
}

function readsAfter(txn: ListTxn, writer: Operation, key: string): boolean {
  return txn.operation.start > writer.end && txn.reads.some((read) => read.key === key)
}

function addVersionEdges(parts: {
  graph: Graph
  txns: readonly ListTxn[]
  writers: Writers
  orders: ReadonlyMap<string, readonly Json[]>
}): void {
  const { graph, txns, writers, orders } = parts
  const writer = (key: string, value: Json | undefined): number | undefined =>
    value === undefined ? undefined : writers.get(nameOf(key, value))?.txn
  const unseen = unseenAppends(txns, orders)
  const add = (from: number | undefined, to: number | undefined, kind: EdgeKind): void => {
    if (from !== undefined && to !== undefined) graph.add(from, to, kind)
  }
  for (const [key, list] of orders) {
    for (let i = 1; i < list.length; i++) add(writer(key, list[i - 1]), writer(key, list[i]), 'ww')
    const last = writer(key, list[list.length - 1])
    for (const txn of unseen.get(key) ?? []) add(last, txn, 'ww')
  }
  for (const [index, { reads }] of txns.entries()) {
    for (const { key, list, own } of reads) {
      const seen = list.length - own.length
      add(writer(key, list[seen - 1]), index, 'wr')
      const longest = orders.get(key) ?? []
      const next = longest[list.length]
      if (next !== undefined) add(index, writer(key, next), 'rw')
      else for (const txn of unseen.get(key) ?? []) add(index, txn, 'rw')
    }
  }
}

/** Acknowledged appends that no read shows stand after every read of their key. */
function unseenAppends(
  txns: readonly ListTxn[],
  orders: ReadonlyMap<string, readonly Json[]>,
): ReadonlyMap<string, readonly number[]> {
  const names = new Map<string, Set<string>>()
  for (const [key, list] of orders) {
    names.set(key, new Set(list.map((value) => JSON.stringify(value))))
  }
  const unseen = new Map<string, number[]>()
  for (const [index, { operation, appends }] of txns.entries()) {
    if (operation.outcome !== 'ok') continue
    for (const { key, value } of appends) {
      if (names.get(key)?.has(JSON.stringify(value)) !== false) continue
      unseen.set(key, [...(unseen.get(key) ?? []), index])
    }
  }
  return unseen
}

function isPlaced({ operation, appends }: ListTxn): boolean {
  return operation.outcome === 'ok' || (operation.outcome === 'info' && appends.length > 0)
}

function addProcessEdges(graph: Graph, txns: readonly ListTxn[]): void {
  const last = new Map<number, number>()
  for (const [index, txn] of txns.entries()) {
    if (txn.operation.outcome === 'fail') continue
    const before = last.get(txn.operation.process)
    if (before !== undefined) graph.add(before, index, 'process')
    last.set(txn.operation.process, index)
  }
}

/**
 * Only the edges that no others imply: to each operation from those that ended last before it
 * began.
 */
function addRealTimeEdges(graph: Graph, txns: readonly ListTxn[]): void {
  const points: { at: number; isEnd: boolean; index: number }[] = []
  for (const [index, txn] of txns.entries()) {
    if (!isPlaced(txn)) continue
    points.push({ at: txn.operation.start, isEnd: false, index })
    if (txn.operation.end !== Infinity) points.push({ at: txn.operation.end, isEnd: true, index })
  }
  // At equal times starts come first: nothing is known of their order.
  points.sort((a, b) => a.at - b.at || Number(a.isEnd) - Number(b.isEnd))
  const frontier = new Set<number>()
  const seen = new Map<number, readonly number[]>()
  for (const { isEnd, index } of points) {
    if (isEnd) {
      for (const before of seen.get(index) ?? []) frontier.delete(before)
      frontier.add(index)
    } else {
      seen.set(index, [...frontier])
      for (const before of frontier) graph.add(before, index, 'realtime')
    }
  }
}

const LEVELS: readonly { readonly suffix: string; readonly extra: readonly EdgeKind[] }[] = [
  { suffix: '', extra: [] },
  { suffix: '-process', extra: ['process'] },
  { suffix: '-realtime', extra: ['process', 'realtime'] },
]

/** One finding for each component: the weakest kind of cycle that it contains. */
function cycles(graph: Graph, txns: readonly ListTxn[]): readonly Anomaly[] {
  for (const { suffix, extra } of LEVELS) {
    const all = new Set<EdgeKind>(['ww', 'wr', 'rw', ...extra])
    if (graph.components(all).length === 0) continue
    const g0 = firstCycle(graph, new Set<EdgeKind>(['ww', ...extra]))
    if (g0.length > 0) return [finding(`G0${suffix}`, g0, graph, txns)]
    const g1c = firstCycle(graph, new Set<EdgeKind>(['ww', 'wr', ...extra]))
    if (g1c.length > 0) return [finding(`G1c${suffix}`, g1c, graph, txns)]
    const single = singleCycle(graph, all, new Set<EdgeKind>(['ww', 'wr', ...extra]))
    if (single.length > 0) return [finding(`G-single${suffix}`, single, graph, txns)]
    return [finding(`G2${suffix}`, firstCycle(graph, all), graph, txns)]
  }
  return []
}

function firstCycle(graph: Graph, allowed: ReadonlySet<EdgeKind>): number[] {
  for (const component of graph.components(allowed)) {
    for (const vertex of component) return graph.cycle(vertex, new Set(component), allowed)
  }
  return []
}

/** A cycle with exactly one rw edge. */
function singleCycle(
  graph: Graph,
  all: ReadonlySet<EdgeKind>,
  others: ReadonlySet<EdgeKind>,
): number[] {
  for (const component of graph.components(all)) {
    for (const from of component) {
      for (const to of graph.successors(from, new Set<EdgeKind>(['rw']))) {
        const back = graph.path(to, from, others)
        if (back.length > 0) return [from, ...back]
      }
    }
  }
  return []
}

function finding(
  name: string,
  cycle: readonly number[],
  graph: Graph,
  txns: readonly ListTxn[],
): Anomaly {
  const steps = cycle.map((vertex, i) => {
    const operation = txns[vertex]?.operation
    const next = cycle[i + 1]
    const edge = next === undefined ? '' : ` —${[...graph.kinds(vertex, next)].join(',')}→ `
    return `(${operation === undefined ? vertex : describe(operation)})${edge}`
  })
  return { name, why: steps.join('') }
}
