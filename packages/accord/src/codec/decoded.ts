/**
 * What a decoder answers: a value, or a code and a sentence. Nothing that comes from outside is
 * thrown.
 */

/** Why bytes were refused. */
export type DecodeCode = 'MALFORMED' | 'WRONG_VERSION'

/** What a decoder answers. `why` is one sentence for a log. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: DecodeCode; readonly why: string }

/** How a reader gives up, caught in {@link decoding} and nowhere else: it leaves no decoder. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: DecodeCode

  constructor(code: DecodeCode, why: string) {
    super(why)
    this.code = code
  }
}

/** Gives up: the bytes are not what we write. */
export function malformed(why: string): never {
  throw new Refusal('MALFORMED', why)
}

/** Runs a reader to its value or its refusal. What else it throws is our bug, and passes. */
export function decoding<T>(read: () => T): Decoded<T> {
  try {
    return { ok: true, value: read() }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, why: error.message }
    throw error
  }
}
