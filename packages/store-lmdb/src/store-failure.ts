/**
 * The failures of this store, in one shape: what was tried, on what, and what the reader can do.
 */

import { SyneviError } from 'synevi'

/** Why, for programs: `details.reason` of a `STORE_FAILED`. */
export type FailureReason =
  /** Another process, or another store of this one, has the directory open. */
  | 'locked'
  /** The data file is not one, is cut off, or a record's checksum is wrong. */
  | 'damaged'
  /** The directory was used and its data is gone. */
  | 'missing'
  /** The operating system refuses: permissions, a read-only file system, no memory to map. */
  | 'refused'
  /** A write failed; the store is stopped. */
  | 'write'
  /** The caller broke the contract; nothing happened. */
  | 'misuse'

/** A `STORE_FAILED`. Never definite: the store does not know what the bytes meant. */
export function storeFailure(
  reason: FailureReason,
  message: string,
  more: FailureFields = {},
): SyneviError {
  const { cause, ...details } = more
  return new SyneviError('STORE_FAILED', message, {
    definite: false,
    retryable: reason === 'locked',
    details: { reason, ...details },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** What a failure says beside its message. */
export interface FailureFields {
  readonly path?: string
  /** Of the record concerned, in hexadecimal digits. */
  readonly key?: string
  readonly cause?: unknown
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of a failed system call, such as `ENOENT`; undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
