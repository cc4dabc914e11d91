/** Every message of the protocol can be written and read, and is in the reference. */

import type { Rule } from './finding.ts'
import { readSource } from './source-text.ts'
import { lineAt, sourcePaths } from './tree.ts'

const MESSAGES = 'packages/accord/src/message/message.ts'
const CODEC = 'packages/accord/src/codec/'

/** Each `kind` of the union `Message` is named in the codec. */
export const encodedMessages: Rule = {
  name: 'encoded-messages',
  check: (tree) => {
    const source = readSource(tree.text(MESSAGES) ?? '')
    const union = /export type Message =([^=]*?)(?:\n\n|$)/.exec(source.code)?.[1] ?? ''
    const members = [...union.matchAll(/\|\s*(\w+)/g)].map((match) => match[1] ?? '')
    const codec = sourcePaths(tree)
      .filter((path) => path.startsWith(CODEC))
      .map((path) => readSource(tree.text(path) ?? '').withoutComments)
      .join('\n')
    return members.flatMap((member) => {
      const start = source.code.search(new RegExp(`interface ${member} \\{`))
      const kind =
        /kind: '(\w+)'/.exec(source.withoutComments.slice(Math.max(start, 0)))?.[1] ?? member
      if (new RegExp(`'${kind}'|\\b${kind}:`).test(codec)) return []
      const line = start === -1 ? 0 : lineAt(source.text, start)
      return [{ path: MESSAGES, line, say: `encode and decode '${kind}' in ${CODEC}` }]
    })
  },
}

const WIRE_DOCUMENT = 'docs/reference/wire-format.md'

/** The reference has a row for each tag of the codec, `| 5 | AcceptOk | …`, and for no other. */
export const documentedMessages: Rule = {
  name: 'documented-messages',
  check: (tree) => {
    const tags = new Set<string>()
    for (const path of sourcePaths(tree).filter((one) => one.startsWith(CODEC))) {
      const { withoutComments } = readSource(tree.text(path) ?? '')
      for (const match of withoutComments.matchAll(/(\w+): \{\s*tag: (\d+)/g)) {
        const [, kind = '', tag = ''] = match
        tags.add(`${tag} ${kind.charAt(0).toUpperCase()}${kind.slice(1)}`)
      }
    }
    const text = tree.text(WIRE_DOCUMENT) ?? ''
    const rows = new Set<string>()
    for (const match of text.matchAll(/^\| (\d+) \| (\w+) \|/gm))
      rows.add(`${match[1]} ${match[2]}`)
    const missing = [...tags].filter((row) => !rows.has(row))
    const stale = tags.size === 0 ? [] : [...rows].filter((row) => !tags.has(row))
    return [
      ...missing.map((row) => ({ path: WIRE_DOCUMENT, line: 0, say: `add a row for ${row}` })),
      ...stale.map((row) => ({
        path: WIRE_DOCUMENT,
        line: 0,
        say: `no message ${row}: remove it`,
      })),
    ]
  },
}
