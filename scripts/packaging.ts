/**
 * Packs each published package and looks at it as a resolver does: publint for the manifest, attw
 * for the types. Last line: `packaging: N passed, M failed`.
 */

import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './stage/stage.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** ESM only; no look at a registry. */
const ATTW = ['--profile', 'esm-only', '--no-definitely-typed', '--no-emoji', '--no-color']

let passed = 0
let failed = 0
for (const folder of readdirSync(join(root, 'packages')).toSorted((a, b) => (a < b ? -1 : 1))) {
  const path = join('packages', folder)
  const checks = [
    check('publint', ['npx', 'publint', 'run', path, '--strict'], /All good!/),
    // Without types it says so and exits with 0: what must be there is looked for.
    check('attw', ['npx', 'attw', '--pack', path, ...ATTW], /node16 \(from ESM\) *│ OK \(ESM\)/),
  ]
  for (const { tool, ok, output } of await Promise.all(checks)) {
    if (ok) passed++
    else failed++
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${tool} ${path}`)
    if (!ok) console.log(output)
  }
}
console.log(`packaging: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

async function check(
  tool: string,
  command: readonly [string, ...string[]],
  expected: RegExp,
): Promise<{ readonly tool: string; readonly ok: boolean; readonly output: string }> {
  const { code, output } = await runCommand(command, { cwd: root, timeLimitMs: 60_000 })
  return { tool, ok: code === 0 && expected.test(output), output }
}
