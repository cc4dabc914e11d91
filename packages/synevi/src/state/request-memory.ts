/**
 * Request memory (`protocol.md` 12): what became of each request id, so that a retry has the effect
 * of one attempt. First use wins. Evicted by position, the oldest beyond `dedupMax` first, so
 * equally on all nodes: it holds exactly the entries above `position - dedupMax`.
 *
 * One value for each id, and for each transaction a page with the ids it added: eviction reads
 * pages.
 */

import { invariant, type Bytes, type TxnId } from '@synevi/accord'
import { textOfHash, type HashText } from '../chain/hash-chain.ts'
import type { LogPosition } from '../contract/executor.ts'
import type { StateSink, StateSource } from './state-source.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import {
  TABLE,
  bytesOfText,
  positionKey,
  positionOfKey,
  requestKey,
  textOfBytes,
} from './key-layout.ts'
import { corrupt, reading } from './sealed.ts'

/** Of a request's digest, as the memory keeps it: name and payload are compared by it. */
export const REMEMBERED_DIGEST_BYTES = 16

/** The first use of a request id. */
export interface Remembered {
  readonly position: LogPosition
  readonly time: bigint
  readonly txnId: TxnId
  /** {@link REMEMBERED_DIGEST_BYTES} of the hash over id, name and payload, as text. */
  readonly digest: HashText
  readonly kind: 'applied' | 'failed'
  readonly ok: boolean
  /** Undefined: it was too large to keep. */
  readonly value: Bytes | undefined
}

/** How much is remembered: the same on all nodes, or they diverge. */
export interface RequestMemoryLimits {
  /** Request ids remembered. */
  readonly dedupMax: number
  /** Outcomes up to this size are kept. */
  readonly dedupResultMaxBytes: number
}

const ID_BYTES = 16
const FAILED = 4
const OK = 2
const KEPT = 1
const PAGES_END = String.fromCharCode(TABLE.requestPage + 1)

/**
 * What is remembered of an id; undefined when nothing is. Throws `STORE_FAILED` for a damaged
 * value.
 */
export function recall(source: StateSource, id: Bytes): Remembered | undefined {
  const key = requestKey(id)
  const value = source.get(key)
  return value === undefined ? undefined : reading(bytesOfText(key), () => parse(value))
}

/** The memory as executions change it. The sink takes its changes, in the open execution. */
export class RequestMemory {
  readonly #sink: StateSink
  readonly #durable: StateSource
  readonly #limits: RequestMemoryLimits
  readonly #writer = new FieldWriter(256)
  /** Entries up to here are forgotten. */
  #evictedThrough: LogPosition
  /** The oldest page that is not forgotten as a whole, once it was needed. */
  #oldest: Page | undefined
  /** Ids added since {@link finishPage}, of consecutive positions; the first of these. */
  #added: Bytes[] = []
  #addedFirst: LogPosition = 0n

  /** `durable`: below the sink, where most pages are found without ordering the sink's own keys. */
  constructor(parts: {
    readonly sink: StateSink
    readonly durable: StateSource
    readonly limits: RequestMemoryLimits
    /** Of the last entry so far. */
    readonly position: LogPosition
  }) {
    this.#sink = parts.sink
    this.#durable = parts.durable
    this.#limits = parts.limits
    const evicted = parts.position - BigInt(parts.limits.dedupMax)
    this.#evictedThrough = evicted > 0n ? evicted : 0n
  }

  recall(id: Bytes): Remembered | undefined {
    return recall(this.#sink, id)
  }

  /**
   * Adds the first use of an id, whose position is the next one, and forgets the oldest beyond the
   * bound.
   */
  remember(id: Bytes, first: Remembered & { readonly value: Bytes }): void {
    format(this.#writer.reset(), first, this.#limits.dedupResultMaxBytes)
    this.#sink.put(requestKey(id), this.#writer.written())
    if (this.#added.length === 0) this.#addedFirst = first.position
    this.#added.push(id)
    while (first.position - this.#evictedThrough > BigInt(this.#limits.dedupMax)) this.#evict()
  }

  /** Ends a transaction, whose last entry has this position. */
  finishPage(position: LogPosition): void {
    if (this.#added.length === 0) return
    const writer = this.#writer.reset()
    for (const id of this.#added) writer.raw(id)
    this.#sink.put(pageKey(position), writer.written())
    this.#added = []
  }

  #evict(): void {
    const next = this.#evictedThrough + 1n
    this.#evictedThrough = next
    // dedupMax may be smaller than one transaction.
    if (this.#added.length > 0 && next >= this.#addedFirst) {
      const id = this.#added[Number(next - this.#addedFirst)]
      invariant(id !== undefined, 'what is forgotten was added before')
      this.#sink.delete(requestKey(id))
      return
    }
    const page = this.#oldest ?? this.#pageOf(next)
    const at = Number(next - page.first) * ID_BYTES
    this.#sink.delete(requestKey(page.ids.subarray(at, at + ID_BYTES)))
    this.#oldest = page
    if (next < page.last) return
    this.#sink.delete(page.key)
    this.#oldest = undefined
  }

  /**
   * Most often durable already; pages that executions forgot, but the store still has, end below
   * `position`.
   */
  #pageOf(position: LogPosition): Page {
    const page = pageIn(this.#durable, position) ?? pageIn(this.#sink, position)
    if (page === undefined) {
      throw corrupt(bytesOfText(pageKey(position)), 'the ids of a position are missing')
    }
    return page
  }
}

/** The ids that one transaction added: of the entries `first` to `last`, 16 bytes each. */
interface Page {
  readonly key: string
  readonly ids: Bytes
  readonly first: LogPosition
  readonly last: LogPosition
}

/** The page that holds a position, if the source has it. */
function pageIn(source: StateSource, position: LogPosition): Page | undefined {
  for (const [key, ids] of source.scan({ from: pageKey(position), until: PAGES_END, limit: 1 })) {
    const last = positionOfKey(bytesOfText(key))
    const first = last - BigInt(ids.length / ID_BYTES) + 1n
    return first <= position ? { key, ids, first, last } : undefined
  }
  return undefined
}

function pageKey(position: LogPosition): string {
  return textOfBytes(positionKey(TABLE.requestPage, position))
}

function format(
  writer: FieldWriter,
  first: Remembered & { readonly value: Bytes },
  maxBytes: number,
): void {
  const kept = first.value.byteLength <= maxBytes
  const flags = (first.kind === 'failed' ? FAILED : 0) | (first.ok ? OK : 0) | (kept ? KEPT : 0)
  writer
    .byte(flags)
    .uint64(first.position)
    .uint64(first.time)
    .timestamp(first.txnId)
    .latin1(first.digest)
  if (kept) writer.raw(first.value)
}

function parse(bytes: Bytes): Remembered {
  const reader = new FieldReader(bytes)
  const flags = reader.byte()
  return {
    position: reader.uint64(),
    time: reader.uint64(),
    txnId: reader.timestamp(),
    digest: textOfHash(reader.raw(REMEMBERED_DIGEST_BYTES)),
    kind: (flags & FAILED) === 0 ? 'applied' : 'failed',
    ok: (flags & OK) !== 0,
    value: (flags & KEPT) === 0 ? undefined : reader.rest(),
  }
}
