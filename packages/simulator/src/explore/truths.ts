/** Truths by number: equal ones are one, and what a step makes of one is judged once. */

import type { Truth } from '../core-world/truth.ts'
import { check } from '../core-world/violation.ts'
import { canonical } from '../core-world/canonical.ts'

/** Above the number of any transition. */
const TRANSITIONS_MAX = 2 ** 26

/** The truths of one search. */
export class Truths {
  readonly #truths: Truth[] = []
  readonly #byImage = new Map<string, number>()
  readonly #after = new Map<number, number>()

  get count(): number {
    return this.#truths.length
  }

  get(number: number): Truth {
    const truth = this.#truths[number]
    check(truth !== undefined, 'harness', () => `no truth ${number}`)
    return truth
  }

  add(truth: Truth): number {
    const image = canonical(truth.image())
    let number = this.#byImage.get(image)
    if (number === undefined) {
      number = this.#truths.length
      this.#truths.push(truth)
      this.#byImage.set(image, number)
    }
    return number
  }

  /**
   * The truth after a transition; `judge` is given a copy the first time, and may throw a
   * Violation.
   */
  after(before: number, transition: number, judge: (copy: Truth) => void): number {
    const key = before * TRANSITIONS_MAX + transition
    let number = this.#after.get(key)
    if (number === undefined) {
      const copy = this.get(before).copy()
      judge(copy)
      number = this.add(copy)
      this.#after.set(key, number)
    }
    return number
  }
}
