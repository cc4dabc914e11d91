import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const CLUSTER = firstCode('README.md')
const NODE = firstCode('packages/synevi/README.md')
const OPERATING = firstCode('docs/guides/operating-a-cluster.md')

let folder = ''
beforeAll(() => {
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'readme-'))
  writeFileSync(join(folder, 'cluster.ts'), CLUSTER)
  writeFileSync(join(folder, 'node.ts'), NODE)
  writeFileSync(join(folder, 'operating.ts'), OPERATING)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const options = { extends: '../../../tsconfig.tests.json', include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
})
afterAll(() => rmSync(folder, { recursive: true }))

function firstCode(document: string): string {
  const text = readFileSync(join(root, document), 'utf8')
  return /^```ts\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? ''
}

/** As a reader would, but with the packages' sources: no build is needed. */
function run(program: string, ...args: readonly string[]) {
  const environment = { ...process.env, NODE_OPTIONS: '--conditions=source', NO_COLOR: '1' }
  const options = { cwd: folder, encoding: 'utf8', env: environment, timeout: 50_000 } as const
  const { stdout, stderr } = spawnSync('npx', [program, ...args], options)
  return { stdout, stderr }
}

describe('code in a document', () => {
  it('is a cluster in about thirty lines', () => {
    const lines = CLUSTER.split('\n').filter((line) => line.trim() !== '')
    expect(lines.length).toBeGreaterThan(20)
    expect(lines.length).toBeLessThanOrEqual(33)
  })

  it('compiles', () => {
    expect(run('tsc', '-p', folder)).toEqual({ stdout: '', stderr: '' })
  })

  it('runs as a cluster: every node says the same', () => {
    const said = run('tsx', join(folder, 'cluster.ts'))
    expect(said).toEqual({ stdout: '3n\n3n\n3n\n', stderr: '' })
  })

  it('runs as a single node', () => {
    const said = run('tsx', join(folder, 'node.ts'))
    expect(said).toEqual({ stdout: 'red\n', stderr: '' })
  })

  it('runs as the life of a cluster: it grows, a member is replaced, a backup restored', () => {
    const said = run('tsx', join(folder, 'operating.ts'))
    const lines = [
      `[ 'a voter', 'b voter', 'c voter' ]`,
      `[ 'a voter', 'b voter', 'd voter' ]`,
      'red',
    ]
    expect(said).toEqual({ stdout: `${lines.join('\n')}\n`, stderr: '' })
  })
})
