/** Rows as lines of text. */

import type { Ratios, Row, Side } from './row.ts'

const HEAD =
  'nodes store  conc. │   ours/s  p50 ms  p99 ms  cpu µs  req/txn fast │' +
  '   etcd/s  p50 ms  p99 ms  cpu µs │ ratio/s (least–most)  p50   p99'

/** Two lines above all rows. */
export function tableHead(): string {
  return `${HEAD}\n${HEAD.replaceAll(/[^│]/g, '─').replaceAll('│', '┼')}`
}

/** Medians over the rounds. `req/txn`: requests that shared a consensus transaction. */
export function tableLine(row: Row): string {
  const { nodes, store, concurrency, ours, peer, ratios, decisions } = row
  const cell = `${pad(nodes, 5)} ${store.padEnd(6)} ${pad(concurrency, 5)}`
  const settled = decisions.fast + decisions.slow + decisions.recovered
  const shared = settled === 0 ? '–' : (ours.operations / settled).toFixed(1)
  const fast = settled === 0 ? '–' : `${Math.round((100 * decisions.fast) / settled)} %`
  const beside = ratios === undefined ? '–' : ratioText(ratios)
  const theirs = peer === undefined ? ' '.repeat(33) : side(peer)
  return `${cell} │ ${side(ours)} ${pad(shared, 8)} ${pad(fast, 5)} │ ${theirs} │ ${beside}`
}

function side({ operationsPerSecond, p50Ms, p99Ms, cpuMicrosPerOperation }: Side): string {
  const cpu = cpuMicrosPerOperation === undefined ? '–' : cpuMicrosPerOperation.median.toFixed(0)
  return [
    pad(operationsPerSecond.median.toFixed(0), 8),
    pad(p50Ms.median.toFixed(2), 7),
    pad(p99Ms.median.toFixed(2), 7),
    pad(cpu, 7),
  ].join(' ')
}

function ratioText({ operationsPerSecond, p50, p99 }: Ratios): string {
  const { median, min, max } = operationsPerSecond
  const spread = `(${min.toFixed(2)}–${max.toFixed(2)})`
  const latencies = `${pad(p50.median.toFixed(2), 5)} ${pad(p99.median.toFixed(2), 5)}`
  return `${pad(median.toFixed(2), 7)} ${spread.padEnd(13)} ${latencies}`
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width)
}
