/** An entry of the log as the API shows it. */

import type { Bytes, Timestamp, TxnId } from '@synevi/accord'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import type { LogPosition, RequestId } from '../contract/executor.ts'

/** One executed request. Duplicates have no entry. */
export interface AppliedTransaction {
  readonly position: LogPosition
  /** Several requests may share one transaction. */
  readonly txnId: TxnId
  readonly executeAt: Timestamp
  /** Agreed: nanoseconds since 1970, rising with position. */
  readonly time: bigint
  /** 32 hexadecimal digits. */
  readonly id: RequestId
  readonly name: string
  /** False: refused by its executor, or thrown by it. */
  readonly ok: boolean
  readonly payload: Bytes
  /** `transaction` follows `previous`, the one before; `execution` covers all outcomes so far. */
  readonly hashes: {
    readonly previous: Bytes
    readonly transaction: Bytes
    readonly execution: Bytes
  }
}

/** The same entry, with its id as text. */
export function appliedTransaction(entry: AppliedEntry): AppliedTransaction {
  const { position, time, txnId, executeAt, id, name, payload, outcome, hashes } = entry
  const ok = outcome.kind === 'applied' && outcome.ok
  return {
    position,
    txnId,
    executeAt,
    time,
    id: Buffer.from(id).toString('hex'),
    name,
    ok,
    payload,
    hashes,
  }
}
