/**
 * What happened, in lines for a reader: transactions by the order of their birth, ballots as
 * round.node.
 */

import {
  nodeOf,
  type Ballot,
  type Message,
  type NodeSerial,
  type TxnId,
  type TxnRecord,
} from '@synevi/accord'
import type { Effect } from './effect.ts'

interface Passage {
  readonly from: NodeSerial
  readonly to: NodeSerial
  readonly message: Message
}

/** Costs nothing when it keeps nothing. */
export class Transcript {
  readonly #keeps: boolean
  readonly #lines: string[] = []
  readonly #names = new Map<TxnId, string>()
  /** How a node decided, by `node id`; kept with the lines. */
  readonly decisions: Map<string, string> = new Map()
  /** What a submission was answered, by its transaction; kept with the lines. */
  readonly answers: Map<TxnId, string> = new Map()

  constructor(keeps: boolean) {
    this.#keeps = keeps
  }

  lines(): readonly string[] {
    return this.#lines
  }

  /** `line` is called only when lines are kept. */
  say(line: () => string): void {
    if (this.#keeps) this.#lines.push(line())
  }

  packet(packet: Passage, fate: string): void {
    if (!this.#keeps || packet.message.kind === 'heartbeat') return
    this.#lines.push(`n${packet.from} → n${packet.to} ${this.message(packet.message)}${fate}`)
  }

  effects(node: NodeSerial, effects: readonly Effect[]): void {
    if (!this.#keeps) return
    for (const effect of effects) {
      if (effect.kind === 'wrote') this.#lines.push(`    n${node} ${this.record(effect.record)}`)
      if (effect.kind === 'executed')
        this.#lines.push(`    n${node} executes ${this.txn(effect.execution.id)}`)
      if (effect.kind === 'answered') {
        const { answer } = effect
        const of = answer.kind === 'refused' ? answer.reason : this.txn(answer.id)
        if (answer.kind !== 'refused') this.answers.set(answer.id, answer.kind)
        this.#lines.push(`    n${node} answers ${answer.kind} ${of}`)
      }
      if (effect.kind === 'read')
        this.#lines.push(`    n${node} answers read ${effect.answer.read}: ${effect.answer.kind}`)
      if (effect.kind === 'noticed') this.#notice(node, effect.notice)
    }
  }

  /** A short name: x1, x2, … with the coordinator. */
  txn(id: TxnId): string {
    let name = this.#names.get(id)
    if (name === undefined) this.#names.set(id, (name = `x${this.#names.size + 1}@n${nodeOf(id)}`))
    return name
  }

  /**
   * A place in the order: a name where it is an id, else nanoseconds and sequence of the low part.
   */
  place(t: bigint | 'invalid' | undefined): string {
    if (t === undefined || t === 'invalid') return t ?? 'none'
    for (const [id, name] of this.#names) if (id === t) return `@${name}`
    return `t…${((t >> 32n) & 0xffff_ffff_ffffn).toString(16)}.n${(t >> 16n) & 0xffffn}`
  }

  message(message: Message): string {
    const parts: string[] = [message.kind]
    if ('id' in message) parts.push(this.txn(message.id))
    if ('round' in message) parts.push(`round ${message.round}`)
    if ('ballot' in message) parts.push(`b${ballot(message.ballot)}`)
    if ('promised' in message) parts.push(`promised b${ballot(message.promised)}`)
    if ('executeAt' in message) parts.push(this.place(message.executeAt))
    if (message.kind === 'preAcceptOk')
      parts.push(message.deps === undefined ? `no ${this.place(message.witnessedAt)}` : 'yes')
    if ('deps' in message && message.deps !== undefined) parts.push(this.#deps(message.deps))
    if (message.kind === 'recoverOk') {
      parts.push(`vote ${this.place(message.vote?.witnessedAt)}`)
      const { accepted } = message
      if (accepted !== undefined)
        parts.push(`accepted b${ballot(accepted.ballot)} ${this.place(accepted.value)}`)
    }
    if (message.kind === 'query') parts.push(message.ids.map((id) => this.txn(id)).join(' '))
    if (message.kind === 'queryOk') {
      parts.push(message.items.map((item) => `${this.txn(item.id)} ${item.known}`).join(', '))
    }
    if (message.kind === 'logChunk')
      parts.push(message.entries.map((entry) => this.txn(entry.id)).join(' '))
    return parts.join(' ')
  }

  record(record: TxnRecord): string {
    const { id, vote, promised, accepted, outcome, applied } = record
    const parts = [`stores ${this.txn(id)}`]
    if (vote !== undefined) parts.push(vote.yes ? 'yes' : `no ${this.place(vote.witnessedAt)}`)
    if (promised.round > 0) parts.push(`promised b${ballot(promised)}`)
    if (accepted !== undefined)
      parts.push(`accepted b${ballot(accepted.ballot)} ${this.place(accepted.value)}`)
    if (outcome?.kind === 'invalidated') parts.push('invalidated')
    if (outcome?.kind === 'decided') {
      parts.push(`decided ${this.place(outcome.executeAt)}`)
      if (outcome.deps !== undefined) parts.push(this.#deps(outcome.deps))
    }
    if (applied) parts.push('applied')
    return parts.join(' ')
  }

  #notice(node: NodeSerial, notice: (Effect & { kind: 'noticed' })['notice']): void {
    if (notice.kind === 'decided') this.decisions.set(`${node} ${notice.id}`, notice.path)
    const of = 'id' in notice && notice.id !== undefined ? ` ${this.txn(notice.id)}` : ''
    const how =
      notice.kind === 'decided'
        ? ` ${notice.path}`
        : notice.kind === 'event'
          ? ` ${notice.name}`
          : ''
    this.#lines.push(`    n${node} · ${notice.kind}${of}${how}`)
  }

  #deps(deps: { ids: readonly TxnId[]; marks: readonly { key: string; at: bigint }[] }): string {
    const ids = deps.ids.map((id) => this.txn(id))
    const marks = deps.marks.map((mark) => `${mark.key}≤${this.place(mark.at)}`)
    return `deps {${[...ids, ...marks].join(' ')}}`
  }
}

function ballot({ round, node }: Ballot): string {
  return `${round}.${node}`
}
