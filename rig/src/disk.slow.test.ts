/** Rows of disks and of executors that differ, short; and that what they are to find, they find. */

import { afterAll, describe, expect, test } from 'vitest'
import { Cleanup } from './cleanup.ts'
import { line } from './nemesis-table.ts'
import type { Row } from './row.ts'
import { verdictOf } from './row-result.ts'
import { runRow } from './row-run.ts'
import { ROWS } from './rows.ts'

/** Of a computer that does much else. */
const PATIENCE_MS = 150_000

const cleanup = new Cleanup()
process.once('exit', () => cleanup.now())
afterAll(() => cleanup.now())

function rowOf(name: string): Row {
  const row = ROWS.find((each) => each.name === name)
  if (row === undefined) throw new Error(`no row ${name}`)
  return row
}

async function verdictFor(row: Row): Promise<object> {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const result = await runRow({ row, size: 3, seconds: 1, seed, cleanup })
  return { seed, ...verdictOf(result), line: line(result) }
}

describe('three processes stay strictly serializable and lose nothing through', () => {
  for (const name of ['disk-low', 'eio', 'power', 'skew']) {
    const row = rowOf(name)
    // Mounting and attaching take root and their tools.
    test.skipIf(row.skipped?.() !== undefined)(name, { timeout: PATIENCE_MS }, async () => {
      expect(await verdictFor(row)).toMatchObject({ verdict: 'ok', reasons: [] })
    })
  }
})

// Mounting takes root.
test.skipIf(rowOf('power').skipped?.() !== undefined)(
  'members that do not flush lose what they acknowledged when the power goes, and the row says so',
  { timeout: PATIENCE_MS },
  async () => {
    const row: Row = { ...rowOf('power'), plan: () => ({ durability: 'process' }) }
    expect(await verdictFor(row)).toMatchObject({ verdict: 'FAILED' })
  },
)
