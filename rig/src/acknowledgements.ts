/** When operations in the agreed order were acknowledged, and by whom: gaps and latencies. */

import type { Micros } from './monotonic.ts'

/** Where the longest gap was. */
export interface Gap {
  readonly from: Micros
  readonly until: Micros
  readonly ms: number
}

/** All of one run, in the order in which they came. */
export class Acknowledgements {
  readonly #all: { readonly at: Micros; readonly began: Micros; readonly serial: number }[] = []

  /** `began`: when the client asked for the first time. */
  note(serial: number, began: Micros, at: Micros): void {
    this.#all.push({ at, began, serial })
  }

  /**
   * The longest time without one by any of these members, from the last before `from` until
   * `until`.
   */
  longestGap(serials: readonly number[], from: Micros, until: Micros): Gap {
    let last = from
    let longest: Gap = { from, until: from, ms: 0 }
    for (const at of [...this.#times(serials), until]) {
      if (at <= from) last = at
      else if (last < until) {
        const end = Math.min(at, until)
        if (end - last > longest.until - longest.from) {
          longest = { from: last, until: end, ms: (end - last) / 1000 }
        }
        last = at
      }
    }
    return longest
  }

  /** Of those asked for and acknowledged within; 0 when there were none. */
  medianMs(from: Micros, until: Micros): number {
    const within = this.#all.filter(({ began, at }) => began >= from && at <= until)
    const times = within.map(({ began, at }) => at - began).sort((a, b) => a - b)
    return (times[Math.floor(times.length / 2)] ?? 0) / 1000
  }

  /** How many there were. */
  count(from: Micros, until: Micros): number {
    return this.#all.filter(({ at }) => at >= from && at <= until).length
  }

  #times(serials: readonly number[]): readonly Micros[] {
    return this.#all.filter(({ serial }) => serials.includes(serial)).map(({ at }) => at)
  }
}
