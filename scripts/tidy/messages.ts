/** Every message of the protocol can be written and read. */

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
