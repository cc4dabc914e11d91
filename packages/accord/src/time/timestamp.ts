/**
 * Timestamps: the places in the order (`protocol.md` 1.1).
 *
 * An unsigned 128-bit number, `epoch:16 | nanos:64 | sequence:16 | node:16 | 0:16`, so that `<` on
 * the bigint is the order of the protocol: epoch first, then the hybrid clock (nanos, sequence),
 * then the node.
 */

import type { Brand, Nanos } from '../brand.ts'

/** A place in the order. TxnIds, executeAt, witnessedAt and floors are timestamps. */
export type Timestamp = Brand<bigint, 'Timestamp'>

/**
 * The identity of a transaction: the timestamp given at birth by its coordinator, its first
 * proposed place.
 */
export type TxnId = Timestamp

/** A member of a cluster, 0 … 65535, never reused in the cluster's life. */
export type NodeSerial = Brand<number, 'NodeSerial'>

/** A membership, counted from 1, at most 65535. */
export type Epoch = Brand<number, 'Epoch'>

/**
 * The 80 bits (nanos, sequence) of a timestamp: one counter, whose +1 carries from sequence into
 * nanos.
 */
export type Hlc = Brand<bigint, 'Hlc'>

/** The length of a timestamp on the wire and in store keys. */
export const TIMESTAMP_BYTES = 16

const MAX_128 = (1n << 128n) - 1n
const MAX_80 = (1n << 80n) - 1n

/** Below every timestamp of every epoch. */
export const TIMESTAMP_ZERO: Timestamp = 0n as Timestamp

/** The start of the hybrid clock. */
export const HLC_ZERO: Hlc = 0n as Hlc

/** Checks and brands: 0 … 2^128-1, the low 16 bits zero. Throws a RangeError. */
export function timestamp(value: bigint): Timestamp {
  if (value < 0n || value > MAX_128 || (value & 0xffffn) !== 0n)
    throw new RangeError(`not a timestamp: ${value}`)
  return value as Timestamp
}

/** Checks and brands: 0 … 65535. Throws a RangeError. */
export function nodeSerial(value: number): NodeSerial {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff)
    throw new RangeError(`not a node serial: ${value}`)
  return value as NodeSerial
}

/** Checks and brands: 1 … 65535. Throws a RangeError. */
export function epoch(value: number): Epoch {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff)
    throw new RangeError(`not an epoch: ${value}`)
  return value as Epoch
}

/** Checks and brands: 0 … 2^80-1. Throws a RangeError. */
export function hlc(value: bigint): Hlc {
  if (value < 0n || value > MAX_80) throw new RangeError(`not a hybrid clock value: ${value}`)
  return value as Hlc
}

/** The timestamp (epoch, hlc, node). */
export function timestampOf(parts: { epoch: Epoch; hlc: Hlc; node: NodeSerial }): Timestamp {
  return ((BigInt(parts.epoch) << 112n) |
    (parts.hlc << 32n) |
    (BigInt(parts.node) << 16n)) as Timestamp
}

/** The hybrid clock value (nanos, 0). */
export function hlcOfNanos(value: Nanos): Hlc {
  return (value << 16n) as Hlc
}

/** The 80 bits (nanos, sequence). */
export function hlcOf(t: Timestamp): Hlc {
  return ((t >> 32n) & MAX_80) as Hlc
}

/** The epoch. 0 only in {@link TIMESTAMP_ZERO} and what a stranger made up. */
export function epochOf(t: Timestamp): number {
  return Number(t >> 112n)
}

/** The node that minted it: for a TxnId, its coordinator. */
export function nodeOf(t: Timestamp): NodeSerial {
  return Number((t >> 16n) & 0xffffn) as NodeSerial
}

/** Nanoseconds since 1970. */
export function nanosOf(t: Timestamp): Nanos {
  return ((t >> 48n) & 0xffff_ffff_ffff_ffffn) as Nanos
}

/** The nanoseconds of a hybrid clock value. */
export function nanosOfHlc(value: Hlc): Nanos {
  return (value >> 16n) as Nanos
}

/**
 * The public form, the low 112 bits: unique and ordered alike, since the clock also rises across
 * epochs.
 */
export function publicTxnId(id: TxnId): bigint {
  return id & ((1n << 112n) - 1n)
}

/** -1, 0 or 1: for `sort`. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The greater. */
export function maxTimestamp(a: Timestamp, b: Timestamp): Timestamp {
  return a > b ? a : b
}
