/**
 * Plays a scenario over real cores: each line is checked as it is played, and all invariants after
 * every event.
 */

import { keysOf, statusOf, conflictKey, type TxnId } from '@synevi/accord'
import { payloadDigest } from '../core-world/chain.ts'
import { complete } from '../core-world/completion.ts'
import type { CoreNode } from '../core-world/core-node.ts'
import { CoreWorld, type Packet } from '../core-world/core-world.ts'
import { Violation } from '../core-world/violation.ts'
import {
  parseScenario,
  ScenarioError,
  type Command,
  type Expectation,
  type Line,
  type Selector,
} from './command.ts'

/** Long enough for every timer of a transaction. */
const LEAP_MS = 3_000
const PATIENCE_MS = 120_000

/** How a scenario went. */
export interface Played {
  /** Undefined: it went as written. Else the line, and what was wrong. */
  readonly failure: string | undefined
  /** Whether a rule of the protocol broke, rather than an expectation of the scenario. */
  readonly violation: boolean
  readonly transcript: readonly string[]
}

/** Plays the text of a scenario. Throws a ScenarioError when it is not one. */
export function play(text: string): Played {
  const lines = parseScenario(text)
  const stage = new Stage(lines)
  for (const line of lines) {
    try {
      stage.play(line)
    } catch (error) {
      if (!(error instanceof Violation) && !(error instanceof ScenarioError)) throw error
      const failure = `line ${line.number}: ${line.text}: ${error.message}`
      return { failure, violation: error instanceof Violation, transcript: stage.transcript() }
    }
  }
  return { failure: undefined, violation: false, transcript: stage.transcript() }
}

class Stage {
  readonly #world: CoreWorld
  readonly #txns = new Map<string, TxnId>()
  /** Nodes whose disk waits for `store`. */
  readonly #held = new Set<number>()

