/** Tests that run: none singled out, and none left out without a reason beside it. */

import type { Finding, Rule } from './finding.ts'
import { readSource } from './source-text.ts'
import { codePaths, lineAt } from './tree.ts'

const SINGLED_OUT = /\b(?:it|test|describe|bench)\.only\b|\b(?:fit|fdescribe)\(/g
const LEFT_OUT =
  /\b(?:it|test|describe)\.(?:skip|todo|skipIf|runIf|fails)\b|\b(?:xit|xdescribe|xtest)\(/g

/** A reason is a comment on the same line or on the line above. */
export const focusedTests: Rule = {
  name: 'focused-tests',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const match of source.code.matchAll(SINGLED_OUT)) {
        found.push({ path, line: lineAt(source.text, match.index), say: 'run all tests' })
      }
      const commented = new Set<number>()
      for (const comment of source.comments) {
        commented.add(lineAt(source.text, comment.start)).add(lineAt(source.text, comment.end))
      }
      for (const match of source.code.matchAll(LEFT_OUT)) {
        const line = lineAt(source.text, match.index)
        if (commented.has(line) || commented.has(line - 1)) continue
        found.push({ path, line, say: 'say in a comment why it does not always run' })
      }
      return found
    }),
}
