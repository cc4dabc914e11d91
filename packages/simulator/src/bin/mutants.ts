#!/usr/bin/env node
/**
 * Plants every known bug into a copy of the sources and hunts it: `mutants [--only NAME] [--from
 * SEED] [--jobs 2]`. Prints mutant → schedules until found. Exits 1 when one survives, does not
 * apply or does not compile.
 */

import { parseArgs } from 'node:util'
import type { Mutant } from '../mutant/mutant.ts'
import { type Catch, type HuntResult, failureAt } from '../mutant/hunt.ts'
import { MUTANTS } from '../mutant/mutants.ts'
import { Workshop } from '../mutant/workshop.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
  },
})
const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
const started = performance.now()
const queue = [...chosen]
let killed = 0
let twice = 0
let explored = 0
let failures = chosen.length === 0 ? 1 : 0

console.log(
  `${'mutant'.padEnd(42)} ${'found by'.padEnd(24)} ${'schedules'.padStart(9)}  ` +
    `${'also by'.padEnd(26)} ${'states'.padStart(7)}  rule that broke; scenarios that fail`,
)
await Promise.all(Array.from({ length: Number(values.jobs) }, serve))
console.log(
  `mutants ${failures === 0 ? 'OK' : 'FAILED'}: ${chosen.length} mutants, ${killed} killed, ` +
    `${twice} by a scenario too, ${explored} by the explorer too, ` +
    `${failures} failures, ${Math.round((performance.now() - started) / 1000)} s`,
)
process.exitCode = failures === 0 ? 0 : 1

async function serve(): Promise<void> {
  const shop = await Workshop.open()
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      try {
        await report(mutant, await shop.try(mutant, BigInt(values.from)))
      } catch (error) {
        failures++
        const why = error instanceof Error ? error.message : String(error)
        console.log(`${mutant.name.padEnd(42)} FAILED: ${why}`)
      }
    }
  } finally {
    shop.close()
  }
}

async function report(mutant: Mutant, found: HuntResult): Promise<void> {
  const { blind, scenarios, violations } = found
  const name = mutant.name.padEnd(42)
  const also =
    scenarios.length === 0
      ? ''
      : `; ${scenarios.slice(0, 3).join(', ')}${scenarios.length > 3 ? ', …' : ''}`
  const own = blind === undefined ? undefined : await failsUnmutated(blind)
  if (own !== undefined) {
    failures++
    console.log(`${name} FAILED: the core as it is fails, too: ${own}`)
  } else if (mutant.harmless !== undefined) {
    const found = blind !== undefined || violations.length > 0
    if (found) failures++
    console.log(
      found
        ? `${name} FAILED: not harmless: ${blind?.what ?? ''}${also}`
        : `${name} harmless: ${mutant.harmless}`,
    )
  } else if (blind === undefined) {
    failures++
    console.log(
      `${name} SURVIVED ${mutant.hunts.map((each) => JSON.stringify(each)).join(' ')}${also}`,
    )
  } else if (mutant.explored !== undefined && found.explored === undefined) {
    failures++
    console.log(`${name} SURVIVED the exploration ${mutant.explored}, which must find it`)
  } else {
    killed++
    if (scenarios.length > 0) twice++
    if (found.explored !== undefined) explored++
    console.log(
      `${name} ${blind.by.padEnd(24)} ${String(blind.after).padStart(9)}  ` +
        `${(found.explored?.by ?? '').padEnd(26)} ` +
        `${String(found.explored?.after ?? '').padStart(7)}  ` +
        `${blind.rule}${also}`,
    )
  }
}

/** What caught the mutant must let the core as it is pass: else it is no catch. */
async function failsUnmutated({ seed: of }: Catch): Promise<string | undefined> {
  if (of === undefined) return undefined
  return (await failureAt(of.of, BigInt(of.seed)))?.what
}
