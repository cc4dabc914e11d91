/**
 * Broken invariants: conditions that this code guarantees to itself. Never for what comes from
 * outside.
 */

/**
 * Our bug. Whoever holds the replica stops it; nothing it would have said after the throw is said.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Asserts what we guarantee. `rule` is the rule in words. Throws {@link InvariantError}. */
export function invariant(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(rule)
}

/** The end of a `switch` over a union: compiles only when every kind was handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`)
}
