/** A request, a batch of them as the payload of one transaction, and its codec. */

import type { Bytes } from '@synevi/accord'

/** What a caller submits. `id` has 16 bytes, `name` 1 to 255 bytes of UTF-8. */
export interface Request {
  readonly id: Bytes
  readonly name: string
  readonly payload: Bytes
}

/** The payload of one transaction: the requests in order. */
export declare function encodeBatch(requests: readonly Request[]): Bytes
/** Undefined for what encodeBatch cannot have made. */
export declare function decodeBatch(payload: Bytes): readonly Request[] | undefined
