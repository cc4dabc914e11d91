/**
 * Manifests: one version, one shape, exact pins, and a sentence in the README for each third party.
 */

import type { Finding, Rule } from './finding.ts'
import type { Tree } from './tree.ts'

type Json = Readonly<Record<string, unknown>>

/** What every manifest says alike. */
const SAME: Json = {
  license: '(MIT OR Apache-2.0)',
  type: 'module',
  engines: { node: '>=20.19' },
}

/** What every published manifest says besides. */
const PUBLISHED: Json = {
  sideEffects: false,
  exports: {
    '.': { source: './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
  },
}

/** These ship. A package may add files of its own (`proto`), never leave one of these out. */
const SHIPPED = ['dist', 'src', '!src/**/*.test.ts']

/** Fields that would run or choose something behind the reader's back. */
const UNWANTED = ['scripts', 'main', 'module', 'types', 'browser', 'peerDependenciesMeta']

/** All workspaces. */
export const manifests: Rule = {
  name: 'manifests',
  check: (tree) => {
    const paths = tree.paths.filter((path) =>
      /^(packages\/[^/]+|examples\/[^/]+|rig|bench)\/package\.json$/.test(path),
    )
    const version = parse(tree, 'packages/synevi/package.json')?.['version']
    return paths.flatMap((path) => {
      const manifest = parse(tree, path)
      if (manifest === undefined) return [{ path, line: 0, say: 'write one JSON object' }]
      return faults(tree, path, manifest, version).map((say) => ({ path, line: 0, say }))
    })
  },
}

function parse(tree: Tree, path: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(tree.text(path) ?? '')
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function faults(tree: Tree, path: string, manifest: Json, version: unknown): readonly string[] {
  const published = path.startsWith('packages/')
  const found: string[] = []
  if (manifest['version'] !== version)
    found.push(`version ${JSON.stringify(version)}, as all others`)
  if (typeof manifest['description'] !== 'string') found.push('a description of one line')
  for (const [field, value] of Object.entries(published ? { ...SAME, ...PUBLISHED } : SAME)) {
    if (same(manifest[field], value)) continue
    if (field === 'exports' && includes(manifest[field], value)) continue
    found.push(`"${field}": ${JSON.stringify(value)}`)
  }
  for (const field of UNWANTED) if (field in manifest) found.push(`no "${field}"`)
  if (!published && manifest['private'] !== true) found.push('"private": true')
  if (published && 'private' in manifest) found.push('no "private": it is published')
  const files = manifest['files']
  if (published && !(Array.isArray(files) && SHIPPED.every((file) => files.includes(file)))) {
    found.push(`"files" with ${JSON.stringify(SHIPPED)}`)
  }
  return [...found, ...dependencyFaults(tree, path, manifest, version)]
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** More entries than the usual one are allowed, each of the same form. */
function includes(actual: unknown, expected: unknown): boolean {
  if (!isObject(actual) || !isObject(expected)) return false
  return Object.entries(expected).every(([key, value]) => same(actual[key], value))
}

const DEPENDENCIES = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']

function dependencyFaults(
  tree: Tree,
  path: string,
  manifest: Json,
  version: unknown,
): readonly string[] {
  const readme = tree.text(path.replace('package.json', 'README.md')) ?? ''
  const found: string[] = []
  for (const field of DEPENDENCIES) {
    const pins = manifest[field]
    if (!isObject(pins)) continue
    for (const [name, pin] of Object.entries(pins)) {
      const ours = name === 'synevi' || name.startsWith('@synevi/')
      if (ours && pin !== version) found.push(`${name} at the version of all`)
      if (ours) continue
      if (typeof pin !== 'string' || !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(pin)) {
        found.push(`${name} at an exact version`)
      }
      if (!hasSentence(readme, name)) {
        found.push(
          `a sentence in its README: what \`${name}\` is for, what it brings, who keeps it`,
        )
      }
    }
  }
  return found
}

/** Its name in backticks on a line of some length. */
function hasSentence(readme: string, name: string): boolean {
  return readme
    .split('\n')
    .some((line) => line.includes(`\`${name}\``) && line.length > name.length + 40)
}

/** Every workspace explains itself. */
export const packageReadmes: Rule = {
  name: 'package-readmes',
  check: (tree) =>
    tree.paths
      .filter((path) => /^(packages\/[^/]+|examples\/[^/]+|rig|bench)\/package\.json$/.test(path))
      .flatMap((path): readonly Finding[] => {
        const readme = path.replace('package.json', 'README.md')
        if (tree.text(readme) !== undefined) return []
        return [
          { path: readme, line: 0, say: 'write what the package is for and what it promises' },
        ]
      }),
}
