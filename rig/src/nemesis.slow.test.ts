/** A short nemesis with three real processes: the rows that `npm test` can afford. */

import { afterAll, describe, expect, test } from 'vitest'
import { Cleanup } from './cleanup.ts'
import { line } from './nemesis-table.ts'
import { verdictOf } from './row-result.ts'
import { runRow } from './row-run.ts'
import { ROWS } from './rows.ts'

/** Of a computer that does much else. */
const PATIENCE_MS = 150_000

const cleanup = new Cleanup()
process.once('exit', () => cleanup.now())
afterAll(() => cleanup.now())

describe('three processes stay strictly serializable and lose nothing through', () => {
  for (const name of ['kill-one', 'kill-all', 'pause-one', 'cut-one', 'mute-one']) {
    const row = ROWS.find((each) => each.name === name)
    test(name, { timeout: PATIENCE_MS }, async () => {
      if (row === undefined) throw new Error(`no row ${name}`)
      const seed = Math.floor(Math.random() * 2 ** 31)
      const result = await runRow({ row, size: 3, seconds: 1, seed, cleanup })
      const { verdict, reasons } = verdictOf(result)
      expect({ seed, verdict, reasons, line: line(result) }).toMatchObject({
        verdict: 'ok',
        reasons: [],
      })
    })
  }
})
