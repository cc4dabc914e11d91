/**
 * `npm run nemesis`: the table of faults against clusters of real processes (`testing.md`, section
 * 4). Prints a line for each row, and a last line with verdict and counts.
 */

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Cleanup } from './cleanup.ts'
import { header, line, lastLine, skippedLine } from './nemesis-table.ts'
import { verdictOf, type RowResult } from './row-result.ts'
import { runRow } from './row-run.ts'
import type { Row } from './row.ts'
import { ROWS } from './rows.ts'

const HELP = `npm run nemesis -- [options]
  --nodes 3|5      size of the clusters (default: both)
  --seconds N      load for each row (default 6)
  --only a,b       only these: ${ROWS.map(({ name }) => name).join(', ')}
  --seed S         the same faults again, in kind (default: drawn)
  --timeline       what happened around each row's longest gap`

interface Options {
  readonly sizes: readonly number[]
  readonly seconds: number
  readonly rows: readonly Row[]
  readonly seed: number
  readonly withTimeline: boolean
}

process.exitCode = await main()

async function main(): Promise<number> {
  const options = parse()
  if (typeof options === 'string') {
    say(options)
    return 2
  }
  const cleanup = new Cleanup()
  cleanup.onExit()
  say(`nemesis: seed ${options.seed}, ${options.seconds} s of load for each row`)
  say(header())
  const results: RowResult[] = []
  let skipped = 0
  for (const size of options.sizes) {
    for (const row of options.rows) {
      if (!row.fits(size)) continue
      const why = row.skipped?.()
      if (why !== undefined) {
        skipped++
        say(skippedLine({ name: row.name, size, why }))
        continue
      }
      const { seconds, seed, withTimeline } = options
      const result = await runRow({ row, size, seconds, seed, cleanup, withTimeline })
      results.push(result)
      say(line(result))
      for (const each of result.log) say(`    ${each}`)
      for (const reason of verdictOf(result).reasons) say(`    ${reason}`)
      for (const each of result.timeline) say(`    ${each}`)
    }
  }
  say(lastLine(results, skipped))
  const isGood = results.length > 0 && results.every((each) => verdictOf(each).verdict === 'ok')
  return isGood ? 0 : 1
}

function parse(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string' },
        seconds: { type: 'string', default: '6' },
        rows: { type: 'string' },
        only: { type: 'string' },
        seed: { type: 'string' },
        timeline: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return HELP
    const names = (values.only ?? values.rows)?.split(',')
    const unknown = names?.find((name) => !ROWS.some((row) => row.name === name))
    if (unknown !== undefined) throw new Error(`no row ${unknown}`)
    return {
      sizes: values.nodes === undefined ? [3, 5] : [whole('nodes', values.nodes, 3, 7)],
      seconds: whole('seconds', values.seconds, 1, 600),
      rows: ROWS.filter(({ name }) => names?.includes(name) ?? true),
      seed: values.seed === undefined ? randomInt(2 ** 31) : whole('seed', values.seed, 0, 2 ** 32),
      withTimeline: values.timeline,
    }
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${HELP}`
  }
}

function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new Error(`--${option}: not a whole number from ${min} to ${max}: ${text}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
