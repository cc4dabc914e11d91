/** What is durable of a replica under test: written at once, read as a driver's store is. */

import { ALL_FEATURES, compareTimestamps, epochFactsAfter, hlc, TIMESTAMP_ZERO } from '../index.ts'
import type {
  DurableState,
  EpochFacts,
  LogEntry,
  Mark,
  RecordReader,
  StoredFeatures,
  Timestamp,
  TxnRecord,
  Watermark,
  Write,
} from '../index.ts'
import type { Configuration } from '../topology/configuration.ts'

const NO_BYTES = new Uint8Array(0)

/** In memory. */
export class StoreUnderTest {
  readonly #records = new Map<Timestamp, TxnRecord>()
  readonly #log: LogEntry[] = []
  #marks: readonly Mark[] = []
  #epochs: EpochFacts
  readonly #storeByte: number
  #facts: Pick<
    DurableState,
    'hlcReserve' | 'durableSeq' | 'admitted' | 'peers' | 'features' | 'floors'
  >
  #applied: Watermark = watermark(0n, TIMESTAMP_ZERO)

  constructor(parts: {
    readonly admitted: boolean
    readonly features: StoredFeatures | undefined
    readonly configuration: Configuration
    /** The byte that names the store. */
    readonly storeByte: number
  }) {
    this.#storeByte = parts.storeByte
    this.#facts = {
      hlcReserve: hlc(0n),
      durableSeq: 0n,
      admitted: parts.admitted,
      peers: [],
      features: parts.features ?? { requires: ALL_FEATURES, active: ALL_FEATURES },
      floors: { floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO },
    }
    this.#epochs = { configurations: [parts.configuration], pending: undefined, ends: [] }
  }

  get log(): readonly LogEntry[] {
    return this.#log
  }

  /** Of what was applied. */
  get position(): bigint {
    return this.#applied.position
  }

  record(id: Timestamp): TxnRecord | undefined {
    return this.#records.get(id)
  }

  /** Puts a record there that the replica does not know of. */
  forge(record: TxnRecord): void {
    this.#records.set(record.id, record)
  }

  /** Durable when it returns. */
  write(write: Write): void {
    switch (write.kind) {
      case 'diverged':
        return
      case 'record':
        this.#records.set(write.record.id, write.record)
        return
      case 'applied':
        this.#records.set(write.record.id, write.record)
        this.#log.push(write.entry)
        this.#applied = write.entry.watermark
        this.#mark(write.marks)
        if (write.closing !== undefined) this.#facts = { ...this.#facts, floors: write.closing }
        if (write.reconfig !== undefined)
          this.#epochs = epochFactsAfter(this.#epochs, write.reconfig)
        return
      case 'epochEnd':
        this.#epochs = epochFactsAfter(this.#epochs, write)
        return
      case 'closed':
        this.#facts = { ...this.#facts, floors: write.floors }
        return
      case 'truncated':
        for (const id of this.#records.keys()) if (id < write.below) this.#records.delete(id)
        return
      case 'logTruncated': {
        const gone = this.#log.findLastIndex(({ executeAt }) => executeAt <= write.base.executeAt)
        this.#log.splice(0, gone + 1)
        return
      }
      case 'floor':
        this.#facts = { ...this.#facts, floors: { ...this.#facts.floors, floor: write.floor } }
        return
      case 'hlcReserve':
        this.#facts = { ...this.#facts, hlcReserve: write.hlc }
        return
      case 'durableSeq':
        this.#facts = { ...this.#facts, durableSeq: write.seq }
        return
      case 'admitted':
        this.#facts = { ...this.#facts, admitted: true }
        return
      case 'features':
        this.#facts = { ...this.#facts, features: write.features }
        return
      case 'peer': {
        const others = this.#facts.peers.filter((peer) => peer.serial !== write.peer.serial)
        this.#facts = { ...this.#facts, peers: [...others, write.peer] }
        return
      }
    }
  }

  #mark(changed: readonly Mark[]): void {
    if (changed.some((mark) => mark.key === 'all')) this.#marks = changed
    else {
      const kept = this.#marks.filter((mark) => !changed.some((other) => other.key === mark.key))
      this.#marks = [...kept, ...changed]
    }
  }

  /** What a replica opens with. */
  durable(): DurableState {
    const live = [...this.#records.values()].filter(
      (record) => !record.applied && record.outcome?.kind !== 'invalidated',
    )
    const storeId = new Uint8Array(16).fill(this.#storeByte)
    const applied = this.#applied
    return { ...this.#facts, storeId, ...this.#epochs, live, marks: this.#marks, applied }
  }

  /** What a replica may ask. */
  reader(): RecordReader {
    return {
      record: (id) => this.#records.get(id),
      entriesAfter: (since, countMax) => {
        const after = this.#log.filter((entry) => entry.executeAt > since)
        return { entries: after.slice(0, countMax), more: after.length > countMax }
      },
      watermarkAt: (position) =>
        this.#log.find(
          ({ txn, watermark: { position: p } }) => txn.kind === 'application' && p === position,
        )?.watermark,
      logStart: () => TIMESTAMP_ZERO,
      logSlice: ({ through, below }, countMax) =>
        this.#log
          .filter(
            ({ executeAt, watermark: { position } }) => executeAt < below && position <= through,
          )
          .slice(0, countMax)
          .at(-1)?.watermark,
      watermarkOf: (executeAt) =>
        this.#log.find((entry) => entry.executeAt === executeAt)?.watermark,
      oldestPosition: () => this.#log[0]?.watermark.position ?? 0n,
      decidedAfter: (since) =>
        [...this.#records.values()].flatMap(({ id, keys, outcome }) =>
          outcome?.kind === 'decided' && outcome.executeAt > since && keys !== undefined
            ? [{ id, executeAt: outcome.executeAt, keys }]
            : [],
        ),
      recordsBelow: (below, countMax) => sliceBelow([...this.#records.keys()], below, countMax),
    }
  }
}

/** Hashes made of the position. */
export function watermark(position: bigint, executeAt: Timestamp): Watermark {
  const hash = executeAt === TIMESTAMP_ZERO ? NO_BYTES : new Uint8Array([1 + Number(position)])
  return { position, executeAt, txnHash: hash, execHash: hash }
}

function sliceBelow(
  ids: readonly Timestamp[],
  below: Timestamp,
  countMax: number,
): Timestamp | undefined {
  const found = ids.filter((id) => id < below).sort(compareTimestamps)
  return found.length === 0 ? undefined : (found[countMax] ?? below)
}
