/** What happened in a run, as one hash, and as lines for a reader where they are wanted. */

import type { Micros } from './event-queue.ts'

/**
 * A running hash over everything that crosses a port: equal traces mean equal runs (`testing.md`
 * 2.8).
 */
export class Trace {
  readonly #lines: string[] | undefined
  readonly #keptMax: number
  #a = 0x2545f491
  #b = 0x6c078965
  #count = 0

  /** `keptMax`: how many of the last lines to keep for a reader; 0 keeps none and costs nothing. */
  constructor(keptMax: number) {
    this.#keptMax = keptMax
    this.#lines = keptMax > 0 ? [] : undefined
  }

  /**
   * Something happened at a node. `what` is a short fixed word, `subject` a number, `bytes` what
   * moved.
   */
  note(at: Micros, node: number, what: string, subject: number, bytes?: Uint8Array): void {
    this.#count++
    this.#mix(at >>> 0)
    this.#mix(
      (node << 16) ^ what.length ^ (what.charCodeAt(0) << 8) ^ what.charCodeAt(what.length - 1),
    )
    this.#mix(subject | 0)
    if (bytes !== undefined) this.#mixBytes(bytes)
    if (this.#lines !== undefined)
      this.#keep(`${time(at)} n${node} ${what} ${subject} ${bytes?.length ?? ''}`)
  }

  /** A line for a reader only: not part of the hash. `line` is called only when lines are kept. */
  say(at: Micros, line: () => string): void {
    if (this.#lines !== undefined) this.#keep(`${time(at)} ${line()}`)
  }

  /** Whether lines are kept. */
  get keeps(): boolean {
    return this.#lines !== undefined
  }

  /** The hash so far, 16 hexadecimal digits. */
  hash(): string {
    const digits = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')
    return digits(this.#a) + digits(this.#b)
  }

  /** How many notes were taken. */
  get count(): number {
    return this.#count
  }

  /** The last lines, oldest first. */
  lines(): readonly string[] {
    return this.#lines ?? []
  }

  #keep(line: string): void {
    this.#lines?.push(line)
    if (this.#lines !== undefined && this.#lines.length > 2 * this.#keptMax) {
      this.#lines.splice(0, this.#lines.length - this.#keptMax)
    }
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193) ^ (this.#a >>> 15)
    this.#b = Math.imul(this.#b + value, 0x85ebca6b) ^ (this.#b >>> 13)
  }

  #mixBytes(bytes: Uint8Array): void {
    let a = this.#a ^ bytes.length
    for (let i = 0; i < bytes.length; i++) a = Math.imul(a ^ (bytes[i] ?? 0), 0x01000193)
    this.#mix(a)
  }
}

/** Seconds with microseconds. */
export function time(at: Micros): string {
  return (at / 1_000_000).toFixed(6).padStart(11)
}
