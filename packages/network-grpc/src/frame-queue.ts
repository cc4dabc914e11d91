/**
 * The frames that wait for one peer: bounded in bytes, whole frames only, the oldest go first when
 * it is full.
 */

import type { Bytes } from 'synevi'

const NOTHING: Bytes = new Uint8Array(0)

/** First in, first out. A frame is dropped whole or sent whole. */
export class FrameQueue {
  readonly #maxBytes: number
  #frames: Bytes[] = []
  #head = 0
  #bytes = 0

  /** `maxBytes` is at least the longest frame. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#frames.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many older frames were dropped to make room. */
  push(frame: Bytes): number {
    let dropped = 0
    while (this.length > 0 && this.#bytes + frame.length > this.#maxBytes) {
      this.#shift()
      dropped++
    }
    this.#frames.push(frame)
    this.#bytes += frame.length
    return dropped
  }

  /**
   * The oldest frames, as many as fit in `maxBytes` with `overheadBytes` each; at least one, if
   * there is one.
   */
  take(maxBytes: number, overheadBytes: number): readonly Bytes[] {
    const taken: Bytes[] = []
    let bytes = 0
    for (;;) {
      const next = this.#frames[this.#head]
      if (next === undefined) break
      if (taken.length > 0 && bytes + next.length + overheadBytes > maxBytes) break
      bytes += next.length + overheadBytes
      taken.push(this.#shift())
    }
    return taken
  }

  clear(): void {
    this.#frames = []
    this.#head = 0
    this.#bytes = 0
  }

  #shift(): Bytes {
    const frame = this.#frames[this.#head]
    if (frame === undefined) throw new RangeError('the queue is empty')
    this.#frames[this.#head] = NOTHING
    this.#head++
    this.#bytes -= frame.length
    // Half of the array is behind us: let go of it, at a cost of one copy a frame overall.
    if (this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return frame
  }
}
