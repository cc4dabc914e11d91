/**
 * From what the log says of a request to what its caller gets: a typed result, or the error of its
 * kind.
 */

import { unreachable, type TxnId } from '@synevi/accord'
import type { LogPosition, RequestId } from '../contract/executor.ts'
import type { Result } from '../define/result.ts'
import { resultOf, type Transaction } from '../define/transaction.ts'
import { SyneviError } from '../synevi-error.ts'
import type { RequestOutcome } from './outcome.ts'

/** What came of a submitted transaction: decided at a quorum, applied and durable here. */
export type Applied<Ok, Err> = Result<Ok, Err> & {
  /** As the caller gave it, else the ULID it was given. */
  readonly id: RequestId
  readonly txnId: TxnId
  /** Of the first use of the id. */
  readonly position: LogPosition
  /** Agreed: nanoseconds since 1970, rising with position. */
  readonly time: bigint
  /** The id was used before, with the same payload: this is what came of that. */
  readonly duplicate: boolean
}

/** Throws `EXECUTOR_FAILED`, `REQUEST_ID_REUSED`, `ALREADY_APPLIED`: definite. */
export async function appliedResult<Ok, Err>(
  transaction: Transaction<Ok, Err>,
  id: RequestId,
  outcome: RequestOutcome,
): Promise<Applied<Ok, Err>> {
  const { position, time, txnId, duplicate } = outcome
  const details = { id, position: position.toString(), duplicate }
  switch (outcome.kind) {
    case 'applied':
      return { ...(await resultOf(transaction, outcome)), id, txnId, position, time, duplicate }
    case 'failed': {
      const why = new TextDecoder().decode(outcome.value)
      const message = `the executor of ${transaction.name} threw, and nothing was changed: ${why}`
      throw new SyneviError('EXECUTOR_FAILED', message, { definite: true, details })
    }
    case 'reused': {
      const message = `cannot submit ${transaction.name}: the request id ${id} was used for something else`
      throw new SyneviError('REQUEST_ID_REUSED', message, { definite: true, details })
    }
    case 'forgotten': {
      const message = `${transaction.name} was applied at ${position}; its outcome was too large to keep`
      throw new SyneviError('ALREADY_APPLIED', message, { definite: true, details })
    }
    default:
      return unreachable(outcome.kind)
  }
}
