/**
 * Which version a life of a node is of: the release before, as far as its peers and its disk can
 * tell, this one with its features held back, or this one (ADR 0033).
 */

import { NO_FEATURES, type Bytes, type Mutation } from '@synevi/accord'
import type { Prng } from '../prng.ts'
import type { SimDisk } from './disk.ts'

/** `before`: frames of version 1 and no feature; it refuses a disk that requires one. */
export type Version = 'before' | 'hold' | 'this'

/** The fact `features`, behind the four bytes of its seal (`docs/reference/storage-layout.md`). */
const FEATURES_KEY = Uint8Array.of(0x01, 0x0b)
const SEAL_BYTES = 4

/** What the disk requires of a build, durably. */
export function requiredBy(disk: SimDisk): number {
  return requiredIn(disk.valueOf(FEATURES_KEY))
}

/** Whether the write makes a store require what a build may lack. */
export function requiresAny(batch: readonly Mutation[]): boolean {
  return batch.some(
    ({ key, value }) => Buffer.compare(key, FEATURES_KEY) === 0 && requiredIn(value) !== 0,
  )
}

function requiredIn(sealed: Bytes | undefined): number {
  if (sealed === undefined) return NO_FEATURES
  return new DataView(sealed.buffer, sealed.byteOffset).getUint32(SEAL_BYTES)
}

/**
 * Whether a build without these features would open the disk, which does not require them yet. A
 * disk that altered what it required is opened by none: the sums tell (ADR 0032).
 */
export function opensWithout(disk: SimDisk, features: number): boolean {
  const isAltered = disk.altered().some(({ key }) => Buffer.compare(key, FEATURES_KEY) === 0)
  return !isAltered && (features & ~requiredBy(disk)) !== 0
}

/** A cluster begins with the release before, mostly, and does not stay so. */
export function drawVersion(life: Prng, incarnation: number): Version {
  const first = [[6, 'before'] as const, [2, 'hold'] as const, [2, 'this'] as const]
  const later = [[3, 'before'] as const, [3, 'hold'] as const, [5, 'this'] as const]
  return life.weighted<Version>(incarnation === 1 ? first : later)
}
