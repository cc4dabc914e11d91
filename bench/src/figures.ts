/** The arithmetic of a bench: percentiles, medians, spread. */

/** By the nearest rank: the least of which `share` (0 to 1) of all are no more. 0 of nothing. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.ceil(share * sorted.length) - 1
  return sorted[Math.max(0, Math.min(rank, sorted.length - 1))] ?? 0
}

/** The middle one, or the mean of the two in the middle. 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2
}

/** The median of several runs, and how far they lie apart. */
export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** All 0 of nothing. */
export function figureOf(values: readonly number[]): Figure {
  if (values.length === 0) return { median: 0, min: 0, max: 0 }
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}
