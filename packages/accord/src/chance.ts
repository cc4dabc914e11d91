/**
 * Chance from a seed: everything the replica leaves to chance, and nothing else, comes from here.
 */

import { invariant } from './invariant.ts'

const MASK = 0xffff_ffff_ffff_ffffn

/** SplitMix64 (Steele, Lea, Flood 2014): a stream of 64-bit numbers from one seed. */
export class Chance {
  #state: bigint

  constructor(seed: bigint) {
    this.#state = seed & MASK
  }

  /** A whole number in 0 … `below`-1. `below` is 1 … 2^32. */
  below(below: number): number {
    invariant(
      Number.isInteger(below) && below >= 1 && below <= 0x1_0000_0000,
      'chance is asked below 1 … 2^32',
    )
    return Number(this.#next() % BigInt(below))
  }

  /** For images: equal states give equal streams. */
  get state(): bigint {
    return this.#state
  }

  #next(): bigint {
    this.#state = (this.#state + 0x9e37_79b9_7f4a_7c15n) & MASK
    let z = this.#state
    z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK
    z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK
    return z ^ (z >> 31n)
  }
}
