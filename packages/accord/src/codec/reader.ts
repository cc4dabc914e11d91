/**
 * Reads what a {@link Writer} wrote, and refuses everything else before anything is allocated for
 * it.
 */

import type { Bytes } from '../brand.ts'
import type { Ballot } from '../time/ballot.ts'
import { TIMESTAMP_BYTES, nodeSerial, type NodeSerial, type Timestamp } from '../time/timestamp.ts'
import { HEAP_BYTES_MAX, PAYLOAD_VIEW_BYTES_MIN } from './bounds.ts'
import { crc32c } from './crc32c.ts'
import { malformed } from './decoded.ts'

/** Of no length: one for all, so that it costs nothing. */
const EMPTY: Bytes = new Uint8Array(0)

/** What a value takes in memory, about: a bigint and its slot, a short text, an array of bytes. */
const TIMESTAMP_HEAP = 40
const TEXT_HEAP = 40
const BYTES_HEAP = 200

/**
 * Each method reads one value and moves on, or throws a Refusal (see `decoded.ts`): past the end,
 * out of range, or not in the one form that the writer gives. Nothing read keeps the bytes alive,
 * except a large payload (see {@link payload}).
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #payloadMax: number
  #at = 0
  #end: number
  #heapLeft = HEAP_BYTES_MAX

  /** `payloadMaxBytes`: of one payload. */
  constructor(bytes: Bytes, payloadMaxBytes: number) {
    // A subclass (a pooled buffer) may slice otherwise: this one copies.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#payloadMax = payloadMaxBytes
    this.#end = bytes.byteLength
  }

  /** Bytes not read yet, up to the end in force. */
  get left(): number {
    return this.#end - this.#at
  }

  byte(): number {
    return this.#bytes[this.#take(1)] ?? 0
  }

  /** One byte, 0 or 1. */
  flag(): boolean {
    const value = this.byte()
    if (value > 1) malformed('a flag is neither 0 nor 1')
    return value === 1
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  /** The last four bytes, cut off, must be the CRC-32C of all before them. */
  checksum(): void {
    if (this.left < 4) malformed('the bytes end too early')
    this.#end -= 4
    const said = this.#view.getUint32(this.#end)
    if (said !== crc32c(this.#view, this.#end)) malformed('the checksum differs')
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  /** 0 … 2^53-1, in its shortest form. */
  varint(): number {
    let byte = this.byte()
    if (byte < 0x80) return byte
    if (byte === 0x80) malformed('a number is longer than it needs to be')
    let value = byte & 0x7f
    do {
      byte = this.byte()
      value = value * 0x80 + (byte & 0x7f)
      if (value > Number.MAX_SAFE_INTEGER) malformed('a number is beyond 2^53')
    } while (byte >= 0x80)
    return value
  }

  node(): NodeSerial {
    return nodeSerial(this.uint16())
  }

  timestamp(): Timestamp {
    const at = this.#take(TIMESTAMP_BYTES)
    this.#charge(TIMESTAMP_HEAP)
    if (this.#bytes[at + 14] !== 0 || this.#bytes[at + 15] !== 0)
      malformed('a timestamp has low bits')
    const value = (this.#view.getBigUint64(at) << 64n) | this.#view.getBigUint64(at + 8)
    // 128 bits, the low 16 of them zero: what `timestamp()` checks, three comparisons of bigints
    // cheaper.
    return value as Timestamp
  }

  ballot(): Ballot {
    const at = this.#take(6)
    return { round: this.#view.getUint32(at), node: nodeSerial(this.#view.getUint16(at + 4)) }
  }

  /** `length` bytes, copied. */
  raw(length: number): Bytes {
    this.#charge(length)
    return this.#copy(length)
  }

  /** At most `max` bytes behind their length in one byte, copied. */
  shortBytes(max: number): Bytes {
    const length = this.byte()
    if (length > max) malformed(`${length} bytes where ${max} are the most`)
    return this.raw(length)
  }

  /**
   * Bytes behind their length, within the bound of a payload. Copied, unless they are large and
   * most of what they came in: copying would cost more than keeping the rest of the frame alive.
   * Not counted as memory taken: payloads are no longer than the bytes.
   */
  payload(): Bytes {
    const length = this.varint()
    if (length > this.#payloadMax)
      malformed(`a payload of ${length} bytes, ${this.#payloadMax} are the most`)
    if (length < PAYLOAD_VIEW_BYTES_MIN || length * 2 < this.#bytes.length)
      return this.#copy(length)
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** At most `max` characters of latin1 behind their length in one byte. */
  latin1(max: number): string {
    const length = this.byte()
    if (length > max) malformed(`${length} characters where ${max} are the most`)
    const at = this.#take(length)
    this.#charge(TEXT_HEAP + length)
    let text = ''
    for (let i = at; i < at + length; i++) text += String.fromCharCode(this.#bytes[i] ?? 0)
    return text
  }

  /**
   * The number of items of a list, each of `itemMin` bytes at least here, and `heap` bytes in
   * memory.
   */
  count(max: number, itemMin: number, heap: number): number {
    const value = this.varint()
    if (value > max) malformed(`a list of ${value} items, ${max} are the most`)
    if (value * itemMin > this.left) malformed('a list claims more items than there are bytes')
    this.#charge(value * heap)
    return value
  }

  /** A count as {@link count} reads it, to which `mark`, above `max`, may have been added. */
  marked(
    mark: number,
    max: number,
    itemMin: number,
    heap: number,
  ): { readonly count: number; readonly isMarked: boolean } {
    const value = this.count(mark + max, 0, 0)
    const isMarked = value >= mark
    const count = isMarked ? value - mark : value
    if (count > max) malformed(`a list of ${count} items, ${max} are the most`)
    if (count * itemMin > this.left) malformed('a list claims more items than there are bytes')
    this.#charge(count * heap)
    return { count, isMarked }
  }

  /**
   * Reads what the next `length` bytes hold and goes on behind them. Bytes that `read` left over
   * are of a later minor version: ignored. `read` may not look beyond them.
   */
  within<T>(length: number, read: (reader: Reader) => T): T {
    const stop = this.#at + length
    if (stop > this.#end) malformed('a message ends beyond its frame')
    const outer = this.#end
    this.#end = stop
    const value = read(this)
    this.#end = outer
    this.#at = stop
    return value
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.left !== 0) malformed(`${this.left} bytes too many`)
  }

  #copy(length: number): Bytes {
    const at = this.#take(length)
    if (length === 0) return EMPTY
    this.#charge(BYTES_HEAP)
    return this.#bytes.slice(at, at + length)
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#end - at) malformed('the bytes end too early')
    this.#at = at + size
    return at
  }

  #charge(heap: number): void {
    this.#heapLeft -= heap
    if (this.#heapLeft < 0) malformed('the bytes would take too much memory')
  }
}
