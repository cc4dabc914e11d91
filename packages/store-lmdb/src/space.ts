/** How much room is left: ENOSPC cannot be handled once it is there, so it is foreseen. */

/** The default reserve is at most this. */
const RESERVE_BYTES_MAX = 256 * 2 ** 20
/** A measurement is believed this long. */
const FRESH_MS = 100
/**
 * LMDB copies each page it changes; a mutation may touch a leaf, and its branches are shared by
 * most.
 */
const MUTATION_BYTES = 2 * 4096
const WRITE_BYTES = 16 * 4096

/** How much there is, and how much must stay. */
export interface SpaceLimits {
  /** How much the file system can still take, now. */
  availableBytes(): number
  /** The data file, now. */
  fileBytes(): number
  readonly mapMaxBytes: number
  readonly reserveBytes: number
}

/** The default reserve for a file system of this size: the smaller of 256 MiB and 1 %. */
export function defaultReserveBytes(fileSystemBytes: number): number {
  return Math.min(RESERVE_BYTES_MAX, Math.floor(fileSystemBytes / 100))
}

/** The most that a write can add to the file: all of it in new pages. */
export function writeBytesMax(mutationCount: number, recordBytes: number): number {
  return WRITE_BYTES + mutationCount * MUTATION_BYTES + 2 * recordBytes
}

/** Free space against the reserve; measured ten times a second, and again before it says no. */
export class Space {
  readonly #limits: SpaceLimits
  readonly #nowMs: () => number
  #measuredAtMs = Number.NEGATIVE_INFINITY
  #diskBytes = 0
  #mapBytes = 0

  constructor(limits: SpaceLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#nowMs = nowMs
  }

  /** Whether at least the reserve is free. */
  hasRoom(): boolean {
    return this.#leaves(1, 0)
  }

  /**
   * Whether a write that may add `bytes` leaves half of the reserve. What fits counts as used until
   * the next measurement.
   */
  take(bytes: number): boolean {
    if (!this.#leaves(0.5, bytes)) return false
    this.#diskBytes -= bytes
    this.#mapBytes -= bytes
    return true
  }

  #leaves(share: number, bytes: number): boolean {
    const stale = this.#nowMs() - this.#measuredAtMs >= FRESH_MS
    if (!stale && this.#enough(share, bytes)) return true
    // Writes set aside more than they take: look again before saying no.
    this.#measure()
    return this.#enough(share, bytes)
  }

  #enough(share: number, bytes: number): boolean {
    const { reserveBytes, mapMaxBytes } = this.#limits
    const mapReserveBytes = Math.min(reserveBytes, mapMaxBytes / 8)
    return (
      this.#diskBytes - bytes >= reserveBytes * share &&
      this.#mapBytes - bytes >= mapReserveBytes * share
    )
  }

  #measure(): void {
    const { reserveBytes, mapMaxBytes } = this.#limits
    this.#measuredAtMs = this.#nowMs()
    this.#diskBytes = reserveBytes === 0 ? Number.POSITIVE_INFINITY : this.#limits.availableBytes()
    this.#mapBytes = mapMaxBytes - this.#limits.fileBytes()
  }
}
