/**
 * Waits between attempts: doubling, bounded, and spread by a seeded source so that peers do not
 * dial in step.
 */

/** Made by `backoff`. */
export interface Backoff {
  /** Milliseconds until the next attempt: between half of the present step and all of it. */
  next(): number
  /** Starts over at `minMs`. */
  reset(): void
}

/** `seed` decides the spread and nothing else. */
export function backoff(options: {
  readonly minMs: number
  readonly maxMs: number
  readonly seed: number
}): Backoff {
  let state = options.seed >>> 0
  let stepMs = options.minMs
  // mulberry32
  const draw = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return {
    next: () => {
      const waitMs = stepMs / 2 + (draw() * stepMs) / 2
      stepMs = Math.min(options.maxMs, stepMs * 2)
      return Math.max(1, Math.round(waitMs))
    },
    reset: () => {
      stepMs = options.minMs
    },
  }
}
