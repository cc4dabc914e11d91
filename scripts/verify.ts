/**
 * `npm run verify`: everything that must hold before a commit, within three minutes on two cores.
 * It changes no source. Prints a line for each stage, and a last line with the verdict and the
 * counts.
 */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runStages } from './stage/run-stages.ts'
import {
  build,
  format,
  lint,
  packaging,
  simulator,
  smoke,
  tidy,
  types,
  unused,
  vitest,
} from './stage/stages.ts'

const verdict = await runStages(
  [
    build,
    types,
    lint,
    format,
    tidy,
    unused,
    vitest(['--exclude', 'rig/**']),
    simulator('explore', ['--only', '1 loss'], 180_000),
    simulator('simulate', ['--seeds', '40'], 300_000),
    smoke,
    packaging,
  ],
  {
    cwd: dirname(dirname(fileURLToPath(import.meta.url))),
    print: (line) => console.log(line),
  },
)
const word = verdict.failed === 0 ? 'ok' : `FAILED in ${verdict.failedStages.join(', ')}`
console.log(
  `verify: ${word}: ${verdict.stages} stages, ${verdict.passed} passed, ` +
    `${verdict.failed} failed, ${(verdict.ms / 1000).toFixed(0)} s`,
)
process.exitCode = verdict.failed === 0 ? 0 : 1
