#!/usr/bin/env node
/**
 * Every schedule of the real core within bounds: `explore [--deep] [--only NAME] [--states-max N]`.
 * Exits 1 when a rule broke, or when a search was cut off.
 */

import { parseArgs } from 'node:util'
import { DEEP_BOUNDS, DEFAULT_BOUNDS } from '../explore/bounds.ts'
import { explore } from '../explore/explorer.ts'

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    only: { type: 'string' },
    'states-max': { type: 'string', default: '5000000' },
  },
})

const all = values.deep ? [...DEFAULT_BOUNDS, ...DEEP_BOUNDS] : DEFAULT_BOUNDS
const chosen =
  values.only === undefined
    ? all
    : [...DEFAULT_BOUNDS, ...DEEP_BOUNDS].filter((each) => each.name === values.only)
const started = performance.now()
let states = 0
let schedules = 0
let failures = chosen.length === 0 ? 1 : 0
for (const bounds of chosen) {
  const begun = performance.now()
  const found = explore(bounds, Number(values['states-max']))
  states += found.states
  schedules += found.schedules
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(
    `${bounds.name.padEnd(26)} n=${bounds.n} ${bounds.txns.length} transactions: ` +
      `${found.states} states, ${found.edges} steps, ${count(found.schedules)} schedules, ` +
      `${found.ends} ends; ` +
      `${found.nodeStates} node states, ${found.coreSteps} core steps; ${seconds} s` +
      (found.cutOff ? ' CUT OFF' : ''),
  )
  if (found.cutOff) failures++
  if (found.violation === undefined) continue
  failures++
  for (const line of found.violation.schedule) console.log(`  ${line}`)
  console.log(`  FAILED ${found.violation.what}`)
}
console.log(
  `explore ${failures === 0 ? 'OK' : 'FAILED'}: ${chosen.length} bounds, ` +
    `${states} distinct states, ${count(schedules)} schedules, ${failures} failures, ` +
    `${((performance.now() - started) / 1000).toFixed(1)} s`,
)
process.exitCode = failures === 0 ? 0 : 1

function count(value: number): string {
  return value < 1e9 ? String(value) : value.toExponential(2)
}