  constructor(lines: readonly Line[]) {
    const nodes = lines.map((line) => line.command).find((command) => command.kind === 'nodes')
    if (nodes === undefined) throw new ScenarioError('a scenario begins with: nodes N')
    const wallOffsets = Array.from({ length: nodes.count }, () => 0n)
    for (const { command } of lines) {
      if (command.kind === 'clock')
        wallOffsets[serial(command.node)] = BigInt(command.ms) * 1_000_000n
      if (command.kind === 'submit') break
    }
    this.#world = CoreWorld.open({
      n: nodes.count,
      universe: nodes.keys.map((key) => conflictKey(key)),
      replica: {
        seed: 1n,
        digest: payloadDigest,
        recoverAfterMs: 500,
        heartbeatMs: 1_000,
        patienceMaxMs: 0,
      },
      wallOffsets,
      transcript: true,
    })
    this.#world.bag.length = 0
    this.#world.onSend = ({ message }): boolean => message.kind !== 'heartbeat'
  }

  transcript(): readonly string[] {
    return this.#world.transcript.lines()
  }

  play(line: Line): void {
    this.#world.transcript.say(() => `> ${line.text}`)
    this.#command(line.command)
    for (const { serial: each } of this.#world.nodes)
      if (!this.#held.has(each)) this.#world.settle(each)
  }

  #command(command: Command): void {
    switch (command.kind) {
      case 'nodes':
        return
      case 'clock':
        return this.#clock(command.node, command.ms)
      case 'submit':
        return this.#submit(command)
      case 'deliver':
        return this.#deliver(command)
      case 'drop':
        for (const packet of this.#chosen(command)) this.#world.transcript.packet(packet, ' LOST')
        return
      case 'copy':
        for (const packet of this.#chosen({ many: 'one', what: command.what })) {
          this.#world.bag.push(packet)
          this.#world.deliver(packet)
        }
        return
      case 'hold':
        this.#held.add(serial(command.node))
        return
      case 'store':
        this.#held.delete(serial(command.node))
        return
      case 'crash':
        this.#held.delete(serial(command.node))
        return this.#world.crash(serial(command.node), command.write)
      case 'restart':
        return this.#world.restart(serial(command.node))
      case 'timers':
        return this.#world.leap(serial(command.node), LEAP_MS)
      case 'recover':
        return this.#recover(command.node, command.txn)
      case 'finish':
        return this.#finish()
      case 'expect':
        if (this.#holds(command.what) === command.not)
          throw new ScenarioError(this.#instead(command.what))
    }
  }

  /**
   * Before the first submission a clock is set when the world opens; later it jumps to `ms` from
   * the start.
   */
  #clock(node: string, ms: number): void {
    if (this.#txns.size > 0) this.#node(node).jump(BigInt(ms) * 1_000_000n)
  }

  #submit(command: Command & { kind: 'submit' }): void {
    const keys = command.keys[0] === 'all' ? 'all' : keysOf(command.keys)
    const before = new Set([...this.#world.truth.known()].map((known) => known.id))
    this.#world.submit(serial(command.node), keys, new TextEncoder().encode(command.txn))
    for (const { id } of this.#world.truth.known())
      if (!before.has(id)) this.#txns.set(command.txn, id)
    if (!this.#txns.has(command.txn)) throw new ScenarioError(`${command.txn} was refused`)
  }

  #deliver(command: { readonly many: 'one' | 'every' | 'all'; readonly what: Selector }): void {
    for (let rounds = 0; rounds < 100; rounds++) {
      const chosen = this.#chosen(command)
      for (const packet of chosen) {
        this.#world.deliver(packet)
        if (!this.#held.has(packet.to)) this.#world.settle(packet.to)
      }
      if (command.many !== 'all' || chosen.length === 0) return
    }
    throw new ScenarioError('messages without end')
  }

  /** Takes what fits out of the bag, oldest first. */
  #chosen(command: {
    readonly many: 'one' | 'every' | 'all'
    readonly what: Selector
  }): readonly Packet[] {
    const { bag } = this.#world
    const fitting = bag.filter((packet) => this.#fits(packet, command.what))
    if (command.many === 'one' && fitting.length === 0)
      throw new ScenarioError(`no such message; under way: ${this.#underWay()}`)
    const chosen = new Set(command.many === 'one' ? fitting.slice(0, 1) : fitting)
    const rest = bag.filter((packet) => !chosen.has(packet))
    bag.splice(0, bag.length, ...rest)
    return [...chosen]
  }

  #fits(packet: Packet, what: Selector): boolean {
    const { message, from, to } = packet
    if (what.kind !== undefined && message.kind !== what.kind) return false
    if (what.from !== undefined && from !== serial(what.from)) return false
    if (what.to !== undefined && to !== serial(what.to)) return false
    if (what.txn === undefined) return true
    const id = this.#id(what.txn)
    return 'id' in message
      ? message.id === id
      : message.kind === 'query' && message.ids.includes(id)
  }

  /** Timers run until it recovers the transaction; only Recover of it leaves. */
  #recover(node: string, txn: string): void {
    const { onSend } = this.#world
    const id = this.#id(txn)
    this.#world.onSend = ({ message }): boolean => message.kind === 'recover' && message.id === id
    const { bag } = this.#world
    const before = bag.length
    for (let turn = 0; turn < 3 && bag.length === before; turn++) {
      this.#world.leap(serial(node), LEAP_MS)
      if (!this.#held.has(serial(node))) this.#world.settle(serial(node))
    }
    this.#world.onSend = onSend
    if (bag.length === before) throw new ScenarioError(`${node} does not recover ${txn}`)
  }

  #finish(): void {
    this.#held.clear()
    this.#world.onSend = undefined
    for (const { serial: dead, alive } of this.#world.nodes) {
      if (alive) continue
      for (const node of this.#world.nodes)
        if (node.alive) this.#world.link(node.serial, dead, false)
    }
    complete(this.#world, PATIENCE_MS)
  }

  #holds(what: Expectation): boolean {
    switch (what.kind) {
      case 'status':
        return this.#status(what.node, what.txn) === what.status
      case 'vote': {
        const vote = this.#node(what.node).store.record(this.#id(what.txn))?.vote
        return (vote === undefined ? 'none' : vote.yes ? 'yes' : 'no') === what.vote
      }
      case 'place':
        return this.#place(what.txn) === what.place
      case 'path':
        return (
          this.#world.transcript.decisions.get(`${serial(what.node)} ${this.#id(what.txn)}`) ===
          what.path
        )
      case 'answer':
        return (this.#world.transcript.answers.get(this.#id(what.txn)) ?? 'none') === what.answer
      case 'executed':
        return this.#executed(what.node).join(' ') === what.txns.join(' ')
      case 'under way':
        return this.#world.bag.some((packet) => this.#fits(packet, what.what))
    }
  }

  #instead(what: Expectation): string {
    switch (what.kind) {
      case 'status':
        return `it is ${this.#status(what.node, what.txn)}`
      case 'place':
        return `it is ${this.#place(what.txn)}`
      case 'executed':
        return `it executed ${this.#executed(what.node).join(' ')}`
      case 'under way':
        return `under way: ${this.#underWay()}`
      default:
        return 'it is not so'
    }
  }

  #status(node: string, txn: string): string {
    const record = this.#node(node).store.record(this.#id(txn))
    return record === undefined ? 'unknown' : statusOf(record)
  }

  #place(txn: string): 'id' | 'later' | 'never' | 'open' {
    const id = this.#id(txn)
    const outcome = this.#world.truth.get(id)?.outcome
    if (outcome === undefined) return 'open'
    return outcome === 'invalid' ? 'never' : outcome === id ? 'id' : 'later'
  }

  #executed(node: string): readonly string[] {
    const names = new Map([...this.#txns].map(([name, id]) => [id, name]))
    return this.#world.truth.executed(this.#node(node).serial).map((id) => names.get(id) ?? '?')
  }

  #underWay(): string {
    return this.#world.bag
      .map(
        ({ from, to, message }) =>
          `${letter(from)}->${letter(to)} ${this.#world.transcript.message(message)}`,
      )
      .join('; ')
  }

  #id(txn: string): TxnId {
    const id = this.#txns.get(txn)
    if (id === undefined) throw new ScenarioError(`no transaction ${txn}`)
    return id
  }

  #node(name: string): CoreNode {
    return this.#world.node(serial(name))
  }
}

function serial(letterOf: string): number {
  if (!/^[A-G]$/.test(letterOf))
    throw new ScenarioError(`a node is a letter A … G, not ${letterOf}`)
  return letterOf.charCodeAt(0) - 'A'.charCodeAt(0)
}

function letter(of: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + of)
}
