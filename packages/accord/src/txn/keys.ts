/** Conflict keys: two transactions conflict when their sets meet (`protocol.md` 1.5). */

import type { Brand } from '../brand.ts'

/** A key, 1 … 255 characters of latin1, and not the word `all`, which means every key. */
export type ConflictKey = Brand<string, 'ConflictKey'>

/** `'all'` meets every set; otherwise a non-empty set, sorted, without repetition. */
export type Keys = readonly ConflictKey[] | 'all'

/** The most keys one transaction may name. */
export const KEYS_MAX = 1024

/** The one key that everything has unless told otherwise: a total order. */
export const DEFAULT_KEYS: Keys = Object.freeze([conflictKey('default')])

/** Checks and brands: 1 … 255 latin1 characters, not `all`. Throws a RangeError. */
export function conflictKey(value: string): ConflictKey {
  // oxlint-disable-next-line no-control-regex
  if (!/^[\u0000-\u00ff]{1,255}$/.test(value))
    throw new RangeError('a conflict key is 1 to 255 latin1 characters')
  if (value === 'all') throw new RangeError('the conflict key `all` is reserved')
  return value as ConflictKey
}

/**
 * The canonical set: sorted, without repetition. Throws a RangeError when empty or above
 * {@link KEYS_MAX}.
 */
export function keysOf(values: Iterable<string>): Keys {
  const keys = [...new Set(values)].map(conflictKey).sort(compareKeys)
  if (keys.length === 0 || keys.length > KEYS_MAX)
    throw new RangeError(`not 1 to ${KEYS_MAX} keys: ${keys.length}`)
  return keys
}

/** Whether the value is canonical: what a peer sends must be. */
export function isCanonical(keys: Keys): boolean {
  if (keys === 'all') return true
  if (keys.length === 0 || keys.length > KEYS_MAX) return false
  if (keys.some((key) => key === 'all')) return false
  for (let i = 1; i < keys.length; i++)
    if (compareKeys(at(keys, i - 1), at(keys, i)) >= 0) return false
  return true
}

/** Whether two sets meet. */
export function conflict(a: Keys, b: Keys): boolean {
  if (a === 'all' || b === 'all') return true
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const order = compareKeys(at(a, i), at(b, j))
    if (order === 0) return true
    if (order < 0) i++
    else j++
  }
  return false
}

/** Whether both are the same set. */
export function sameKeys(a: Keys, b: Keys): boolean {
  if (a === 'all' || b === 'all') return a === b
  return a.length === b.length && a.every((key, i) => key === b[i])
}

/** The order of keys: by code unit, no locale. */
export function compareKeys(a: ConflictKey, b: ConflictKey): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function at(keys: readonly ConflictKey[], i: number): ConflictKey {
  const key = keys[i]
  if (key === undefined) throw new RangeError('index outside the keys')
  return key
}
