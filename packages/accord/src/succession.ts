/**
 * Which epochs have ended, and how (`protocol.md` 10.1–10.4): the Reconfig that ends the open one,
 * the ends that are known, and the epoch that is being executed.
 */

import type { EpochEnd } from './message/message.ts'
import type { EpochFacts, PendingReconfig, Write } from './ready.ts'
import type { Configuration } from './topology/configuration.ts'
import { epoch, type Epoch } from './time/timestamp.ts'

/** Ends kept for stragglers, beside those still to be executed here (`protocol.md` 4.1). */
export const ENDS_KEPT = 16

/** One for each replica: what is known, and what of it is durable. */
export class Succession {
  #pending: PendingReconfig | undefined
  readonly #ends = new Map<number, EpochEnd>()
  #executing: Epoch
  readonly #durable = new Set<number>()
  #openDurable: number
  #unwritten: (Write & { kind: 'epochEnd' })[] = []

  constructor(durable: EpochFacts, executing: Epoch) {
    this.#openDurable = durable.configurations.at(-1)?.epoch ?? 1
    this.#pending = durable.pending
    this.#executing = executing
    for (const end of durable.ends) {
      this.#ends.set(end.epoch, end)
      this.#durable.add(end.epoch)
    }
  }

  /** The Reconfig that ends the open epoch, once it is executed here. */
  get pending(): PendingReconfig | undefined {
    return this.#pending
  }

  /** The least epoch that is not finished here: only its transactions run. */
  get executing(): Epoch {
    return this.#executing
  }

  /** The open epoch as far as its configuration is durable: what may be told. */
  get openDurable(): Epoch {
    return epoch(this.#openDurable)
  }

  end(of: number): EpochEnd | undefined {
    return this.#ends.get(of)
  }

  /** Executed: it is stored with its execution. */
  reconfigured(pending: PendingReconfig): void {
    this.#pending = pending
  }

  /** The end of an epoch; with the configuration that it opens, if it opens one here. */
  add(end: EpochEnd, opens: Configuration | undefined): void {
    this.#ends.set(end.epoch, end)
    this.#unwritten.push({ kind: 'epochEnd', end, opens, keptFrom: this.#keptFrom(end.epoch) })
    if (opens !== undefined) this.#pending = undefined
    this.#forget()
  }

  /** The epoch being executed is finished: the next one is. */
  finish(): void {
    this.#executing = epoch(this.#executing + 1)
    this.#forget()
  }

  /** The durable ends from `of` on, 16 at most; `'snapshot'` when that one is not kept any more. */
  endsFrom(of: number): readonly EpochEnd[] | 'snapshot' {
    const ends: EpochEnd[] = []
    for (let next = of; ends.length < ENDS_KEPT; next++) {
      const end = this.#ends.get(next)
      if (end === undefined || !this.#durable.has(next)) break
      ends.push(end)
    }
    const [least] = [...this.#ends.keys()].sort((a, b) => a - b)
    return ends.length === 0 && least !== undefined && least > of ? 'snapshot' : ends
  }

  takeWrites(): readonly Write[] {
    if (this.#unwritten.length === 0) return []
    const writes = this.#unwritten
    this.#unwritten = []
    return writes
  }

  /** That end is durable. */
  stored(end: EpochEnd): void {
    if (this.#ends.has(end.epoch)) this.#durable.add(end.epoch)
    if (end.epoch === this.#openDurable) this.#openDurable = end.epoch + 1
  }

  /** For images. */
  image(): unknown {
    const ends = [...this.#ends.values()].sort((a, b) => a.epoch - b.epoch)
    return [this.#pending, this.#executing, ends, [...this.#durable].sort((a, b) => a - b)]
  }

  #keptFrom(last: number): number {
    return Math.min(this.#executing, last - ENDS_KEPT + 1)
  }

  #forget(): void {
    const last = Math.max(...this.#ends.keys())
    for (const each of this.#ends.keys()) {
      if (each >= this.#keptFrom(last)) continue
      this.#ends.delete(each)
      this.#durable.delete(each)
    }
  }
}
