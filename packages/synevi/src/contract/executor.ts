/**
 * The embedder's state machine: what runs on every node, in the same order, with the same result.
 */

import type { Bytes, NodeSerial, TxnId } from '@synevi/accord'
import type { Range } from './store.ts'

/** 1, 2, 3 …: counts executed requests. 0: none yet. */
export type LogPosition = bigint

/** 128 bits as 32 lower-case hexadecimal digits internally; ULID or UUID text at the API. */
export type RequestId = string

/** Bytes from values and back. `decode` throws for what `encode` cannot have made. */
export interface Codec<T> {
  encode(value: T): Bytes
  decode(bytes: Bytes): T
}

/**
 * The outcome of a request as all nodes record it: an executor's refusal is `ok: false`, not an
 * exception.
 */
export interface Outcome {
  readonly ok: boolean
  readonly value: Bytes
}

/** A table of one executor, by text keys. */
export interface TableReader<V> {
  get(key: string): V | undefined
  /** In the order of the keys as UTF-8 bytes. */
  scan(prefix?: string): Iterable<readonly [string, V]>
}
/** A table that an execution may change. */
export interface Table<V> extends TableReader<V> {
  put(key: string, value: V): void
  delete(key: string): void
}

/** The state of one executor. Keys have 1 to 512 bytes. */
export interface StateReader {
  get(key: Bytes): Bytes | undefined
  scan(range: Range): Iterable<readonly [Bytes, Bytes]>
  table<V>(name: string, codec: Codec<V>): TableReader<V>
}
/** The state of one executor, which an execution may change. */
export interface StateWriter extends StateReader {
  put(key: Bytes, value: Bytes): void
  delete(key: Bytes): void
  table<V>(name: string, codec: Codec<V>): Table<V>
}

/** What an execution may look at: nothing else, or nodes diverge. */
export interface ExecuteContext extends StateWriter {
  readonly id: RequestId
  readonly txnId: TxnId
  readonly position: LogPosition
  readonly coordinator: NodeSerial
  /** Agreed time: nanoseconds since 1970, strictly increasing with position, equal on all nodes. */
  readonly time: bigint
  readonly nowMs: number
  /** Seeded by the transaction and the place of the request in it. */
  readonly random: { u32(): number; float(): number; bytes(count: number): Bytes }
  /** Version 7, from the agreed time and `random`. */
  uuid(): string
  /** Runs once the execution is durable here: at most once, never part of the result. */
  afterApply(effect: () => void): void
}

/** A state machine; made by `defineExecutor`, or by hand. */
export interface Executor {
  /**
   * [a-z0-9-]{1,64}: the part of a transaction's name before the first "/". `synevi` is reserved.
   */
  readonly name: string
  readonly version: number
  /** The full names of the transactions it handles. */
  readonly handles: readonly string[]
  /**
   * Deterministic: same payload, state and context, same bytes. A throw discards the mutations and
   * is the outcome.
   */
  execute(
    txn: { readonly name: string; readonly payload: Bytes },
    context: ExecuteContext,
  ): Outcome | Promise<Outcome>
  query?(
    query: { readonly name: string; readonly payload: Bytes },
    view: StateReader,
  ): Bytes | Promise<Bytes>
  /** Only for state kept outside the context: replayed from here after a restart. */
  appliedThrough?(): LogPosition | Promise<LogPosition>
}
