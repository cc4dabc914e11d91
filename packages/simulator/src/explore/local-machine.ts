/**
 * The steps of single nodes, each computed once. A node cannot be copied, but it is deterministic:
 * its state is known by its history, equal images are one state, and what an event does in a state
 * is remembered. So a search over a whole cluster touches the real core only for what no schedule
 * before it has asked of any node.
 */

import type { Message, NodeSerial, TxnId } from '@synevi/accord'
import {
  compareBallots,
  compareTimestamps,
  epoch,
  keysOf,
  nodeSerial,
  type Keys,
} from '@synevi/accord'
import type { CoreNode } from '../core-world/core-node.ts'
import { newNode, type CoreWorldOptions } from '../core-world/core-world.ts'
import { storeIdOf } from '../core-world/durable-store.ts'
import type { Effect } from '../core-world/effect.ts'
import { readId } from '../core-world/known-reads.ts'
import { submissionId } from '../core-world/submission-id.ts'
import { check } from '../core-world/violation.ts'
import { canonical } from '../core-world/canonical.ts'

/** What can happen to one node. */
export type LocalEvent =
  | { readonly kind: 'submit'; readonly txn: number }
  | { readonly kind: 'read'; readonly read: number }
  | { readonly kind: 'receive'; readonly packet: number }
  /** It stores what follows, and stops before it says so; then it restarts. */
  | { readonly kind: 'receiveAndStop'; readonly packet: number }
  /**
   * Its timers run long before their time, and it recovers this transaction; what else they send is
   * lost.
   */
  | { readonly kind: 'recover'; readonly id: TxnId }
  | { readonly kind: 'restart' }
  | { readonly kind: 'die' }

/** A message between two nodes; all copies of it are one. */
export interface PacketKind {
  readonly from: NodeSerial
  readonly to: NodeSerial
  readonly message: Message
}

/** What an event did. */
export interface Transition {
  /** Counted from 0: names the state and the event. */
  readonly number: number
  readonly next: number
  readonly effects: readonly Effect[]
  /** Packets that left, by number, without heartbeats. */
  readonly sent: readonly number[]
}

interface LocalState {
  readonly node: number
  readonly parent: number | undefined
  readonly event: LocalEvent | undefined
  readonly alive: boolean
  /** Transactions whose outcome and payload it holds: final, whatever comes. */
  readonly settled: readonly TxnId[]
}

const PROPOSALS: ReadonlySet<Message['kind']> = new Set(['recover', 'accept', 'acceptInvalid'])
const IDLE_WHEN_SETTLED: ReadonlySet<Message['kind']> = new Set([
  'preAcceptOk',
  'refused',
  'acceptOk',
  'acceptInvalidOk',
  'recoverOk',
  'nack',
  'decided',
  'invalidated',
  'stable',
])

/** Long enough for every timer of a transaction. */
const LEAP_MS = 3_000

/** Numbers for states, packets and transitions; equal ones have equal numbers. */
export class LocalMachine {
  readonly #options: CoreWorldOptions
  readonly #members: readonly (readonly number[] | undefined)[]
  readonly #keys: readonly Keys[]
  readonly #readKeys: readonly Keys[]
  readonly #swift: boolean
  readonly #states: LocalState[] = []
  readonly #byKey = new Map<string, number>()
  readonly #packets: PacketKind[] = []
  readonly #packetByKey = new Map<string, number>()
  readonly #transitions = new Map<string, Transition>()
  /** Nodes that stand in a state and were not used since, a few. */
  readonly #standing = new Map<number, CoreNode>()

  /**
   * `keys`, `readKeys`: of each transaction and read. `swift`: recoverers conclude from the first
   * quorum of replies.
   */
  constructor(
    options: CoreWorldOptions,
    of: {
      keys: readonly Keys[]
      members: readonly (readonly number[] | undefined)[]
      readKeys: readonly Keys[]
      swift: boolean
    },
  ) {
    this.#options = options
    this.#keys = of.keys
    this.#members = of.members
    this.#readKeys = of.readKeys
    this.#swift = of.swift
  }

  get stateCount(): number {
    return this.#states.length
  }

  /** How many steps of the core the search was worth. */
  get transitionCount(): number {
    return this.#transitions.size
  }

