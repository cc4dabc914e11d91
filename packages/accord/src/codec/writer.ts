/** Writes values, one after the other, big-endian, into one growing buffer. */

import type { Bytes } from '../brand.ts'
import { invariant } from '../invariant.ts'
import type { Ballot } from '../time/ballot.ts'
import { TIMESTAMP_BYTES, type Timestamp } from '../time/timestamp.ts'
import { crc32c } from './crc32c.ts'
import { FRAME_VERSION } from './version.ts'

const UINT64_MAX = 0xffff_ffff_ffff_ffffn
/** Room behind a value that the buffer was made for. */
const AFTER_BYTES = 64

/**
 * Every value has one form. What the reader would refuse (a number out of its range, a text too
 * long) is our bug here, an {@link InvariantError}: better than bytes that no peer and no restart
 * can read.
 */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0
  /** Of the frame: a field of a later one is not written. */
  readonly version: number

  constructor(capacity = 256, version: number = FRAME_VERSION) {
    this.version = version
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** 0 … 255. */
  byte(value: number): void {
    const at = this.#grow(1)
    this.#bytes[at] = value
  }

  /** One byte, 0 or 1. */
  flag(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  /** Two bytes. */
  uint16(value: number): void {
    const at = this.#grow(2)
    this.#view.setUint16(at, value)
  }

  /** Four bytes. */
  uint32(value: number): void {
    const at = this.#grow(4)
    this.#view.setUint32(at, value)
  }

  /** Four bytes at a place that was written before: a length known only now. */
  uint32At(at: number, value: number): void {
    this.#view.setUint32(at, value)
  }

  /** Eight bytes. */
  uint64(value: bigint): void {
    invariant(value >= 0n && value <= UINT64_MAX, 'a count fits in 64 bits')
    const at = this.#grow(8)
    this.#view.setBigUint64(at, value)
  }

  /**
   * 0 … 2^53-1 in groups of seven bits, the highest first, all but the last with the top bit set.
   */
  varint(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, 'a varint is a whole number of 0 or more')
    if (value < 0x80) return this.byte(value)
    let groups = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) groups++
    const at = this.#grow(groups)
    let rest = value
    for (let i = groups - 1; i >= 0; i--) {
      this.#bytes[at + i] = (rest % 0x80) | (i === groups - 1 ? 0 : 0x80)
      rest = Math.floor(rest / 0x80)
    }
  }

  /** Sixteen bytes. */
  timestamp(value: Timestamp): void {
    const at = this.#grow(TIMESTAMP_BYTES)
    this.#view.setBigUint64(at, value >> 64n)
    // Takes the low 64 bits.
    this.#view.setBigUint64(at + 8, value)
  }

  /** Six bytes. */
  ballot(value: Ballot): void {
    const at = this.#grow(6)
    this.#view.setUint32(at, value.round)
    this.#view.setUint16(at + 4, value.node)
  }

  /** The bytes alone: their length is known from elsewhere. */
  raw(value: Bytes): void {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
  }

  /** At most 255 bytes behind their length in one byte. */
  shortBytes(value: Bytes, max: number): void {
    invariant(value.length <= max && max <= 255, 'a hash, digest or identity is within its bound')
    this.byte(value.length)
    this.raw(value)
  }

  /** Bytes behind their length. */
  bytes(value: Bytes): void {
    this.varint(value.length)
    this.raw(value)
  }

  /** At most 255 characters of latin1 behind their length in one byte. */
  latin1(value: string, max: number): void {
    invariant(value.length <= max && max <= 255, 'a text is within its bound')
    const at = this.#grow(1 + value.length)
    this.#bytes[at] = value.length
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      invariant(code <= 0xff, 'a text is latin1')
      this.#bytes[at + 1 + i] = code
    }
  }

  /** The number of items of a list that `max` bounds; the items follow. */
  count(value: number, max: number): void {
    invariant(value <= max, 'a list is within its bound')
    this.varint(value)
  }

  /** Four bytes: the CRC-32C of everything written so far. */
  checksum(): void {
    this.uint32(crc32c(this.#view, this.#length))
  }

  /** Everything written. The bytes stand alone, in a buffer of less than twice their length. */
  finish(): Bytes {
    const fits = this.#length * 2 > this.#bytes.length
    return fits ? this.#bytes.subarray(0, this.#length) : this.#bytes.slice(0, this.#length)
  }

  /**
   * Makes room for `size` more bytes; where they begin. It may replace the buffer: call it first.
   */
  #grow(size: number): number {
    const at = this.#length
    const needed = at + size
    if (needed > this.#bytes.length) this.#enlarge(needed)
    this.#length = needed
    return at
  }

  #enlarge(needed: number): void {
    // What follows large bytes, as a checksum does, does not double them.
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, needed + AFTER_BYTES))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
