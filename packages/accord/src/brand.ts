/**
 * Nominal types: numbers and bytes that must not meet are different types, at no cost at run time.
 */

declare const brand: unique symbol

/** `T` with the name `B`. Given in one function each, which checks. */
export type Brand<T, B extends string> = T & { readonly [brand]: B }

/** Bytes, never mutated once handed over. */
export type Bytes = Uint8Array

/** Milliseconds of the clock that never goes back, a safe integer of 0 or more. */
export type Millis = Brand<number, 'Millis'>

/** Nanoseconds since 1970 of the wall clock, 0 … 2^64-1. */
export type Nanos = Brand<bigint, 'Nanos'>

/** Which `Ready` of a replica: 0, 1, 2 …, in the order of drains. */
export type ReadyId = Brand<number, 'ReadyId'>

/** Checks and brands. Throws a RangeError for what is not a whole number of 0 or more. */
export function millis(value: number): Millis {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not milliseconds: ${value}`)
  return value as Millis
}

/** Checks and brands. Throws a RangeError outside 0 … 2^64-1. */
export function nanos(value: bigint): Nanos {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn)
    throw new RangeError(`not nanoseconds: ${value}`)
  return value as Nanos
}
