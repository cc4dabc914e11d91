/**
 * The one failure of Synevi, told apart by `code`, never by class: two copies of the package must
 * agree.
 */

/** Every code this package gives. `docs/reference/errors.md` says what to do about each. */
export type SyneviErrorCode =
  | 'INVALID_ARGUMENT'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNKNOWN_TRANSACTION'
  | 'SCHEMA_INVALID'
  | 'REQUEST_ID_REUSED'
  | 'NOT_READY'
  | 'OVERLOADED'
  | 'NO_QUORUM'
  | 'CLOSED'
  | 'INVALIDATED'
  | 'EXECUTOR_FAILED'
  | 'ALREADY_APPLIED'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'NODE_FAILED'
  | 'STORE_FAILED'
  | 'STORE_FULL'
  | 'DIVERGED'
  | 'TRUNCATED'
  | 'MEMBERSHIP_BUSY'
  | 'MEMBERSHIP_UNSAFE'
  | 'MEMBERSHIP_UNKNOWN'
  | 'MEMBERSHIP_REMOVED'
  | 'SERIAL_TAKEN'
  | 'AMNESIA'
  | 'INCOMPATIBLE_VERSION'

const MARK: unique symbol = Symbol.for('synevi.error')

/** What a failure says beside its message. */
export interface SyneviErrorFields {
  /** Promises that the transaction never happened and never will. When in doubt, false. */
  readonly definite: boolean
  /** Whether the same call may succeed later, or at another node. */
  readonly retryable?: boolean
  /** Plain data for programs; never payloads. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** A failure: what was tried, why it failed, and whether it may have happened all the same. */
export class SyneviError extends Error {
  override readonly name = 'SyneviError'
  readonly code: SyneviErrorCode
  readonly definite: boolean
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: SyneviErrorCode, message: string, fields: SyneviErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.definite = fields.definite
    this.retryable = fields.retryable ?? false
    this.details = fields.details ?? {}
    Object.defineProperty(this, MARK, { value: true })
  }
}

/** Whether `error` is a failure of any copy of this package, with this code if one is given. */
export function isSyneviError(error: unknown, code?: SyneviErrorCode): error is SyneviError {
  if (typeof error !== 'object' || error === null || !(MARK in error)) return false
  return code === undefined || ('code' in error && error.code === code)
}

/** The same failure, known to have had no effect: of what was never submitted. */
export function definitely(error: SyneviError): SyneviError {
  if (error.definite) return error
  const { code, message, retryable, details } = error
  return new SyneviError(code, message, {
    definite: true,
    retryable,
    details,
    cause: error.cause ?? error,
  })
}
