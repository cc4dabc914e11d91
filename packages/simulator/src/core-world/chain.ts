/**
 * Execution as the core's runs need it: a digest that depends on everything executed before, and
 * nothing else.
 */

import type { Bytes, Execution, ExecutionResult, Timestamp, Watermark } from '@synevi/accord'
import { TIMESTAMP_ZERO } from '@synevi/accord'

/** Nothing applied yet. */
export const EMPTY_WATERMARK: Watermark = Object.freeze({
  position: 0n,
  executeAt: TIMESTAMP_ZERO,
  txnHash: new Uint8Array(0),
  execHash: new Uint8Array(0),
})

/**
 * What nodes compare. `'one'`: every transaction has the same key or all of them, so one chain is
 * the same at all nodes. `'keyed'`: the order across keys differs from node to node, so the hashes
 * say nothing.
 */
export type ChainKind = 'one' | 'keyed'

const SAME_HASH = Uint8Array.of(1)

/**
 * Executes: one position for each transaction of the application, hashes over (id, executeAt,
 * payload) and the hash before.
 */
export function executeTrivially(
  head: Watermark,
  execution: Execution,
  kind: ChainKind,
): ExecutionResult {
  const { id, executeAt, txn } = execution
  const hash =
    kind === 'keyed'
      ? SAME_HASH
      : chainHash(
          head.txnHash,
          [id, executeAt],
          txn.kind === 'application' ? txn.payload : SAME_HASH,
        )
  // What is the protocol's own has no entry.
  const position = head.position + (txn.kind === 'application' ? 1n : 0n)
  const watermark = { position, executeAt, txnHash: hash, execHash: hash }
  return { watermark, mutations: [] }
}

/** The digest of a payload, 8 bytes. */
export function payloadDigest(payload: Bytes): Bytes {
  return chainHash(payload, [], payload)
}

/** 64 bits of FNV-1a in two lanes: quick, and nobody here attacks it. */
function chainHash(before: Bytes, times: readonly Timestamp[], payload: Bytes): Bytes {
  let a = 0x811c9dc5
  let b = 0x2f0b4a27
  const mix = (value: number): void => {
    a = Math.imul(a ^ value, 0x01000193)
    b = Math.imul(b + value, 0x85ebca6b) ^ (b >>> 15)
  }
  for (const byte of before) mix(byte)
  for (const time of times) {
    for (let rest: bigint = time; rest > 0n; rest >>= 32n) mix(Number(rest & 0xffff_ffffn))
  }
  for (const byte of payload) mix(byte)
  return Uint8Array.of(a >>> 24, a >>> 16, a >>> 8, a, b >>> 24, b >>> 16, b >>> 8, b)
}
