/**
 * Packs a released version as the rig runs it beside this one: `npx tsx scripts/release.ts COMMIT`.
 * The same commit and the same tools give the same bytes. Last line: file, size and hash.
 *
 * In it: what `npm pack` would pack of the packages that a node is made of, without types, sources
 * and comments; and the rig's node process of that commit, with the executors it needs.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { tarOf, type TarFile } from './release/tar.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Folder, and the name that its importers know. */
const PACKAGES: readonly (readonly [folder: string, name: string])[] = [
  ['packages/accord', '@synevi/accord'],
  ['packages/synevi', 'synevi'],
  ['packages/store-lmdb', '@synevi/store-lmdb'],
  ['packages/network-grpc', '@synevi/network-grpc'],
]
/** Of the simulator, only what the executors of the workload need. */
const WORKLOAD = 'workload/mixed.js'
/** The node process, and what it needs. */
const MEMBER = 'member.js'

const [commit] = process.argv.slice(2)
if (commit === undefined) throw new Error('npx tsx scripts/release.ts COMMIT')
const work = join(root, '.cache', 'release')
rmSync(work, { recursive: true, force: true })
mkdirSync(join(work, 'node_modules', '@synevi'), { recursive: true })
checkOut(commit)
build()
const version = versionOf('packages/synevi')
const tar = tarOf(collect())
const path = join(root, 'rig', 'releases', `synevi-${version}.tgz`)
mkdirSync(dirname(path), { recursive: true })
const packed = gzipSync(tar, { level: 9 })
// The operating system stands in the header: not part of a release.
packed[9] = 0xff
writeFileSync(path, packed)
rmSync(work, { recursive: true, force: true })
const hash = createHash('sha256').update(tar).digest('hex')
console.log(`${relative(root, path)}: ${packed.length} bytes, tar sha256 ${hash}`)

/** The sources of that commit, alone: its packages find each other and not those of today. */
function checkOut(of: string): void {
  const folders = [...PACKAGES.map(([folder]) => folder), 'packages/simulator', 'rig']
  const archive = execFileSync('git', ['archive', of, ...folders, 'tsconfig.base.json'], {
    cwd: root,
    maxBuffer: 1 << 28,
  })
  execFileSync('tar', ['-x', '-C', work], { input: archive })
  const all = [...PACKAGES, ['packages/simulator', '@synevi/simulator']] as const
  for (const [folder, name] of all) {
    const link = join(work, 'node_modules', name)
    symlinkSync(relative(dirname(link), join(work, folder)), link)
  }
  const base = join(work, 'tsconfig.base.json')
  const text = readFileSync(base, 'utf8')
  const small = '"compilerOptions": { "removeComments": true, "sourceMap": false,'
  writeFileSync(base, text.replace(/"compilerOptions": *\{/, small))
}

function build(): void {
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  execFileSync(tsc, ['-b', join(work, 'rig')], { cwd: work, stdio: 'inherit' })
}

function collect(): readonly TarFile[] {
  const files: TarFile[] = []
  for (const [folder, name] of PACKAGES) {
    const dist = join(work, folder, 'dist')
    for (const file of scriptsIn(dist))
      put(files, `node_modules/${name}/dist/${file}`, join(dist, file))
    files.push(manifest(`node_modules/${name}`, name))
  }
  const simulator = join(work, 'packages', 'simulator', 'dist')
  const under = 'node_modules/@synevi/simulator'
  for (const file of reachable(simulator, WORKLOAD))
    put(files, `${under}/dist/${file}`, join(simulator, file))
  files.push({
    path: `${under}/dist/index.js`,
    bytes: Buffer.from(`export * from './${WORKLOAD}'\n`),
  })
  files.push(manifest(under, '@synevi/simulator'))
  const rig = join(work, 'rig', 'dist')
  for (const file of reachable(rig, MEMBER)) put(files, `member/${file}`, join(rig, file))
  files.push(manifest('', 'synevi-release'))
  return files
    .map(({ path: at, bytes }) => ({ path: `package/${at}`, bytes }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function put(files: TarFile[], at: string, from: string): void {
  const text = readFileSync(from, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n')
  files.push({ path: at, bytes: Buffer.from(text) })
}

/** As little as Node.js needs to find it. */
function manifest(folder: string, name: string): TarFile {
  const fields = { name, version, type: 'module', exports: './dist/index.js', commit }
  const path = folder === '' ? 'package.json' : `${folder}/package.json`
  return { path, bytes: Buffer.from(`${JSON.stringify(fields)}\n`) }
}

/** What runs, without tests. */
function scriptsIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !/(^|\/)test\/|\.test\.js$/.test(file))
    .toSorted()
}

/** A script and what it imports from its own folder, and so on. */
function reachable(folder: string, entry: string): readonly string[] {
  const found = new Set<string>([entry])
  for (const file of found) {
    const text = readFileSync(join(folder, file), 'utf8')
    for (const [, to = ''] of text.matchAll(/from '(\.[^']+)'/g)) found.add(join(dirname(file), to))
  }
  return [...found].toSorted()
}

function versionOf(folder: string): string {
  const fields: { version: string } = JSON.parse(
    readFileSync(join(work, folder, 'package.json'), 'utf8'),
  )
  return fields.version
}
