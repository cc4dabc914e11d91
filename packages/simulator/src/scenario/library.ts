/** The scenario files of this package. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One file. */
export interface ScenarioFile {
  /** The file name without its ending. */
  readonly name: string
  readonly text: string
}

/**
 * All of `packages/simulator/scenarios`, by name. Works from sources and from compiled output
 * alike.
 */
export function scenarioFiles(): readonly ScenarioFile[] {
  const folder = fileURLToPath(new URL('../../scenarios/', import.meta.url))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.txt'.length),
      text: readFileSync(folder + file, 'utf8'),
    }))
}
