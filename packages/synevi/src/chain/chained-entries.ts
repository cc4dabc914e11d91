/**
 * From what the log keeps of a transaction to its entries, each with its place in the chain,
 * computed again.
 */

import {
  encodeTxn,
  type Bytes,
  type LogEntry,
  type Timestamp,
  type TxnId,
  type Watermark,
} from '@synevi/accord'
import type { LogPosition } from '../contract/executor.ts'
import { decodeBatch, type Request } from '../request.ts'
import type { TxnPlace } from '../state/log-table.ts'
import {
  bytesOfHash,
  chainStart,
  textOfHash,
  type ChainHasher,
  type ChainHeads,
  type OutcomeNote,
} from './hash-chain.ts'

/** An executed request as the log has it. */
export interface AppliedEntry {
  readonly position: LogPosition
  /** Agreed time, nanoseconds since 1970. */
  readonly time: bigint
  readonly txnId: TxnId
  readonly executeAt: Timestamp
  /** Its place in the batch, duplicates counted. */
  readonly index: number
  /** Of the request, 16 bytes. */
  readonly id: Bytes
  readonly name: string
  readonly payload: Bytes
  readonly outcome: OutcomeNote
  readonly hashes: {
    /** `txnHash` before it. */
    readonly previous: Bytes
    readonly transaction: Bytes
    readonly execution: Bytes
  }
}

/** The entries of a transaction, or why what is stored of it cannot be what was written. */
export type ChainedEntries =
  | { readonly ok: true; readonly entries: readonly AppliedEntry[]; readonly heads: ChainHeads }
  | { readonly ok: false; readonly why: string }

/**
 * Extends the chain by a transaction and holds the result against what the log says. `heads`:
 * before it.
 */
export function chainedEntries(
  hasher: ChainHasher,
  heads: ChainHeads,
  stored: { readonly entry: LogEntry; readonly place: TxnPlace },
): ChainedEntries {
  const { entry, place } = stored
  if (place.txnId !== entry.id || place.executeAt !== entry.executeAt) {
    return { ok: false, why: 'the log entry is of another transaction than its place' }
  }
  const requests = entry.txn.kind === 'application' ? decodeBatch(entry.txn.payload) : undefined
  if (requests?.length !== place.outcomes.length) {
    return { ok: false, why: 'the transaction has other requests than its place has outcomes' }
  }
  const entries: AppliedEntry[] = []
  let after = heads
  for (const [i, request] of requests.entries()) {
    const outcome = place.outcomes[i]
    if (outcome === undefined) continue
    const next = extend(hasher, after, { place, request, outcome, index: i, entry: entries.length })
    entries.push(next)
    after = { txnHash: next.hashes.transaction, execHash: next.hashes.execution }
  }
  const why = difference(entry, entries, after)
  return why === undefined ? { ok: true, entries, heads: after } : { ok: false, why }
}

/**
 * The chain behind a transaction that has no entry: one of the protocol's own extends it, a batch
 * of duplicates does not. `heads`: before it.
 */
export function chainedWithoutEntry(
  hasher: ChainHasher,
  heads: ChainHeads,
  entry: LogEntry,
): ChainHeads {
  const { id: txnId, executeAt, txn, watermark } = entry
  if (txn.kind === 'application') return heads
  const place = { position: watermark.position, txnId, executeAt }
  const encoded = encodeTxn(txn)
  const next = (before: Bytes): Bytes =>
    bytesOfHash(hasher.system(textOfHash(before), place, encoded))
  return { txnHash: next(heads.txnHash), execHash: next(heads.execHash) }
}

/** The heads of a watermark: where nothing was executed yet, the start of the chain. */
export function headsOf(watermark: Watermark): ChainHeads {
  return watermark.txnHash.length === 0 ? chainStart() : watermark
}

/** Whether two byte strings are the same. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return Buffer.compare(a, b) === 0
}

function extend(
  hasher: ChainHasher,
  heads: ChainHeads,
  one: { place: TxnPlace; request: Request; outcome: OutcomeNote; index: number; entry: number },
): AppliedEntry {
  const { place, request, outcome } = one
  const { txnId, executeAt } = place
  const position = place.firstPosition + BigInt(one.entry)
  const before = textOfHash(heads.txnHash)
  const transaction = hasher.txn(before, { position, txnId, executeAt }, hasher.request(request))
  const execution = hasher.exec(textOfHash(heads.execHash), position, outcome)
  const hashes = {
    previous: heads.txnHash,
    transaction: bytesOfHash(transaction),
    execution: bytesOfHash(execution),
  }
  const time = place.firstTime + BigInt(one.entry)
  return { position, time, txnId, executeAt, index: one.index, ...request, outcome, hashes }
}

function difference(
  entry: LogEntry,
  entries: readonly AppliedEntry[],
  heads: ChainHeads,
): string | undefined {
  const { position, txnHash, execHash } = entry.watermark
  if (entries.at(-1)?.position !== position)
    return 'the positions are others than the log entry says'
  if (!sameBytes(heads.txnHash, txnHash)) return 'the content does not hash to the chain'
  if (!sameBytes(heads.execHash, execHash)) return 'the outcomes do not hash to the chain'
  return undefined
}
