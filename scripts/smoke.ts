/**
 * Imports each published package by name from its built files, as a user would: without the
 * condition `source`, in a plain Node.js process each. Last line: `smoke: N passed, M failed`.
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const IMPORT = 'import(process.argv[1]).then((all) => console.log(Object.keys(all).length))'

let passed = 0
let failed = 0
for (const folder of readdirSync(join(root, 'packages')).toSorted((a, b) => (a < b ? -1 : 1))) {
  const manifest: unknown = JSON.parse(
    readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
  )
  const name = nameOf(manifest)
  const run = spawnSync(process.execPath, ['--eval', IMPORT, name], { cwd: root, encoding: 'utf8' })
  const ok = run.status === 0 && Number(run.stdout) > 0
  if (ok) passed++
  else failed++
  const said = ok ? `${run.stdout.trim()} exports` : run.stderr.trim() || 'nothing is exported'
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${said}`)
}
console.log(`smoke: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function nameOf(manifest: unknown): string {
  if (typeof manifest === 'object' && manifest !== null && 'name' in manifest) {
    return String(manifest.name)
  }
  throw new Error('a manifest without a name: name the package')
}
