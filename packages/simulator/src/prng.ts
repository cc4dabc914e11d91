/**
 * The only source of chance in a simulation: seeded streams that fork by name.
 *
 * A fork depends on the seed and the names on its way, not on what was drawn before, so removing
 * one fault does not shift the draws of all others (`testing.md` 2.1).
 */

/** A seeded stream (sfc32). Equal seeds give equal draws on every platform. */
export class Prng {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(path: string) {
    this.#path = path
    const [a, b, c] = hashOf(path)
    this.#a = a
    this.#b = b
    this.#c = c
    for (let i = 0; i < 12; i++) this.u32()
  }

  /** The stream of a seed. */
  static of(seed: bigint): Prng {
    return new Prng(seed.toString())
  }

  /** An independent stream: the same for the same name, whatever was drawn here. */
  fork(name: string): Prng {
    return new Prng(`${this.#path}/${name}`)
  }

  /** 0 … 2^32-1. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** 0 … 2^64-1. */
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }

  /** 0 ≤ x < 1. */
  float(): number {
    return this.u32() / 4_294_967_296
  }

  /** A whole number, 0 ≤ x < `limit`. */
  below(limit: number): number {
    return Math.floor(this.float() * limit)
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  /** A real number whose logarithm is uniform: small and large values alike. `min` is above 0. */
  logBetween(min: number, max: number): number {
    return min * Math.exp(this.float() * Math.log(max / min))
  }

  /** Exponentially distributed. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.float())
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** One of them. Throws a RangeError when there is none. */
  pick<T>(list: readonly T[]): T {
    for (const item of list.slice(this.below(list.length))) return item
    throw new RangeError('nothing to pick from')
  }

  /** One of them, in proportion to the weights. Throws a RangeError when no weight is above 0. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let rest = this.float() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of choices) {
      if (rest < weight) return value
      rest -= weight
    }
    throw new RangeError('nothing to pick from')
  }

  /** The same items in another order. */
  shuffle<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => ({ item, key: this.u32() }))
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u32() & 0xff)
  }
}

/** 96 well-mixed bits of a string (MurmurHash3's finaliser over FNV-1a lanes). */
function hashOf(text: string): readonly [number, number, number] {
  const lane = (basis: number): number => {
    let hash = basis
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) | 0
  }
  return [lane(0x811c9dc5), lane(0x2f0b4a27), lane(0x6b43a9b5)]
}
