/**
 * How much one peer sends: who is too fast waits for the end of the window, who stays too fast is
 * cut off.
 */

const WINDOW_MS = 100

/** What one peer may send, and for how long it may try to send more. */
export interface ReceiveLimits {
  readonly framesPerSecondMax: number
  readonly bytesPerSecondMax: number
  readonly patienceMs: number
}

/** What to do with a peer after what it sent. */
export type Metered =
  | { readonly kind: 'go' }
  /** Read no more from it for so long. */
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'cut' }

const GO: Metered = { kind: 'go' }
const CUT: Metered = { kind: 'cut' }

/** Counts in windows of 100 ms. `nowMs` is any clock that never goes back. */
export class ReceiveMeter {
  readonly #framesMax: number
  readonly #bytesMax: number
  readonly #patienceMs: number
  #windowAtMs: number
  #frames = 0
  #bytes = 0
  /** Since when every window was over a limit. */
  #overSinceMs: number | undefined
  #windowWasOver = false

  constructor(limits: ReceiveLimits, nowMs: number) {
    this.#framesMax = Math.max(1, (limits.framesPerSecondMax * WINDOW_MS) / 1000)
    this.#bytesMax = Math.max(1, (limits.bytesPerSecondMax * WINDOW_MS) / 1000)
    this.#patienceMs = limits.patienceMs
    this.#windowAtMs = nowMs
  }

  /** What was just received, and what to do about it. */
  count(received: { readonly frames: number; readonly bytes: number }, nowMs: number): Metered {
    if (nowMs - this.#windowAtMs >= WINDOW_MS) this.#turn(nowMs)
    this.#frames += received.frames
    this.#bytes += received.bytes
    if (this.#frames <= this.#framesMax && this.#bytes <= this.#bytesMax) return GO
    this.#windowWasOver = true
    this.#overSinceMs ??= this.#windowAtMs
    if (nowMs - this.#overSinceMs > this.#patienceMs) return CUT
    return { kind: 'wait', waitMs: Math.max(1, this.#windowAtMs + WINDOW_MS - nowMs) }
  }

  #turn(nowMs: number): void {
    // A window within the limits, or none for a while, ends the row of windows that were over.
    const silentWindow = nowMs - this.#windowAtMs >= 3 * WINDOW_MS
    if (!this.#windowWasOver || silentWindow) this.#overSinceMs = undefined
    this.#windowWasOver = false
    this.#windowAtMs = nowMs
    this.#frames = 0
    this.#bytes = 0
  }
}
