/**
 * Who lacks the end of an epoch gets it (`protocol.md` 4.1, 10.5): asked for by whoever meets a
 * later epoch, offered to whoever shows an earlier one. WrongEpoch without ends asks, with ends it
 * answers.
 */

import type { Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { EpochEnd, Heartbeat, WrongEpoch } from '../message/message.ts'
import type { CatchUpLog } from '../progress/catch-up.ts'
import type { Peers } from '../progress/peers.ts'
import { compareSerials } from '../time/serial-order.ts'
import { epoch, type Epoch, type NodeSerial } from '../time/timestamp.ts'
import type { Changeover } from './changeover.ts'

/** What is at hand. */
export interface StragglersParts {
  readonly context: Context
  readonly peers: Peers
  readonly catchUp: CatchUpLog
  readonly changeover: Changeover
}

/** One peer is not asked again sooner. */
const ASK_MIN_MS = 50
/** Nor told again sooner what its heartbeats show that it lacks. */
const TELL_MIN_MS = 1_000

/** This node among them. */
export class Stragglers {
  readonly #parts: StragglersParts
  readonly #asked = new Map<NodeSerial, Millis>()
  readonly #told = new Map<NodeSerial, Millis>()

  constructor(parts: StragglersParts) {
    this.#parts = parts
  }

  /** The peer spoke of an epoch that is not open here: nothing is done but to ask for the end. */
  ask(from: NodeSerial): void {
    const { context } = this.#parts
    if (!this.#isDue(this.#asked, from, ASK_MIN_MS)) return
    context.out.atOnce(from, { kind: 'wrongEpoch', open: this.#lacked(), ends: [] })
  }

  onWrongEpoch(from: NodeSerial, message: WrongEpoch): void {
    const { context, catchUp, changeover } = this.#parts
    const { open, ends } = message
    if (ends === 'snapshot') {
      catchUp.request(from)
    } else if (ends.length > 0) {
      this.#asked.delete(from)
      changeover.takeAll(ends)
      if (this.#lacked() < open) this.ask(from)
    } else if (open < context.epochs.open.epoch) this.#tell(from, open)
  }

  /** From a driver, or from one who wonders why this node does not show the epoch. */
  onEpochEnd(from: NodeSerial, end: EpochEnd): void {
    if (!this.#parts.changeover.take(end)) this.ask(from)
  }

  /** This node has closed an epoch: all that were in it, or will be in the next, are told. */
  announce(end: EpochEnd): void {
    const { context, changeover } = this.#parts
    const told = new Set(context.epochs.of(end.reconfig.id).others)
    for (const { serial } of end.members) if (serial !== context.self) told.add(serial)
    changeover.take(end)
    for (const node of [...told].sort(compareSerials)) context.out.afterStore(node, end)
  }

  /** Both see in a heartbeat who is behind. */
  onHeartbeat(from: NodeSerial, { openEpoch }: Heartbeat): void {
    const { context } = this.#parts
    if (openEpoch > this.#lacked()) this.ask(from)
    if (openEpoch < context.epochs.open.epoch && this.#isDue(this.#told, from, TELL_MIN_MS))
      this.#tell(from, openEpoch)
  }

  /** With this node's own heartbeats: members of the open epoch that do not show it are told. */
  remind(): void {
    const { context, peers } = this.#parts
    const { open } = context.epochs
    const end = context.succession.endsFrom(open.epoch - 1)
    const [last] = end === 'snapshot' ? [] : end
    if (last === undefined) return
    for (const other of open.others) {
      const shown = peers.has(other) ? peers.get(other).heartbeat?.openEpoch : undefined
      if (shown === undefined || shown < open.epoch) context.out.atOnce(other, last)
    }
  }

  /** For images. */
  image(): unknown {
    return [this.#asked, this.#told].map((each) => [...each].sort(([a], [b]) => a - b))
  }

  /** The first epoch whose end is wanted here. */
  #lacked(): Epoch {
    const { epochs, succession } = this.#parts.context
    // A snapshot may have finished more epochs than have been opened here.
    let lacked = Math.min(succession.executing, epochs.open.epoch)
    while (lacked < epochs.open.epoch && succession.end(lacked) !== undefined) lacked++
    return epoch(lacked)
  }

  #tell(to: NodeSerial, since: number): void {
    const { context } = this.#parts
    const ends = context.succession.endsFrom(since)
    if (ends !== 'snapshot' && ends.length === 0) return
    context.out.atOnce(to, { kind: 'wrongEpoch', open: context.epochs.open.epoch, ends })
  }

  #isDue(last: Map<NodeSerial, Millis>, peer: NodeSerial, minMs: number): boolean {
    const { elapsed } = this.#parts.context.now
    const at = last.get(peer)
    if (at !== undefined && elapsed - at < minMs) return false
    last.set(peer, elapsed)
    return true
  }
}
