/** Values on a command line, each parsed at the door. */

/** Throws a `RangeError` that says what is wrong and how it should be. */
export function whole(
  name: string,
  text: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value
  throw new RangeError(`--${name} ${text}: expected ${bounds.min} to ${bounds.max}, whole`)
}

/** Throws as {@link whole} does. */
export function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text)
  if (found !== undefined) return found
  throw new RangeError(`--${name} ${text}: expected ${known.join(' or ')}`)
}
