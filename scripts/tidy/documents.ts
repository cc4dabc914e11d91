/**
 * Documents: links that lead somewhere, one title each, decisions numbered, every error code
 * explained.
 */

import type { Finding, Rule } from './finding.ts'
import { resolveImport } from './source-text.ts'
import { byCodeUnit, documentPaths, lineAt, type Tree } from './tree.ts'

/** Fenced code and inline code blanked out, with all line breaks kept. */
function prose(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ')
  return text
    .replace(/^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[ \t]*$/gm, blank)
    .replace(/`[^`\n]+`/g, blank)
}

/** Relative links name a file or folder that is there, and a heading that it has. */
export const brokenLinks: Rule = {
  name: 'broken-links',
  check: (tree) =>
    documentPaths(tree).flatMap((path) => {
      const text = prose(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const match of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        const link = match[1] ?? ''
        if (/^[a-z]+:/.test(link)) continue
        const [file = '', anchor] = link.split('#')
        const target = file === '' ? path : resolveImport(path, file).replace(/\/$/, '')
        const line = lineAt(text, match.index)
        if (!exists(tree, target))
          found.push({ path, line, say: `no file ${target}: link what is there` })
        else if (anchor !== undefined && !hasHeading(tree.text(target) ?? '', anchor)) {
          found.push({ path, line, say: `no heading #${anchor} in ${target}` })
        }
      }
      return found
    }),
}

function exists(tree: Tree, target: string): boolean {
  return (
    target === '' || tree.paths.some((path) => path === target || path.startsWith(`${target}/`))
  )
}

function hasHeading(text: string, anchor: string): boolean {
  return headings(text).some(({ title }) => slug(title) === anchor)
}

function slug(title: string): string {
  const plain = title.toLowerCase().replace(/[`*]/g, '')
  return plain.replace(/[^\p{Letter}\p{Number}\s_-]/gu, '').replace(/\s/g, '-')
}

function headings(text: string): readonly { level: number; title: string; offset: number }[] {
  const fenced = text.replace(/^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[ \t]*$/gm, (code) =>
    code.replace(/[^\n]/g, ' '),
  )
  return [...fenced.matchAll(/^(#{1,6}) +(.+)$/gm)].map((match) => ({
    level: match[1]?.length ?? 0,
    title: match[2] ?? '',
    offset: match.index,
  }))
}

/** A document has one title, and it stands first. */
export const oneTitle: Rule = {
  name: 'one-title',
  check: (tree) =>
    documentPaths(tree).flatMap((path) => {
      const text = tree.text(path) ?? ''
      const titles = headings(text).filter(({ level }) => level === 1)
      if (titles.length === 1 && text.startsWith('# ')) return []
      return [{ path, line: 1, say: `${titles.length} titles: begin with one line \`# …\`` }]
    }),
}

/** Paths in backticks, from the root, are there: a document that names a file is held to it. */
export const namedPaths: Rule = {
  name: 'named-paths',
  check: (tree) =>
    documentPaths(tree).flatMap((path) => {
      const text = tree.text(path) ?? ''
      const found: Finding[] = []
      for (const match of text.matchAll(
        /`((?:packages|scripts|docs|rig|bench|examples)\/[\w./-]+)`/g,
      )) {
        const named = (match[1] ?? '').replace(/\/$/, '')
        if (exists(tree, named) || /\/dist(\/|$)/.test(named)) continue
        found.push({ path, line: lineAt(text, match.index), say: `no file ${named}` })
      }
      return found
    }),
}

const ADR = /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/

/** 0001, 0002 …, each with its title and its line in the list. */
export const decisionRecords: Rule = {
  name: 'decision-records',
  check: (tree) => {
    const records = tree.paths.filter((path) => ADR.test(path)).toSorted(byCodeUnit)
    const list = tree.text('docs/adr/README.md') ?? ''
    const found: Finding[] = []
    const listed = [...list.matchAll(/\]\((\d{4})-[^)]*\.md\)/g)].map((match) => match[1])
    for (const [index, path] of records.entries()) {
      const number = ADR.exec(path)?.[1] ?? ''
      const expected = String(index + 1).padStart(4, '0')
      if (number !== expected)
        found.push({ path, line: 0, say: `number it ${expected}: no gap, none twice` })
      if (!(tree.text(path) ?? '').startsWith(`# ${number} `)) {
        found.push({ path, line: 1, say: `begin with \`# ${number} …\`` })
      }
      for (const part of ['## Context', '## Decision', '## Consequences']) {
        if (!(tree.text(path) ?? '').includes(`\n${part}\n`)) {
          found.push({ path, line: 0, say: `add \`${part}\`` })
        }
      }
      if (listed[index] !== number) {
        found.push({
          path: 'docs/adr/README.md',
          line: 0,
          say: `list ${number} as entry ${index + 1}`,
        })
      }
    }
    return found
  },
}

const ERROR_SOURCE = 'packages/synevi/src/synevi-error.ts'
const ERROR_DOCUMENT = 'docs/reference/errors.md'

/** The union of codes and the headings of the reference are the same set. */
export const documentedErrors: Rule = {
  name: 'documented-errors',
  check: (tree) => {
    const source = tree.text(ERROR_SOURCE) ?? ''
    const union = /export type SyneviErrorCode =([\s\S]*?)\n\n/.exec(source)?.[1] ?? ''
    const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1] ?? '')
    const text = tree.text(ERROR_DOCUMENT) ?? ''
    const documented = headings(text).map(({ title }) => title.replaceAll('`', ''))
    const missing = codes.filter((code) => !documented.includes(code))
    const stale = documented.filter((title) => /^[A-Z_]{4,}$/.test(title) && !codes.includes(title))
    return [
      ...missing.map((code) => ({
        path: ERROR_DOCUMENT,
        line: 0,
        say: `add a heading \`${code}\``,
      })),
      ...stale.map((code) => ({
        path: ERROR_DOCUMENT,
        line: 0,
        say: `no code ${code}: remove it`,
      })),
    ]
  },
}
