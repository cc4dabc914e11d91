/** The files of the repository as texts: from the disk, or made up by a test. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file that counts, by its path from the root with forward slashes. */
export interface Tree {
  /** Sorted. */
  readonly paths: readonly string[]
  /** Undefined for what is not there. */
  text(path: string): string | undefined
}

/** Folders that hold nothing anyone wrote here. */
const SKIPPED = new Set(['node_modules', 'dist', '.git', 'coverage', '.cache'])

/** Files whose text is read; others are known by name only. */
const TEXT = /(\.(ts|md|json|proto|html|css|js|mjs|sh)|^LICENSE-[A-Z]+|^\.[\w.]+|\/run|^run)$/

/** Reads the tree below `root` once. Throws what `fs` throws. */
export function readTree(root: string): Tree {
  const texts = new Map<string, string>()
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile()) {
        texts.set(path, TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '')
      }
    }
  }
  walk('')
  return treeOf(Object.fromEntries(texts))
}

/** A tree of these texts. */
export function treeOf(texts: Readonly<Record<string, string>>): Tree {
  const paths = Object.keys(texts).sort(byCodeUnit)
  return { paths, text: (path) => (Object.hasOwn(texts, path) ? texts[path] : undefined) }
}

/** The order of paths: by code unit, no locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** TypeScript that someone wrote by hand, tests included. */
export function codePaths(tree: Tree): readonly string[] {
  return tree.paths.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
}

/** TypeScript that ships or runs: no tests, and nothing that only tests use. */
export function sourcePaths(tree: Tree): readonly string[] {
  return codePaths(tree).filter((path) => !isTest(path))
}

/** Whether it is a test, or stands in a folder that only tests use. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || /(^|\/)(test|scenarios)\//.test(path)
}

/** The documents. */
export function documentPaths(tree: Tree): readonly string[] {
  return tree.paths.filter((path) => path.endsWith('.md'))
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++
  return line
}
