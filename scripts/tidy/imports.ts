/**
 * How files import each other: no cycle, no side effect, no default, with the ending, no barrel.
 */

import type { Finding, Rule } from './finding.ts'
import { importsOf, readSource, resolveImport } from './source-text.ts'
import { codePaths, lineAt, sourcePaths, type Tree } from './tree.ts'

/** No file reaches itself through its imports, types included. */
export const importCycles: Rule = {
  name: 'import-cycles',
  check: (tree) => {
    const edges = importGraph(tree)
    const done = new Set<string>()
    const findings: Finding[] = []
    for (const start of edges.keys()) {
      for (const cycle of cyclesFrom(start, edges, done)) {
        const say = `break the cycle ${[...cycle, cycle[0]].join(' → ')}`
        findings.push({ path: cycle[0] ?? start, line: 0, say })
      }
    }
    return findings
  },
}

function importGraph(tree: Tree): ReadonlyMap<string, readonly string[]> {
  const edges = new Map<string, readonly string[]>()
  for (const path of codePaths(tree)) {
    const relative = importsOf(readSource(tree.text(path) ?? '')).filter((i) =>
      i.specifier.startsWith('.'),
    )
    edges.set(
      path,
      relative.map((i) => resolveImport(path, i.specifier)),
    )
  }
  return edges
}

/** Depth first, with an explicit stack; each cycle is reported where the walk closes it. */
function cyclesFrom(
  start: string,
  edges: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = []
  const trail: { path: string; next: number }[] = []
  if (!done.has(start)) trail.push({ path: start, next: 0 })
  while (trail.length > 0) {
    const here = trail.at(-1)
    if (here === undefined) break
    const target = edges.get(here.path)?.[here.next++]
    if (target === undefined) {
      done.add(here.path)
      trail.pop()
    } else if (!done.has(target)) {
      const at = trail.findIndex((step) => step.path === target)
      if (at !== -1) cycles.push(trail.slice(at).map((step) => step.path))
      else trail.push({ path: target, next: 0 })
    }
  }
  return cycles
}

/** Relative with `.ts`, nothing for its side effect, and only `index.ts` gathers. */
export const importStyle: Rule = {
  name: 'import-style',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const { specifier, offset, bare } of importsOf(source)) {
        const line = lineAt(source.text, offset)
        const relative = specifier.startsWith('.')
        if (relative && !/\.(ts|json)$/.test(specifier)) {
          found.push({
            path,
            line,
            say: `write the ending: '${specifier.replace(/\.js$/, '')}.ts'`,
          })
        }
        if (bare)
          found.push({ path, line, say: 'import a name and call it; loading has no effect' })
        if (
          relative &&
          /^export\s+\*/.test(source.code.slice(offset)) &&
          !path.endsWith('/index.ts')
        ) {
          found.push({ path, line, say: "gather exports only in the package's index.ts" })
        }
      }
      return found
    }),
}

/** No default exports but in the configuration of a tool that wants one. */
export const namedExports: Rule = {
  name: 'named-exports',
  check: (tree) =>
    codePaths(tree)
      .filter((path) => !path.endsWith('.config.ts'))
      .flatMap((path) => {
        const source = readSource(tree.text(path) ?? '')
        const at = source.code.search(/^export default\b/m)
        if (at === -1) return []
        return [{ path, line: lineAt(source.text, at), say: 'export it by its name' }]
      }),
}

/**
 * No variable, and no container that fills up, at the level of a module: two nodes never meet
 * there.
 */
export const hiddenState: Rule = {
  name: 'hidden-state',
  check: (tree) =>
    sourcePaths(tree)
      .filter((path) => /^packages\/[^/]+\/src\/(?!bin\/)/.test(path))
      .flatMap((path) => {
        const source = readSource(tree.text(path) ?? '')
        const found: Finding[] = []
        const variable = /^(?:export )?(?:let|var) ([\w$]+)/gm
        const container =
          /^(?:export )?const ([\w$]+) = new (?:Map|Set|WeakMap|WeakSet)\b[^\n]*\(\)/gm
        for (const pattern of [variable, container]) {
          for (const match of source.code.matchAll(pattern)) {
            const say = `give \`${match[1]}\` an owner: no state at the level of a module`
            found.push({ path, line: lineAt(source.text, match.index), say })
          }
        }
        return found
      }),
}
