/**
 * The floors of packages, and of the folders inside `accord`: imports go down only
 * (ARCHITECTURE.md).
 */

import type { Finding, Rule } from './finding.ts'
import { importsOf, readSource, resolveImport } from './source-text.ts'
import { isTest, lineAt, sourcePaths } from './tree.ts'

/** A package's floor, and the packages of third parties that it may use. */
interface Floor {
  readonly name: string
  readonly floor: number
  readonly thirdParties: readonly string[]
  readonly node: boolean
}

/** By folder. A new package is added here before its first import. */
const PACKAGES: Readonly<Record<string, Floor>> = {
  'packages/accord': { name: '@synevi/accord', floor: 0, thirdParties: [], node: false },
  'packages/synevi': { name: 'synevi', floor: 1, thirdParties: [], node: true },
  'packages/store-lmdb': {
    name: '@synevi/store-lmdb',
    floor: 2,
    thirdParties: ['lmdb'],
    node: true,
  },
  'packages/network-grpc': {
    name: '@synevi/network-grpc',
    floor: 2,
    thirdParties: ['@grpc/grpc-js'],
    node: true,
  },
  'packages/conformance': { name: '@synevi/conformance', floor: 3, thirdParties: [], node: true },
  'packages/simulator': { name: '@synevi/simulator', floor: 5, thirdParties: [], node: true },
  rig: { name: '@synevi/rig', floor: 6, thirdParties: [], node: true },
  bench: { name: '@synevi/bench', floor: 7, thirdParties: [], node: true },
  'examples/replicated-history': {
    name: '@synevi/example-replicated-history',
    floor: 6,
    thirdParties: [],
    node: true,
  },
}

/**
 * Files and folders of `packages/accord/src`, lowest first; a row may import its own row and those
 * before it.
 */
const CORE_ROWS: readonly (readonly string[])[] = [
  ['invariant', 'brand', 'chance'],
  ['time'],
  ['topology'],
  ['txn'],
  ['message'],
  ['input', 'ready', 'options', 'codec'],
  ['context', 'outbox', 'stop', 'succession'],
  ['replicate', 'execute', 'progress', 'durability'],
  ['coordinate', 'membership', 'snapshot'],
  [
    'harvest',
    'hear',
    'door',
    'upkeep',
    'image',
    'replica-status',
    'apply',
    'open-context',
    'replica',
  ],
]

/**
 * Between packages: down only, never sideways, by name, and no third party that is not named above.
 */
export const packageFloors: Rule = {
  name: 'package-floors',
  check: (tree) =>
    sourcePaths(tree).flatMap((path) => {
      const folder = packageFolder(path)
      if (folder === undefined) return unknownFolder(path)
      const source = readSource(tree.text(path) ?? '')
      return importsOf(source).flatMap(({ specifier, offset }) => {
        const say = packageFault(path, folder, specifier)
        return say === undefined ? [] : [{ path, line: lineAt(source.text, offset), say }]
      })
    }),
}

function packageFolder(path: string): string | undefined {
  return Object.keys(PACKAGES).find((folder) => path.startsWith(`${folder}/`))
}

function unknownFolder(path: string): readonly Finding[] {
  if (!/^(packages|examples|rig|bench)\//.test(path)) return []
  return [{ path, line: 0, say: 'add its package to PACKAGES in scripts/tidy/floors.ts' }]
}

function packageFault(path: string, folder: string, specifier: string): string | undefined {
  const mine = PACKAGES[folder]
  if (mine === undefined) return undefined
  if (specifier.startsWith('.')) {
    const target = resolveImport(path, specifier)
    return target.startsWith(`${folder}/`) ? undefined : 'import another package by its name'
  }
  if (specifier.startsWith('node:')) {
    return mine.node ? undefined : 'floor 0 knows no Node.js: ask for it through a contract'
  }
  const ours = Object.values(PACKAGES).find((other) => samePackage(specifier, other.name))
  if (ours !== undefined) {
    if (specifier !== ours.name) return `import \`${ours.name}\`, not a file inside it`
    if (ours.floor < mine.floor) return undefined
    return `${mine.name} (floor ${mine.floor}) may not import ${ours.name} (floor ${ours.floor})`
  }
  if (mine.thirdParties.some((name) => samePackage(specifier, name))) return undefined
  return `${mine.name} may not use ${specifier}: use what stands in its row of PACKAGES`
}

function samePackage(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`)
}

const CORE = 'packages/accord/src/'

/** Inside `accord`: a folder imports folders below it, or its own. */
export const coreFloors: Rule = {
  name: 'core-floors',
  check: (tree) =>
    sourcePaths(tree)
      .filter((path) => path.startsWith(CORE) && path !== `${CORE}index.ts`)
      .flatMap((path) => {
        const row = coreRow(path)
        if (row === -1) {
          return [{ path, line: 0, say: 'name its folder in CORE_ROWS of scripts/tidy/floors.ts' }]
        }
        const source = readSource(tree.text(path) ?? '')
        return importsOf(source).flatMap(({ specifier, offset }) => {
          if (!specifier.startsWith('.')) return []
          const target = resolveImport(path, specifier)
          if (isTest(target) || coreRow(target) <= row) return []
          const wrong = `${corePart(path)} may not import ${corePart(target)}`
          const say = `${wrong}: move down what both need`
          return [{ path, line: lineAt(source.text, offset), say }]
        })
      }),
}

function corePart(path: string): string {
  return path.slice(CORE.length).replace(/[/.].*$/, '')
}

function coreRow(path: string): number {
  return CORE_ROWS.findIndex((row) => row.includes(corePart(path)))
}