  /** The state of a node that was just opened. */
  root(serial: number): number {
    const node = newNode(this.#options, serial)
    node.open()
    node.settle()
    node.takeEffects()
    return this.#stateOf(node, { node: serial, parent: undefined, event: undefined })
  }

  packet(number: number): PacketKind {
    const packet = this.#packets[number]
    check(packet !== undefined, 'harness', () => `no packet ${number}`)
    return packet
  }

  isAlive(state: number): boolean {
    return this.#state(state).alive
  }

  /**
   * Whether the packet can never again do anything at its node in this state or any later one: the
   * node does not run, or it holds the outcome and this is an answer or an announcement about it.
   * That it does nothing is tried.
   */
  isDead(state: number, packet: number): boolean {
    const { alive, settled } = this.#state(state)
    if (!alive) return true
    const { message } = this.packet(packet)
    if (!('id' in message) || !IDLE_WHEN_SETTLED.has(message.kind) || !settled.includes(message.id))
      return false
    const { next, effects } = this.step(state, { kind: 'receive', packet })
    return next === state && effects.length === 0
  }

  /** Throws a Violation when the core or a check of the node does. */
  step(state: number, event: LocalEvent): Transition {
    const key = `${state} ${event.kind} ${subjectOf(event)}`
    const known = this.#transitions.get(key)
    if (known !== undefined) return known
    const node = this.rebuild(state)
    this.#apply(node, event)
    const effects = node.takeEffects()
    const sent: number[] = []
    for (const effect of effects) {
      if (effect.kind !== 'sent' || !this.#isExplored(event, effect.message)) continue
      sent.push(this.#packetOf({ from: node.serial, to: effect.to, message: effect.message }))
    }
    const next = this.#stateOf(node, { node: node.serial, parent: state, event })
    const number = this.#transitions.size
    const transition: Transition = {
      number,
      next,
      effects,
      sent: event.kind === 'receiveAndStop' ? [] : sent,
    }
    this.#transitions.set(key, transition)
    return transition
  }

  /** A real node in this state. */
  rebuild(state: number): CoreNode {
    const standing = this.#standing.get(state)
    if (standing !== undefined) {
      this.#standing.delete(state)
      return standing
    }
    const events: LocalEvent[] = []
    let at: LocalState = this.#state(state)
    while (at.parent !== undefined && at.event !== undefined) {
      events.push(at.event)
      at = this.#state(at.parent)
    }
    const node = newNode(this.#options, at.node)
    node.open()
    node.settle()
    for (const event of events.reverse()) this.#apply(node, event)
    node.takeEffects()
    return node
  }

  #submit(node: CoreNode, txn: number): void {
    const submission = submissionId(txn)
    const members = this.#members[txn]
    if (members === undefined) {
      const keys = this.#keys[txn] ?? keysOf(['k'])
      node.step({ kind: 'submit', submission, keys, payload: Uint8Array.of(txn) })
      return
    }
    const entries = members.map((serial) => ({
      ...{ serial: nodeSerial(serial), id: `n${serial}`, address: '' },
      storeId: storeIdOf(nodeSerial(serial)),
    }))
    const expectEpoch = epoch(1)
    node.step({ kind: 'reconfigure', submission, expectEpoch, members: entries, force: true })
  }

  #apply(node: CoreNode, event: LocalEvent): void {
    switch (event.kind) {
      case 'submit':
        this.#submit(node, event.txn)
        break
      case 'read':
        node.step({
          kind: 'read',
          read: readId(event.read),
          keys: this.#readKeys[event.read] ?? keysOf(['k']),
        })
        break
      case 'receive': {
        const { from, message } = this.packet(event.packet)
        node.step({ kind: 'receive', from, message })
        if (this.#swift && message.kind === 'recoverOk') this.#endLinger(node)
        break
      }
      case 'receiveAndStop': {
        const { from, message } = this.packet(event.packet)
        node.step({ kind: 'receive', from, message })
        node.crash('written')
        node.open()
        break
      }
      case 'recover':
        for (let turn = 0; turn < 2; turn++) {
          node.advance(LEAP_MS, 0)
          node.step({ kind: 'wake' })
          node.settle()
        }
        break
      case 'restart':
        node.crash('lost')
        node.open()
        break
      case 'die':
        node.crash('lost')
        break
    }
    node.settle()
  }

  /** A recoverer concludes from the first quorum of replies. */
  #endLinger(node: CoreNode): void {
    node.settle()
    node.advance(node.dueInMs ?? 0, 0)
    node.step({ kind: 'wake' })
  }

  #stateOf(node: CoreNode, reached: Omit<LocalState, 'alive' | 'settled'>): number {
    const records = [...node.store.records()].sort((a, b) => compareTimestamps(a.id, b.id))
    const key = canonical([
      reached.node,
      node.alive,
      node.elapsedMs,
      node.store.state(),
      node.image(),
      records,
    ])
    let number = this.#byKey.get(key)
    if (number === undefined) {
      number = this.#states.length
      const settled = records
        .filter((each) => each.outcome !== undefined && each.txn !== undefined)
        .map((each) => each.id)
      this.#states.push({ ...reached, alive: node.alive, settled })
      this.#byKey.set(key, number)
      this.#standing.set(number, node)
      if (this.#standing.size > 2_000) this.#forgetOldest()
    }
    return number
  }

  #forgetOldest(): void {
    for (const state of this.#standing.keys()) {
      this.#standing.delete(state)
      return
    }
  }

  /**
   * Heartbeats are lost, and so is what timers send again when they run early: losing is always
   * allowed, and it is what they bring about that is looked for.
   */
  #isExplored(event: LocalEvent, message: Message): boolean {
    if (message.kind === 'heartbeat') return false
    if (event.kind === 'recover') return PROPOSALS.has(message.kind) && event.id === idIn(message)
    if (event.kind !== 'receive') return true
    const heard = this.packet(event.packet).message
    if (heard.kind !== 'recoverOk') return true
    if (message.kind === 'recover') return compareBallots(message.ballot, heard.ballot) !== 0
    return message.kind !== 'preAccept' && message.kind !== 'query'
  }

  #packetOf(packet: PacketKind): number {
    const key = canonical([packet.from, packet.to, packet.message])
    let number = this.#packetByKey.get(key)
    if (number === undefined) {
      number = this.#packets.length
      this.#packets.push(packet)
      this.#packetByKey.set(key, number)
    }
    return number
  }

  #state(number: number): LocalState {
    const state = this.#states[number]
    check(state !== undefined, 'harness', () => `no state ${number}`)
    return state
  }
}

function idIn(message: Message): TxnId | undefined {
  return 'id' in message ? message.id : undefined
}

function subjectOf(event: LocalEvent): number | bigint {
  switch (event.kind) {
    case 'submit':
      return event.txn
    case 'read':
      return event.read
    case 'receive':
    case 'receiveAndStop':
      return event.packet
    case 'recover':
      return event.id
    default:
      return 0
  }
}

/** The serial of a node by its number. */
export function serialOf(node: number): NodeSerial {
  return nodeSerial(node)
}
