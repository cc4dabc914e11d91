/** What callers of a node get wrong, and the failures they get for it. */

import { parseIdentifier } from './identifier.ts'
import { SyneviError } from './synevi-error.ts'

/** 16 bytes. Throws `INVALID_ARGUMENT`. */
export function identifierOf(text: unknown): Uint8Array {
  const id = typeof text === 'string' ? parseIdentifier(text) : undefined
  return id ?? invalidId()
}

function invalidId(): never {
  throw invalid('id: expected a ULID or a UUID')
}

/** `INVALID_ARGUMENT`, definite. */
export function invalid(why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', why, { definite: true })
}
