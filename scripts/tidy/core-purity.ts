/**
 * The core is deterministic: on floor 0 there is no clock, no chance, no promise, no locale, no
 * world.
 */

import type { Finding, Rule } from './finding.ts'
import { readSource } from './source-text.ts'
import { lineAt, sourcePaths } from './tree.ts'

interface Ban {
  readonly pattern: RegExp
  readonly say: string
}

/** Names that mean the thing itself: not a property of something, not a key of an object. */
function globalName(...names: readonly string[]): RegExp {
  return new RegExp(`(?<![.\\w$])(?:${names.join('|')})\\b(?!\\s*[?]?:)`, 'g')
}

const BANS: readonly Ban[] = [
  { pattern: globalName('Date', 'performance', 'Intl'), say: 'take time from `at`' },
  { pattern: /\bMath\.random\b/g, say: 'take chance from the seeded source' },
  {
    pattern: globalName('setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'),
    say: 'keep a deadline in the state and answer it in `deadline`',
  },
  { pattern: globalName('Promise', 'async', 'await'), say: 'the core is synchronous' },
  { pattern: globalName('console'), say: 'say it in a Notice' },
  { pattern: globalName('process', 'globalThis', 'require'), say: 'take it at construction' },
  {
    pattern: globalName('Buffer', 'TextEncoder', 'TextDecoder', 'structuredClone', 'crypto'),
    say: 'use numbers, Uint8Array and latin1',
  },
  { pattern: globalName('JSON'), say: 'encode with the codec: no JSON on the wire' },
  { pattern: /\.(?:localeCompare|toLocale\w+)\b/g, say: 'compare by code unit: no locale' },
  { pattern: /\.(?:sort|toSorted)\(\s*\)/g, say: 'give `sort` a comparator' },
  {
    pattern: globalName('WeakRef', 'FinalizationRegistry'),
    say: 'nothing may depend on the collector',
  },
  { pattern: globalName('eval', 'Function'), say: 'write it as code' },
  { pattern: /\bfor \((?:const|let) \w+ in\b/g, say: 'use `for … of` over a sorted list' },
]

/** In `packages/accord/src`, tests excepted. */
export const corePurity: Rule = {
  name: 'core-purity',
  check: (tree) =>
    sourcePaths(tree)
      .filter((path) => path.startsWith('packages/accord/src/'))
      .flatMap((path) => {
        const source = readSource(tree.text(path) ?? '')
        const found: Finding[] = []
        for (const { pattern, say } of BANS) {
          for (const match of source.code.matchAll(pattern)) {
            found.push({ path, line: lineAt(source.text, match.index), say: `${match[0]}: ${say}` })
          }
        }
        return found
      }),
}
