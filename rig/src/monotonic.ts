/** The one clock of a run: histories, gaps and timelines are told by it. */

/** Microseconds since some moment before all processes of the run. */
export type Micros = number

/** Never goes back, and is the same in all processes of a machine. */
export class MonotonicClock {
  get now(): Micros {
    return Number(process.hrtime.bigint() / 1_000n)
  }
}

/** Resolves after so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
