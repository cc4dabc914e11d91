/**
 * Lengths of files and lines. Limits are ratchets: they tighten to what exists, and never loosen.
 */

import type { Finding, Rule } from './finding.ts'
import { codePaths, isTest } from './tree.ts'

/** No file is longer; a test may list more cases. */
const FILE_LINES_MAX = 400
const TEST_LINES_MAX = 500

/** No line of code or comment is wider. */
const LINE_COLUMNS_MAX = 100

/** Files that may be longer, each by an ADR that says why it is one subject. */
const LONGER: Readonly<Record<string, { readonly linesMax: number; readonly adr: string }>> = {}

/** A file that wants to pass the limit is two subjects. */
export const fileLength: Rule = {
  name: 'file-length',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const lines = (tree.text(path) ?? '').split('\n').length - 1
      const max = LONGER[path]?.linesMax ?? (isTest(path) ? TEST_LINES_MAX : FILE_LINES_MAX)
      if (lines <= max) return []
      return [{ path, line: 0, say: `${lines} lines: cut it into two subjects of at most ${max}` }]
    }),
}

/** The formatter breaks code; comments and long strings are broken by hand. */
export const lineWidth: Rule = {
  name: 'line-width',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const found: Finding[] = []
      for (const [index, line] of (tree.text(path) ?? '').split('\n').entries()) {
        const columns = Array.from(line).length
        if (columns <= LINE_COLUMNS_MAX || /^\s*(\/\/|\*)?\s*https?:\/\/\S+$/.test(line)) continue
        const say = `${columns} columns: break it at ${LINE_COLUMNS_MAX}`
        found.push({ path, line: index + 1, say })
      }
      return found
    }),
}
