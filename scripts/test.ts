/**
 * `npm test`: all tests, with real processes, the explorer and the simulator. Prints a line for
 * each stage; its last line is `N passed, N failed`, alone.
 *
 * What counts as one: a test of vitest, a rule of tidy, a built package, and a run of any other
 * program. So `simulate --seeds 200` is one, whatever it ran inside: its own line says how many.
 */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runStages } from './stage/run-stages.ts'
import { build, format, lint, simulator, smoke, tidy, types, vitest } from './stage/stages.ts'

const verdict = await runStages(
  [
    build,
    types,
    vitest(),
    tidy,
    lint,
    format,
    smoke,
    simulator('explore', [], 600_000),
    simulator('simulate', ['--seeds', '200'], 900_000),
  ],
  {
    cwd: dirname(dirname(fileURLToPath(import.meta.url))),
    print: (line) => console.log(line),
  },
)
console.log(`${verdict.passed} passed, ${verdict.failed} failed`)
process.exitCode = verdict.failed === 0 ? 0 : 1
