/** Where a node keeps its state: an ordered key-value store, and no more. */

import type { Bytes, Mutation } from '@synevi/accord'

/**
 * Keys from `from` (included) until `until` (excluded), as unsigned bytes; either end open when
 * absent.
 */
export interface Range {
  readonly from?: Bytes
  readonly until?: Bytes
  /** From the end. Default false. */
  readonly reverse?: boolean
  /** The most pairs. Default all. */
  readonly limit?: number
}

/**
 * What a store held at one moment, whatever is written afterwards. It keeps old data from being
 * freed: close it soon. Once closed, by its holder or with the store, reads throw.
 */
export interface StoreView {
  get(key: Bytes): Bytes | undefined
  /** May be iterated across awaits. */
  scan(range: Range): Iterable<readonly [Bytes, Bytes]>
  /** Harmless when repeated. */
  close(): void
}

/**
 * Reads are synchronous and see every write that has resolved, and none that has not. Bytes handed
 * out belong to the reader; bytes handed in are not mutated afterwards by either side. Keys have 1
 * to 1,024 bytes.
 */
export interface Store {
  get(key: Bytes): Bytes | undefined
  /** A consistent view while it is iterated without awaiting. */
  scan(range: Range): Iterable<readonly [Bytes, Bytes]>
  /**
   * Atomic, and durable when it resolves. Later mutations of one key win. One write at a time: the
   * caller awaits one before the next. Rejects with `STORE_FAILED` or `STORE_FULL`; after a
   * rejection nothing may be written again.
   */
  write(batch: readonly Mutation[]): Promise<void>
  /** Harmless when repeated. Waits for a write under way. */
  close(): Promise<void>
  /**
   * Undefined or true: room for application data. False: the reserve is touched, writes of clients
   * are turned away.
   */
  hasRoom?(): boolean
  /** Of every write that has resolved. Several may be open. Throws as `get` does. */
  view?(): StoreView
  copyTo?(directory: string): Promise<void>
  sizeBytes?(): number
}
