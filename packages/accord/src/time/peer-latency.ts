/**
 * How long a peer takes to answer, and how far its clock is from ours, as measured. Integers only.
 */

import { millis, type Millis, type Nanos } from '../brand.ts'

/** How many round trips are remembered. */
const SAMPLES_MAX = 64
/** Believed before anything was measured. */
const UNMEASURED_MS = millis(10)
/** Above twice the median by more than this, a round trip is an outlier. */
const OUTLIER_MS = 10
/** No figure above it is believed: a pause of a peer is not its distance. */
const RTT_MAX = 1_000

/** The last round trips to one peer, and the offset of its clock. */
export class PeerLatency {
  /** In the order they came, a ring; and the same, sorted. */
  readonly #samples: number[] = []
  readonly #sorted: number[] = []
  #next = 0
  #offsetMs = 0

  /** A round trip. Rounded up to whole milliseconds, at least 1. */
  measured(rtt: Millis): void {
    const sample = Math.min(Math.max(1, Math.ceil(rtt)), RTT_MAX)
    const oldest = this.#samples[this.#next]
    if (oldest !== undefined) this.#sorted.splice(this.#sorted.indexOf(oldest), 1)
    this.#samples[this.#next] = sample
    this.#next = (this.#next + 1) % SAMPLES_MAX
    const above = this.#sorted.findIndex((known) => known > sample)
    this.#sorted.splice(above < 0 ? this.#sorted.length : above, 0, sample)
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

  /** The 95th percentile of the remembered ones. */
  get p95(): Millis {
    return this.#quantile(95)
  }

  get median(): Millis {
    return this.#quantile(50)
  }

  /**
   * What timers count in: the 99th percentile, unless single outliers made it. Of 64 samples it is
   * the greatest, and one round trip of a busy second must not slow every recovery for a minute: at
   * most twice the median and 10 ms.
   */
  get slow(): Millis {
    return millis(Math.min(this.p99, 2 * this.median + OUTLIER_MS))
  }

  /** Positive: the peer's clock is ahead. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  /** For images. */
  image(): unknown {
    return [this.#next, ...this.#samples]
  }

  #quantile(percent: number): Millis {
    const count = this.#sorted.length
    if (count === 0) return UNMEASURED_MS
    return millis(this.#sorted[Math.min(count - 1, Math.floor((count * percent) / 100))] ?? 0)
  }
}
