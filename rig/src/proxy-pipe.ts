/**
 * One way through the fault proxy: bytes from one socket to another, late, slowly, not now, or
 * never.
 */

import type { Socket } from 'node:net'

/** What happens to bytes on this way. Read again for each chunk. */
export interface PipeFaults {
  /**
   * `pass`; `stall`: nothing moves, and what waited goes on afterwards, as after lost and repeated
   * packets; `swallow`: bytes vanish, and so does the end of the connection: the other side is left
   * half open.
   */
  readonly mode: 'pass' | 'stall' | 'swallow'
  /** Each chunk arrives so much later, give or take up to `jitterMs`; order is kept. */
  readonly delayMs: number
  readonly jitterMs: number
  /** Undefined: no limit. */
  readonly bytesPerSecond: number | undefined
}

/** Without faults. */
export const CLEAR: PipeFaults = {
  mode: 'pass',
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: undefined,
}

/** What may be on its way; above it the sender is not read from. */
const QUEUE_MAX_BYTES = 256 * 1024

/** Bytes; the end of what the source says; the source is gone, orderly or not. */
type Payload = Buffer | 'end' | 'close' | 'reset'

interface Item {
  readonly atMs: number
  readonly payload: Payload
}

/** From where to where, and who keeps count. */
export interface PipeOptions {
  readonly source: Socket
  readonly sink: Socket
  readonly faults: () => PipeFaults
  /** 0 … 1, seeded. */
  readonly random: () => number
  readonly onPassed: (bytes: number) => void
  readonly onSwallowed: (bytes: number) => void
}

/** Owns the reading side of `source` and the writing side of `sink`, and neither of their ends. */
export class ProxyPipe {
  readonly #options: PipeOptions
  #queue: Item[] = []
  #queuedBytes = 0
  /** When the last chunk arrives: none overtakes it. */
  #lastAtMs = 0
  /** Until when the limited line is busy with what is before. */
  #busyUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #waitsForDrain = false
  #swallowed = false
  #closed = false

  constructor(options: PipeOptions) {
    this.#options = options
    const { source, sink } = options
    source.on('data', (bytes: Buffer) => this.#take(bytes))
    source.on('end', () => this.#take('end'))
    source.on('close', (hadError) => this.#take(hadError ? 'reset' : 'close'))
    sink.on('drain', () => {
      this.#waitsForDrain = false
      this.#deliver()
    })
    this.apply()
  }

  /** Bytes are missing: the stream cannot go on after healing. */
  get isDamaged(): boolean {
    return this.#swallowed
  }

  /** To be called when the faults have changed. */
  apply(): void {
    if (this.#closed) return
    this.#regulate()
    this.#deliver()
  }

  /** Nothing moves any more. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#queue = []
  }

  #take(payload: Payload): void {
    if (this.#closed) return
    const faults = this.#options.faults()
    if (faults.mode === 'swallow') {
      this.#swallow(payload)
      return
    }
    this.#queue.push({ atMs: this.#arrivalOf(lengthOf(payload), faults), payload })
    this.#queuedBytes += lengthOf(payload)
    this.#regulate()
    this.#deliver()
  }

  #arrivalOf(length: number, faults: PipeFaults): number {
    const nowMs = performance.now()
    const { bytesPerSecond, delayMs, jitterMs } = faults
    const lineMs = bytesPerSecond === undefined ? 0 : (length / bytesPerSecond) * 1000
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + lineMs
    const spreadMs = jitterMs * (2 * this.#options.random() - 1)
    const atMs = this.#busyUntilMs + Math.max(0, delayMs + spreadMs)
    this.#lastAtMs = Math.max(this.#lastAtMs, atMs)
    return this.#lastAtMs
  }

  #regulate(): void {
    const { source, faults } = this.#options
    const { mode } = faults()
    const mayRead = mode === 'swallow' || (mode === 'pass' && this.#queuedBytes < QUEUE_MAX_BYTES)
    if (mayRead) source.resume()
    else source.pause()
  }

  #deliver(): void {
    clearTimeout(this.#timer)
    const { sink, faults, onPassed } = this.#options
    const { mode } = faults()
    if (this.#closed || mode === 'stall') return
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || this.#waitsForDrain) break
      if (mode === 'swallow') {
        this.#shift(next)
        this.#swallow(next.payload)
        continue
      }
      const waitMs = next.atMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs)
        break
      }
      this.#shift(next)
      this.#pass(sink, next.payload)
      onPassed(lengthOf(next.payload))
    }
    this.#regulate()
  }

  #pass(sink: Socket, payload: Payload): void {
    switch (payload) {
      case 'end':
        sink.end()
        return
      case 'close':
        sink.destroySoon()
        return
      case 'reset':
        sink.resetAndDestroy()
        return
      default:
        this.#waitsForDrain = !sink.write(payload) && !sink.destroyed
    }
  }

  #swallow(payload: Payload): void {
    this.#swallowed = true
    this.#options.onSwallowed(lengthOf(payload))
  }

  #shift(item: Item): void {
    this.#queue.shift()
    this.#queuedBytes -= lengthOf(item.payload)
  }
}

function lengthOf(payload: Payload): number {
  return typeof payload === 'string' ? 0 : payload.length
}
