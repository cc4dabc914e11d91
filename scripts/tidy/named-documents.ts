/** Comments that cite a document cite one that is here. */

import type { Finding, Rule } from './finding.ts'
import { readSource } from './source-text.ts'
import { codePaths, documentPaths, lineAt } from './tree.ts'

/** By file name alone, whatever its case: `protocol.md`, wherever it stands. */
export const namedDocuments: Rule = {
  name: 'named-documents',
  check: (tree) => {
    const known = new Set(
      documentPaths(tree).map((path) => path.slice(path.lastIndexOf('/') + 1).toLowerCase()),
    )
    return codePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const comment of source.comments) {
        for (const match of comment.text.matchAll(/(?<![\w/*.-])[\w-]+\.md\b/g)) {
          if (known.has(match[0].toLowerCase())) continue
          const line = lineAt(source.text, comment.start + match.index)
          found.push({ path, line, say: `no document ${match[0]} here: cite one that is` })
        }
      }
      return found
    })
  },
}
