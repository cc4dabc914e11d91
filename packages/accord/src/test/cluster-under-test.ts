/**
 * Several replicas and a network that loses nothing unless told to, for tests of what members do
 * together. Messages arrive in the order in which they left.
 */

import { nodeSerial, type Message, type SubmissionId } from '../index.ts'
import type { Answer, Notice, ReadAnswer } from '../ready.ts'
import type { Configuration, MemberEntry } from '../topology/configuration.ts'
import { epoch } from '../time/timestamp.ts'
import { ReplicaUnderTest } from './replica-under-test.ts'
import { type Said } from './said.ts'

/** A message on its way. */
export interface Passing {
  readonly from: number
  readonly to: number
  readonly message: Message
}

/** A voter. */
export function voter(serial: number): MemberEntry {
  return { serial: nodeSerial(serial), id: `node-${serial}`, address: '' }
}

/** A learner. */
export function learner(serial: number): MemberEntry {
  return { ...voter(serial), role: 'learner' }
}

/** Members of epoch 1 first; others join as they are added. */
export class ClusterUnderTest {
  readonly nodes = new Map<number, ReplicaUnderTest>()
  readonly notices: (Notice & { node: number })[] = []
  readonly answers: (Answer & { node: number })[] = []
  readonly reads: (ReadAnswer & { node: number })[] = []
  /** What is lost: nothing. */
  loses: (passing: Passing) => boolean = () => false
  #bag: Passing[] = []
  #submissions = 0

  constructor(
    size: number,
    options: ConstructorParameters<typeof ReplicaUnderTest>[0]['options'] = {},
  ) {
    for (let self = 0; self < size; self++) {
      const node = new ReplicaUnderTest({ self, size, options: { seed: BigInt(self), ...options } })
      this.nodes.set(self, node)
    }
    // They have heard of each other.
    this.advance(1)
    this.advance(200)
  }

  node(serial: number): ReplicaUnderTest {
    const node = this.nodes.get(serial)
    if (node === undefined) throw new Error(`no node ${serial}`)
    return node
  }

  /** A node that was told the configuration, on an empty store. */
  join(serial: number, configuration: Configuration, parts: { storeId?: number } = {}): void {
    const [first] = this.nodes.values()
    const options = { self: serial, size: 0, admitted: false, configuration, ...parts }
    const node = new ReplicaUnderTest(options)
    node.now = first?.now ?? node.now
    this.nodes.set(serial, node)
    this.#absorb(serial, node.serve())
  }

  /** The process is gone; what it sent is still on its way. */
  stop(serial: number): void {
    this.nodes.delete(serial)
  }

  submit(serial: number, byte: number): void {
    this.#absorb(serial, this.node(serial).submit(byte))
  }

  /** Answered later: see {@link reads}. */
  read(serial: number, read: number): void {
    this.#absorb(serial, this.node(serial).read(read))
  }

  /** Answered later: see {@link answers}. */
  reconfigure(serial: number, members: readonly MemberEntry[], force = false): SubmissionId {
    const submission = (10_000 + this.#submissions++) as SubmissionId
    const node = this.node(serial)
    const expectEpoch = epoch(this.open(serial).epoch)
    this.#absorb(
      serial,
      node.step({ kind: 'reconfigure', submission, expectEpoch, members, force }),
    )
    return submission
  }

  answerOf(submission: SubmissionId): (Answer & { node: number }) | undefined {
    return this.answers.find((answer) => answer.submission === submission)
  }

  hear(to: number, from: number, message: Message): Said {
    const said = this.node(to).hear(from, message)
    this.#absorb(to, said)
    return said
  }

  restart(serial: number): void {
    this.#absorb(serial, this.node(serial).restart())
  }

  /** Time goes on everywhere, ten milliseconds at a time; messages arrive in between. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= 10) {
      this.settle()
      for (const [serial, node] of [...this.nodes])
        this.#absorb(serial, node.advance(Math.min(10, left)))
    }
    this.settle()
  }

  /** Messages arrive until none is under way. */
  settle(): void {
    for (let next = this.#bag.shift(); next !== undefined; next = this.#bag.shift()) {
      const { from, to, message } = next
      const node = this.nodes.get(to)
      if (node === undefined || this.loses(next)) continue
      this.#absorb(to, node.hear(from, message))
    }
  }

  open(serial: number): Configuration {
    return this.node(serial).status().configuration
  }

  #absorb(serial: number, said: Said): void {
    for (const [to, message] of [...said.atOnce, ...said.afterStore])
      this.#bag.push({ from: serial, to, message })
    for (const notice of said.notices) this.notices.push({ ...notice, node: serial })
    for (const answer of said.reads) this.reads.push({ ...answer, node: serial })
    for (const answer of said.answers) this.answers.push({ ...answer, node: serial })
  }
}
