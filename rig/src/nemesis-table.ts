/** The table that the nemesis prints. */

import {
  BACK_GOAL_MS,
  GAP_GOAL_MS,
  backOf,
  gapOf,
  verdictOf,
  type RowResult,
} from './row-result.ts'

const COLUMNS: readonly (readonly [title: string, width: number])[] = [
  ['nodes', 5],
  ['row', -14],
  ['faults', 6],
  ['operations', 10],
  ['ok', 6],
  ['unknown', 7],
  ['failed', 6],
  ['ok/s', 6],
  ['gap ms', 7],
  ['back ms', 7],
  ['verdict', -8],
]

/** Titles, and what the two goals are. */
export function header(): string {
  return (
    `goals: gap at survivors ${GAP_GOAL_MS} ms, back in service ${BACK_GOAL_MS} ms\n` +
    align(COLUMNS.map(([title]) => title))
  )
}

/** One row; `-` where there is no such figure. */
export function line(result: RowResult): string {
  const { size, name, faults, ok, unknown, failed, perSecond } = result
  return align([
    ...[`${size}`, name, `${faults.length}`, `${ok + unknown + failed}`],
    ...[`${ok}`, `${unknown}`, `${failed}`, perSecond.toFixed(0)],
    ...[figure(gapOf(result)?.ms), figure(backOf(result)), verdictOf(result).verdict],
  ])
}

/** A row that this machine cannot run. */
export function skippedLine(row: {
  readonly name: string
  readonly size: number
  readonly why: string
}): string {
  const empty = Array.from({ length: COLUMNS.length - 3 }, () => '-')
  return `${align([`${row.size}`, row.name, ...empty, 'skipped'])}\n    ${row.why}`
}

/** The verdict of all, with counts. */
export function lastLine(results: readonly RowResult[], skipped: number): string {
  const sum = (of: (result: RowResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0)
  const verdicts = results.map((result) => verdictOf(result).verdict)
  const count = (verdict: string): number => verdicts.filter((each) => each === verdict).length
  const word = results.length > 0 && count('ok') === results.length ? 'ok' : 'FAILED'
  const operations = sum(({ ok, unknown, failed }) => ok + unknown + failed)
  const faults = sum((result) => result.faults.length)
  return (
    `nemesis: ${word}: ${results.length} rows, ${faults} faults, ${operations} operations: ` +
    `${count('ok')} rows ok, ${count('FAILED')} failed, ${count('INVALID')} invalid, ` +
    `${skipped} skipped`
  )
}

function figure(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(0)
}

function align(cells: readonly string[]): string {
  return COLUMNS.map(([, width], i) => {
    const cell = cells[i] ?? ''
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width)
  })
    .join(' ')
    .trimEnd()
}
