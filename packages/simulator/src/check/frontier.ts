/** Real time, swept: the greatest place among everything that had ended before a moment. */

/** A place, and who stood there. */
export interface Reached {
  readonly place: number
  readonly who: string
}

/** Moments must be asked for in rising order. */
export class Frontier {
  /** Latest end first, so that the next to end is popped from the back. */
  readonly #waiting: { end: number; place: number; who: string }[] = []
  #best: Reached = { place: 0, who: 'nothing' }

  /** Something that stands at `place` ends then; Infinity: never. */
  add(end: number, place: number, who: string): void {
    if (end === Infinity) return
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#waiting[middle]?.end ?? 0) >= end) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, { end, place, who })
  }

  /** What had ended strictly before: at equal times nothing is known of the order. */
  before(time: number): Reached {
    for (;;) {
      const next = this.#waiting[this.#waiting.length - 1]
      if (next === undefined || next.end >= time) return this.#best
      this.#waiting.pop()
      if (next.place > this.#best.place) this.#best = { place: next.place, who: next.who }
    }
  }
}
