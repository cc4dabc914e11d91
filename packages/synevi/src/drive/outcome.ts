/**
 * What became of each request of a transaction: between the execution lane and whoever answers
 * callers.
 */

import type { Bytes, ExecutionResult, TxnId } from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'

/** One for each request of the transaction, in order. */
export interface RequestOutcome {
  /** Of the request, 16 bytes. */
  readonly id: Bytes
  /**
   * `applied`: `ok` and `value` are the executor's. `failed`: it threw; `value` is its message in
   * UTF-8. `reused`: the id was used with another payload; nothing happened. `forgotten`: a
   * duplicate whose outcome was too large to keep. `duplicate` beside `applied` or `failed`: the
   * outcome of the first use.
   */
  readonly kind: 'applied' | 'failed' | 'reused' | 'forgotten'
  readonly ok: boolean
  readonly value: Bytes
  readonly duplicate: boolean
  /** Of the first use. A duplicate gets no position of its own. */
  readonly position: LogPosition
  readonly time: bigint
  readonly txnId: TxnId
}

/** What one execution leaves. */
export interface Executed {
  readonly result: ExecutionResult
  readonly outcomes: readonly RequestOutcome[]
}
