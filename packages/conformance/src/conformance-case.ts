/** What a case is, and how it says that something does not conform. */

import type { Bytes } from 'synevi'

/**
 * One claim about an implementation. `run` makes a fresh one, tries it, disposes of it, and rejects
 * with a {@link ConformanceFailure} (or with whatever the implementation threw) if the claim does
 * not hold.
 */
export interface ConformanceCase<Make> {
  /** The claim, unique in its list. */
  readonly name: string
  run(make: Make): Promise<void>
}

/** The implementation did something that its contract does not allow. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}

/** Throws {@link ConformanceFailure} with `message` unless `condition`. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceFailure(message)
}

/** Byte for byte, or both absent. */
export function checkBytes(
  found: Bytes | undefined,
  expected: Bytes | undefined,
  what: string,
): void {
  if (found === undefined || expected === undefined) {
    check(found === expected, `${what} is ${show(found)}, expected ${show(expected)}`)
    return
  }
  check(found instanceof Uint8Array, `${what} is not a Uint8Array`)
  check(sameBytes(found, expected), `${what} is ${show(found)}, expected ${show(expected)}`)
}

/**
 * The error with which the promise rejects, which must have one of these codes. Throws if it
 * resolves.
 */
export async function checkRejects(
  promise: Promise<unknown>,
  codes: readonly string[] | undefined,
  what: string,
): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => ({ reason }),
  )
  check(error !== undefined, `${what} resolves; it must be refused`)
  if (codes === undefined) return
  const code = codeOf(error.reason)
  check(
    code !== undefined && codes.includes(code),
    `${what} is refused with ${code ?? String(error.reason)}, not with ${codes.join(' or ')}`,
  )
}

/** Byte for byte. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return Buffer.compare(a, b) === 0
}

/** Short enough for a message. */
export function show(bytes: Bytes | undefined): string {
  if (bytes === undefined) return 'absent'
  const hex = Buffer.from(bytes.subarray(0, 24)).toString('hex')
  return bytes.length > 24 ? `${hex}… (${bytes.length} bytes)` : `[${hex}]`
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
