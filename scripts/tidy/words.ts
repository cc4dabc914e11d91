/** Words that must not occur anywhere: places of one machine, and marks of an unfinished merge. */

import type { Finding, Rule } from './finding.ts'
import { lineAt } from './tree.ts'

/** Written so that this file does not contain them. */
const WORDS: readonly { readonly pattern: RegExp; readonly say: string }[] = [
  {
    pattern: /(?<![\w.])\/(?:work|root|home\/\w+|Users\/\w+)\//g,
    say: 'write a path from the root',
  },
  { pattern: /^(?:<{7} |>{7} |={7}$)/gm, say: 'finish the merge' },
]

/** In every file but the lock. */
export const forbiddenWords: Rule = {
  name: 'forbidden-words',
  check: (tree) =>
    tree.paths
      .filter((path) => path !== 'package-lock.json')
      .flatMap((path) => {
        const text = tree.text(path) ?? ''
        const found: Finding[] = []
        for (const { pattern, say } of WORDS) {
          for (const match of text.matchAll(pattern)) {
            found.push({ path, line: lineAt(text, match.index), say })
          }
        }
        return found
      }),
}
