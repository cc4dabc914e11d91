/** A row of the result: one size, one store, one concurrency, over all rounds. */

import type { StoreKind } from './bench-options.ts'
import type { Decisions, Measurement } from './contender.ts'
import { figureOf, type Figure } from './figures.ts'

/** Fewer, over all rounds of one side, say nothing. */
const OPERATIONS_MIN = 100

/** What was measured side by side. */
export interface Round {
  readonly ours: Measurement
  /** Undefined without a peer. */
  readonly peer: Measurement | undefined
}

/** The cell that a row stands for. */
export interface Cell {
  readonly nodes: number
  readonly store: StoreKind
  readonly concurrency: number
}

/** One side of a row; medians over the rounds. */
export interface Side {
  readonly operations: number
  readonly operationsPerSecond: Figure
  readonly p50Ms: Figure
  readonly p99Ms: Figure
  readonly cpuMicrosPerOperation: Figure | undefined
}

/** Ratios of one round each, ours to the peer's. */
export interface Ratios {
  readonly operationsPerSecond: Figure
  readonly p50: Figure
  readonly p99: Figure
}

/** All of it, as it is written to a file. */
export interface Row extends Cell {
  readonly ours: Side
  readonly peer: Side | undefined
  readonly ratios: Ratios | undefined
  /** Summed over the rounds. */
  readonly decisions: Decisions
  /** What makes it worthless; empty when nothing does. */
  readonly faults: readonly string[]
}

/** `rounds` in order. */
export function rowOf(cell: Cell, rounds: readonly Round[]): Row {
  const ours = rounds.map((round) => round.ours)
  const peers = rounds.map((round) => round.peer).filter((one) => one !== undefined)
  const pairs = rounds.flatMap(({ ours: mine, peer }) =>
    peer === undefined ? [] : [{ mine, peer }],
  )
  const ratio = (of: (one: Measurement) => number): Figure =>
    figureOf(pairs.flatMap(({ mine, peer }) => (of(peer) > 0 ? [of(mine) / of(peer)] : [])))
  const sum = (of: (decisions: Decisions) => number): number =>
    ours.reduce((total, { decisions }) => total + (decisions === undefined ? 0 : of(decisions)), 0)
  return {
    ...cell,
    ours: sideOf(ours),
    peer: peers.length === 0 ? undefined : sideOf(peers),
    ratios:
      pairs.length === 0
        ? undefined
        : {
            operationsPerSecond: ratio((one) => one.operationsPerSecond),
            p50: ratio((one) => one.p50Ms),
            p99: ratio((one) => one.p99Ms),
          },
    decisions: {
      fast: sum((one) => one.fast),
      slow: sum((one) => one.slow),
      recovered: sum((one) => one.recovered),
      invalidated: sum((one) => one.invalidated),
    },
    faults: [...faultsOf('synevi', ours), ...(peers.length > 0 ? faultsOf('etcd', peers) : [])],
  }
}

function sideOf(measurements: readonly Measurement[]): Side {
  const cpu = measurements
    .map((one) => one.cpuMicrosPerOperation)
    .filter((one) => one !== undefined)
  return {
    operations: measurements.reduce((total, one) => total + one.operations, 0),
    operationsPerSecond: figureOf(measurements.map((one) => one.operationsPerSecond)),
    p50Ms: figureOf(measurements.map((one) => one.p50Ms)),
    p99Ms: figureOf(measurements.map((one) => one.p99Ms)),
    cpuMicrosPerOperation: cpu.length === 0 ? undefined : figureOf(cpu),
  }
}

function faultsOf(who: string, measurements: readonly Measurement[]): readonly string[] {
  const operations = measurements.reduce((total, one) => total + one.operations, 0)
  const errors = measurements.reduce((total, one) => total + one.errors, 0)
  const first = measurements.find((one) => one.firstError !== undefined)?.firstError
  return [
    ...(errors > 0 ? [`${who}: ${errors} errors, the first: ${first}`] : []),
    ...(operations < OPERATIONS_MIN
      ? [`${who}: ${operations} operations are too few to mean anything`]
      : []),
  ]
}
