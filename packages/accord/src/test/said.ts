/** What a replica said, for tests: each list of its Readys, and how to find a message in them. */

import type { Answer, Execution, Message, Notice, ReadAnswer, Write } from '../index.ts'

/** What one input brought about. */
export interface Said {
  /** Left before the writes were durable. */
  readonly atOnce: readonly (readonly [number, Message])[]
  /** Left after. */
  readonly afterStore: readonly (readonly [number, Message])[]
  readonly writes: readonly Write[]
  readonly executions: readonly Execution[]
  readonly answers: readonly Answer[]
  readonly reads: readonly ReadAnswer[]
  readonly notices: readonly Notice[]
}

/** All of it as if it were of one input. */
export function joined(all: readonly Said[]): Said {
  return {
    atOnce: all.flatMap((said) => said.atOnce),
    afterStore: all.flatMap((said) => said.afterStore),
    writes: all.flatMap((said) => said.writes),
    executions: all.flatMap((said) => said.executions),
    answers: all.flatMap((said) => said.answers),
    reads: all.flatMap((said) => said.reads),
    notices: all.flatMap((said) => said.notices),
  }
}

/** Messages of one kind, with where they go. */
export function sent<K extends Message['kind']>(
  said: Said,
  kind: K,
): readonly { readonly to: number; readonly message: Message & { kind: K } }[] {
  const all = [...said.atOnce, ...said.afterStore]
  return all.flatMap(([to, message]) => (isKind(message, kind) ? [{ to, message }] : []))
}

/** The only message of one kind. Throws when there is none or more than one. */
export function theOne<K extends Message['kind']>(said: Said, kind: K): Message & { kind: K } {
  const found = sent(said, kind)
  const [first] = found
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} messages of kind ${kind}`)
  return first.message
}

function isKind<K extends Message['kind']>(
  message: Message,
  kind: K,
): message is Message & { kind: K } {
  return message.kind === kind
}
