/** Comments: sentences that say why, one at the head of each file and one on each export. */

import type { Finding, Rule } from './finding.ts'
import { exportsOf, readSource, type SourceText } from './source-text.ts'
import { codePaths, lineAt, sourcePaths } from './tree.ts'

/** `TODO(required): …`, `TODO(expected): …` or `TODO(desired): …`, and no other word for it. */
export const todoGrammar: Rule = {
  name: 'todo-grammar',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const comment of source.comments) {
        for (const match of comment.text.matchAll(/\b(TODO|FIXME|XXX|HACK)\b(\(\w*\): \S)?/g)) {
          if (/^TODO\((required|expected|desired)\): \S$/.test(match[0])) continue
          const line = lineAt(source.text, comment.start + match.index)
          found.push({ path, line, say: 'write `TODO(required|expected|desired): …`' })
        }
      }
      return found
    }),
}

/** What a line of code looks like when someone put two slashes before it. */
const CODE_LIKE: readonly RegExp[] = [
  /^(export |declare )?(const|let|var) [\w${[][^.]*=/,
  /^(import|export) .*\bfrom ['"]/,
  /^(export )?(async )?function [\w$]+\(/,
  /^(if|for|while|switch) \(.*\)( \{| (return|continue|break|throw)\b.*)?$/,
  /^(return|throw|await|yield) [^ ]*[([{.].*[)\]};]?$/,
  /^\}( else.*)?[;,)]?$/,
  /^[\w$.]+\([^ ]*\)[;{]?$/,
  /^[\w$.[\]]+ (=|\+=|-=) \S+.*[;)]$/,
  /;$/,
]

/** Version control remembers what was: a comment says why what is, is. */
export const commentedOutCode: Rule = {
  name: 'commented-out-code',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const comment of source.comments) {
        if (comment.kind !== 'line' || !standsAlone(source, comment.start)) continue
        const said = comment.text.replace(/^\/\/+\s*/, '').trim()
        if (!CODE_LIKE.some((pattern) => pattern.test(said))) continue
        const line = lineAt(source.text, comment.start)
        found.push({ path, line, say: 'delete it, or say in words what it would do and why' })
      }
      return found
    }),
}

function standsAlone(source: SourceText, offset: number): boolean {
  const start = source.text.lastIndexOf('\n', offset) + 1
  return source.text.slice(start, offset).trim() === ''
}

/** The first thing in a file is a doc comment: what it is, whose question it answers. */
export const fileHeader: Rule = {
  name: 'file-header',
  check: (tree) =>
    sourcePaths(tree).flatMap((path) => {
      const text = (tree.text(path) ?? '').replace(/^#!.*\n/, '')
      if (/^\/\*\*\s*(\*\s*)?\S/.test(text) || path.endsWith('.config.ts')) return []
      return [{ path, line: 1, say: 'open with a doc comment: what the file is, in a sentence' }]
    }),
}

/** Every export promises something: units, limits, order, durability, errors by code. */
export const exportComments: Rule = {
  name: 'export-comments',
  check: (tree) =>
    sourcePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      let last = ''
      for (const { name, what, offset } of exportsOf(source)) {
        const overload = name === last
        last = name
        if (overload || hasDocComment(source, offset)) continue
        const say = `say in a doc comment what \`${name}\` (${what}) promises`
        found.push({ path, line: lineAt(source.text, offset), say })
      }
      return found
    }),
}

/** Whether a doc comment ends right before `offset`; only a remark to a tool may stand between. */
function hasDocComment(source: SourceText, offset: number): boolean {
  for (let i = source.comments.length - 1; i >= 0; i--) {
    const comment = source.comments[i]
    if (comment === undefined || comment.end > offset) continue
    if (source.text.slice(comment.end, offset).trim() !== '') return false
    if (comment.kind === 'block') return comment.text.startsWith('/**') && !opensFile(source, i)
    offset = comment.start
  }
  return false
}

/** The file's own sentence does not count for the export below it when an empty line parts them. */
function opensFile(source: SourceText, index: number): boolean {
  const comment = source.comments[index]
  return index === 0 && comment !== undefined && /^\n[ \t]*\n/.test(source.text.slice(comment.end))
}
