import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const code = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? ''

let folder = ''
beforeAll(() => {
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'readme-'))
  writeFileSync(join(folder, 'cluster.ts'), code)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const options = { extends: '../../../tsconfig.tests.json', include: ['cluster.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(program: string, ...args: readonly string[]) {
  const environment = { ...process.env, NODE_OPTIONS: '--conditions=source', NO_COLOR: '1' }
  return spawnSync('npx', [program, ...args], { cwd: folder, encoding: 'utf8', env: environment })
}

describe('the cluster in the README', () => {
  it('has about thirty lines', () => {
    const lines = code.split('\n').filter((line) => line.trim() !== '')
    expect(lines.length).toBeGreaterThan(20)
    expect(lines.length).toBeLessThanOrEqual(36)
  })

  it('compiles', () => {
    expect(run('tsc', '-p', folder).stdout).toBe('')
  })

  it('runs, and every node says the same', () => {
    const { stdout, stderr } = run('tsx', join(folder, 'cluster.ts'))
    expect({ stdout, stderr }).toEqual({ stdout: '3n\n3n\n3n\n', stderr: '' })
  })
})
