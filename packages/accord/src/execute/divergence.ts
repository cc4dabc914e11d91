/** Whether executions had the same results everywhere (`protocol.md` 7.6). */

import type { Context } from '../context.ts'
import { stop } from '../stop.ts'
import type { HashAt, HashAtOk, Watermark } from '../message/message.ts'
import type { Bytes } from '../brand.ts'
import { sameBytes } from '../replicate/on-stable.ts'
import type { NodeSerial } from '../time/timestamp.ts'

interface Inquiry {
  readonly position: bigint
  readonly answers: Map<NodeSerial, { readonly txnHash: Bytes; readonly execHash: Bytes }>
  /** How often it was asked. */
  asked: number
}

/** An inquiry asked so often gives way to one at a later position. */
const ASKED_MAX = 5

/** Compares; on a difference asks all; a minority stops applying and keeps voting. */
export class Divergence {
  readonly #context: Context
  #inquiry: Inquiry | undefined
  #diverged = false
  /** Told at a position not reached here yet, the latest of each peer. */
  readonly #ahead = new Map<NodeSerial, Watermark>()

  /** Found and not yet written. */
  #finding: bigint | undefined

  /** `divergedAt`: found by a process before this one, and not repaired. */
  constructor(context: Context, divergedAt?: bigint) {
    this.#context = context
    this.#diverged = divergedAt !== undefined
  }

  get isDiverged(): boolean {
    return this.#diverged
  }

  /** Where the results began to differ, once: to be written. */
  takeFinding(): bigint | undefined {
    const finding = this.#finding
    this.#finding = undefined
    return finding
  }

  /** A peer told its durable watermark. `own`: how far this node is, durably. */
  compare(from: NodeSerial, theirs: Watermark, own: bigint): void {
    if (this.#diverged || theirs.txnHash.length === 0 || theirs.position === 0n) return
    if (theirs.position > own) {
      if (!this.#ahead.has(from)) this.#ahead.set(from, theirs)
      return
    }
    const { reader } = this.#context
    const mine = reader.watermarkAt(theirs.position)
    if (mine === undefined || mine.txnHash.length === 0) return
    // What has no entry extends the chain as well, and the position stands still: then the place
    // says how far they are, and it takes an entry to tell who is right.
    const isEntry = mine.executeAt === theirs.executeAt
    const same = isEntry ? mine : reader.watermarkOf(theirs.executeAt)
    if (same === undefined || sameHeads(same, theirs)) return
    if (this.#givesWayTo(theirs.position)) this.#inquire(theirs.position, mine)
    if (!isEntry) return
    this.#count(from, {
      position: theirs.position,
      txnHash: theirs.txnHash,
      execHash: theirs.execHash,
    })
  }

  /** This node has durably reached `own`: what was told ahead of it can be compared now. */
  reached(own: bigint): void {
    for (const [from, theirs] of this.#ahead) {
      if (theirs.position > own) continue
      this.#ahead.delete(from)
      this.compare(from, theirs, own)
    }
  }

  /** Asked again on every heartbeat, until there is a verdict. */
  repeat(): void {
    const inquiry = this.#inquiry
    if (inquiry === undefined) return
    inquiry.asked += 1
    for (const peer of this.#context.epochs.open.peers) {
      if (!inquiry.answers.has(peer))
        this.#context.out.atOnce(peer, { kind: 'hashAt', position: inquiry.position })
    }
  }

  onHashAtOk(from: NodeSerial, message: HashAtOk): void {
    const { position, txnHash, execHash } = message
    if (txnHash === undefined || execHash === undefined) return
    this.#count(from, { position, txnHash, execHash })
  }

  /**
   * Logs may have been shortened beyond the place of an inquiry, or a voter is gone: then nobody
   * answers it any more. Chains that differ once differ for ever, so a later place does as well.
   */
  #givesWayTo(position: bigint): boolean {
    const inquiry = this.#inquiry
    if (inquiry === undefined) return true
    return inquiry.asked > ASKED_MAX && position > inquiry.position
  }

  #inquire(position: bigint, mine: Watermark): void {
    this.#context.out.notice({ kind: 'event', name: 'divergenceSuspected' })
    this.#inquiry = { position, answers: new Map([[this.#context.self, mine]]), asked: 0 }
    this.repeat()
  }

  #count(from: NodeSerial, told: { position: bigint; txnHash: Bytes; execHash: Bytes }): void {
    const inquiry = this.#inquiry
    if (inquiry === undefined || inquiry.position !== told.position) return
    inquiry.answers.set(from, told)
    this.#judge(inquiry)
  }

  #judge(inquiry: Inquiry): void {
    const { q, n } = this.#context.epochs.open.sizes
    const mine = inquiry.answers.get(this.#context.self)
    if (mine === undefined) return
    // Learners and nodes that were removed are judged, and do not judge.
    const { open } = this.#context.epochs
    const voters = [...inquiry.answers].filter(([node]) => open.isVoter(node))
    const answers = voters.map(([, answer]) => answer)
    const txnHash = majority(
      answers.map((answer) => answer.txnHash),
      q,
    )
    if (txnHash !== undefined ? !sameBytes(txnHash, mine.txnHash) : answers.length === n) {
      stop(this.#context, {
        code: 'NODE_FAILED',
        why: `another order than a majority's at ${inquiry.position}: protocol or store is broken`,
      })
      return
    }
    const execHash = majority(
      answers.map((answer) => answer.execHash),
      q,
    )
    if (execHash === undefined && answers.length < n) return
    this.#inquiry = undefined
    if (execHash !== undefined && sameBytes(execHash, mine.execHash)) return
    this.#diverged = true
    this.#finding = inquiry.position
    this.#context.out.notice({
      kind: 'diverged',
      position: inquiry.position,
      mine: mine.execHash,
      majority: execHash,
    })
  }
}

/** Answers from the log. */
export function onHashAt(context: Context, from: NodeSerial, message: HashAt): void {
  const { position } = message
  const known = context.reader.watermarkAt(position)
  const hashed = known !== undefined && known.txnHash.length > 0 ? known : undefined
  context.out.atOnce(from, {
    kind: 'hashAtOk',
    position,
    txnHash: hashed?.txnHash,
    execHash: hashed?.execHash,
  })
}

/** Whether both chains stand alike. */
function sameHeads(a: Watermark, b: Watermark): boolean {
  return sameBytes(a.txnHash, b.txnHash) && sameBytes(a.execHash, b.execHash)
}

/** The value that at least `q` share. */
function majority(values: readonly Bytes[], q: number): Bytes | undefined {
  return values.find((value) => values.filter((other) => sameBytes(other, value)).length >= q)
}
