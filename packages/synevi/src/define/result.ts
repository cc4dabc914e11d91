/** What a transaction comes to: a value, or a refusal, which is a value too. */

/** `ok: false` is replicated like a success; it is no exception. */
export type Result<Ok, Err> =
  | { readonly ok: true; readonly value: Ok }
  | { readonly ok: false; readonly error: Err }

/** A success, with nothing to say. */
export function ok(): { readonly ok: true; readonly value: void }
/** A success. */
export function ok<const Ok>(value: Ok): { readonly ok: true; readonly value: Ok }
export function ok(value?: unknown): { readonly ok: true; readonly value: unknown } {
  return { ok: true, value }
}

/** A refusal. */
export function err<const Err>(error: Err): { readonly ok: false; readonly error: Err } {
  return { ok: false, error }
}
