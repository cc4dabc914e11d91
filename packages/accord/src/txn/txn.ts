/** What consensus orders: kind, keys, payload (`protocol.md` 0). */

import type { Bytes } from '../brand.ts'
import type { Epoch, Timestamp } from '../time/timestamp.ts'
import type { MemberEntry } from '../topology/configuration.ts'
import { type Keys } from './keys.ts'

/**
 * Work of the embedder. The core never looks into the payload; a batch of requests is one payload.
 */
export interface ApplicationTxn {
  readonly kind: 'application'
  readonly keys: Keys
  readonly payload: Bytes
  /**
   * Of the payload, by the digest function of the cluster (32 bytes at most): two nodes compare it,
   * not the bytes.
   */
  readonly digest: Bytes
}

/** Closes the ids below `closedBefore` (`protocol.md` 8.1). Conflicts with everything. */
export interface BarrierTxn {
  readonly kind: 'barrier'
  readonly closedBefore: Timestamp
}

/** The membership to come (`protocol.md` 10.2). Conflicts with everything. */
export interface ReconfigTxn {
  readonly kind: 'reconfig'
  readonly expectEpoch: Epoch
  readonly members: readonly MemberEntry[]
}

/** What consensus orders. */
export type Txn = ApplicationTxn | BarrierTxn | ReconfigTxn

/** The keys of any kind. */
export function keysOfTxn(txn: Txn): Keys {
  return txn.kind === 'application' ? txn.keys : 'all'
}
