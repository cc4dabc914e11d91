/** Fixed fields in the values of our own tables, big-endian, one after the other. */

import { invariant, timestamp, type Bytes, type Timestamp } from '@synevi/accord'

const SHORT_BYTES_MAX = 255

/** Writes fields into one growing buffer. What does not fit is our bug (InvariantError). */
export class FieldWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  byte(value: number): this {
    invariant(value >= 0 && value <= 0xff, 'a byte is 0 to 255')
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  uint16(value: number): this {
    invariant(value >= 0 && value <= 0xffff, 'a field of 16 bits is 0 to 65535')
    const at = this.#grow(2)
    this.#view.setUint16(at, value)
    return this
  }

  uint32(value: number): this {
    invariant(value >= 0 && value <= 0xffff_ffff, 'a field of 32 bits is below 2^32')
    const at = this.#grow(4)
    this.#view.setUint32(at, value)
    return this
  }

  uint64(value: bigint): this {
    invariant(value >= 0n && value < 1n << 64n, 'a field of 64 bits is below 2^64')
    const at = this.#grow(8)
    this.#view.setBigUint64(at, value)
    return this
  }

  /** 128 bits. */
  timestamp(value: bigint): this {
    const at = this.#grow(16)
    this.#view.setBigUint64(at, value >> 64n)
    // Takes the low 64 bits.
    this.#view.setBigUint64(at + 8, value)
    return this
  }

  /** The bytes alone: their length is known from elsewhere. */
  raw(value: Bytes): this {
    const at = this.#grow(value.byteLength)
    this.#bytes.set(value, at)
    return this
  }

  /** Text of one code unit for each byte, alone. */
  latin1(value: string): this {
    const at = this.#grow(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[at + i] = value.charCodeAt(i)
    return this
  }

  /** At most 255 bytes behind their length. */
  shortBytes(value: Bytes): this {
    invariant(value.byteLength <= SHORT_BYTES_MAX, 'short bytes are 255 at most')
    return this.byte(value.byteLength).raw(value)
  }

  /** Begins anew in the same buffer. */
  reset(): this {
    this.#length = 0
    return this
  }

  /** Everything written: a view until the next write or {@link reset}. */
  written(): Bytes {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Everything written, in bytes of their own. */
  finish(): Bytes {
    return this.#bytes.slice(0, this.#length)
  }

  /** Replaces the buffer: call it before the buffer is named in an expression. */
  #grow(size: number): number {
    const at = this.#length
    this.#length = at + size
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** Reads fields. Throws {@link FieldError} for bytes that no {@link FieldWriter} made. */
export class FieldReader {
  readonly #bytes: Bytes
  readonly #view: DataView
  #at = 0

  constructor(bytes: Bytes) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  timestamp(): Timestamp {
    const at = this.#take(16)
    const low = this.#view.getBigUint64(at + 8)
    if ((low & 0xffffn) !== 0n) throw new FieldError('a timestamp has low bits')
    return timestamp((this.#view.getBigUint64(at) << 64n) | low)
  }

  /** A view. */
  raw(length: number): Bytes {
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** A view. */
  shortBytes(): Bytes {
    return this.raw(this.byte())
  }

  /** Everything that is left, a view. */
  rest(): Bytes {
    return this.raw(this.#bytes.length - this.#at)
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.#at !== this.#bytes.length) throw new FieldError('there are bytes too many')
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#bytes.length - at) throw new FieldError('the bytes end too early')
    this.#at = at + size
    return at
  }
}

/** The bytes are not what a {@link FieldWriter} made. Caught where the key is known. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}
