/**
 * Chance from a seed: everything floor 1 leaves to chance comes from here, so that a run can be
 * repeated.
 */

import { randomBytes } from 'node:crypto'
import type { Bytes } from '@synevi/accord'

const MASK = 0xffff_ffff_ffff_ffffn

/**
 * xoshiro128**, seeded by SplitMix64. Not for secrets. Executors draw from it, so what a seed gives
 * is part of what all nodes must agree on: it never changes.
 */
export class SeededRandom {
  readonly #state = new Uint32Array(4)

  /** Any whole number; the lowest 128 bits of it count. */
  constructor(seed: bigint) {
    let mixed =
      BigInt.asUintN(64, seed) ^ ((BigInt.asUintN(128, seed) >> 64n) * 0x9e37_79b9_7f4a_7c15n)
    for (let i = 0; i < 4; i += 2) {
      mixed = (mixed + 0x9e37_79b9_7f4a_7c15n) & MASK
      let z = mixed
      z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK
      z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK
      z ^= z >> 31n
      this.#state[i] = Number(z & 0xffff_ffffn)
      this.#state[i + 1] = Number(z >> 32n)
    }
    // The state of all zeros would stay.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  /** 0 … 2^32-1. */
  u32(): number {
    const s = this.#state
    const s0 = s[0] ?? 0
    const s1 = s[1] ?? 0
    const s2 = (s[2] ?? 0) ^ s0
    const s3 = (s[3] ?? 0) ^ s1
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    s[1] = s1 ^ s2
    s[0] = s0 ^ s3
    s[2] = s2 ^ (s1 << 9)
    s[3] = rotateLeft(s3, 11)
    return result
  }

  /** 0 included to 1 excluded, in steps of 2^-32. */
  float(): number {
    return this.u32() / 2 ** 32
  }

  /** Fresh bytes. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.u32() & 0xff
    return bytes
  }

  /** 0 … 2^64-1, as the seed of another source. */
  fork(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32())
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** Bytes for what is made once: from a seed, or without one from the machine. */
export function bytesFrom(seed: bigint | undefined): (count: number) => Bytes {
  if (seed === undefined) return (count) => new Uint8Array(randomBytes(count))
  const seeded = new SeededRandom(seed)
  return (count) => seeded.bytes(count)
}
