/** How long a peer takes to answer, and how far its clock is from ours, as measured. Integers only. */

import { millis, type Millis, type Nanos } from '../brand.ts'

/** How many round trips are remembered. */
const SAMPLES_MAX = 64
/** Believed before anything was measured. */
const UNMEASURED_MS = millis(10)
/** No figure above it is believed: a pause of a peer is not its distance. */
const RTT_MAX = 1_000

/** The last round trips to one peer, and the offset of its clock. */
export class PeerLatency {
  readonly #samples: number[] = []
  #next = 0
  #offsetMs = 0

  /** A round trip. Rounded up to whole milliseconds, at least 1. */
  measured(rtt: Millis): void {
    this.#samples[this.#next] = Math.min(Math.max(1, Math.ceil(rtt)), RTT_MAX)
    this.#next = (this.#next + 1) % SAMPLES_MAX
  }

  /** The peer's wall clock said `theirs` half a round trip ago. */
  observedWall(parts: { theirs: bigint; ours: Nanos; rtt: Millis }): void {
    const offset = parts.theirs - parts.ours + (BigInt(parts.rtt) * 1_000_000n) / 2n
    this.#offsetMs = Number(offset / 1_000_000n)
  }

  /** The 99th percentile of the remembered round trips. */
  get p99(): Millis {
    return this.#quantile(99)
  }

  get median(): Millis {
    return this.#quantile(50)
  }

  /** Positive: the peer's clock is ahead. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  #quantile(percent: number): Millis {
    if (this.#samples.length === 0) return UNMEASURED_MS
    const sorted = [...this.#samples].sort((a, b) => a - b)
    const value = sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]
    return millis(value ?? UNMEASURED_MS)
  }
}
