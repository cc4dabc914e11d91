/** A folder for one run of a bench, which is gone afterwards however the run ends. */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Resolves with what `run` does; 1 when that gave up, and says why. */
export async function inWorkFolder(
  parent: string,
  run: (folder: string) => Promise<number>,
): Promise<number> {
  // Whoever interrupts us wants no processes left behind: 'exit' ends them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const folder = mkdtempSync(join(parent, 'synevi-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  try {
    return await run(folder)
  } catch (error) {
    console.log(`bench: gave up: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}
