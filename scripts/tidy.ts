/** Tests of the source text: prints a line for each finding, then `tidy: N checks, M findings`. */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatFinding } from './tidy/finding.ts'
import { RULES } from './tidy/rules.ts'
import { readTree } from './tidy/tree.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tree = readTree(root)

let findings = 0
let failed = 0
for (const rule of RULES) {
  const found = rule.check(tree)
  findings += found.length
  if (found.length > 0) failed++
  for (const finding of found) console.log(formatFinding(rule, finding))
}
if (failed > 0) console.log(`tidy: rules broken: ${failed} of ${RULES.length}`)
console.log(`tidy: ${RULES.length} checks, ${findings} findings`)
process.exitCode = findings === 0 ? 0 : 1
