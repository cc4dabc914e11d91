/** A disk in memory: what one node stored, read back as a driver would after a restart. */

import {
  ALL_FEATURES,
  compareTimestamps,
  configurationOf,
  emptyRecord,
  epoch,
  epochFactsAfter,
  HLC_ZERO,
  nodeSerial,
  TIMESTAMP_ZERO,
  type Bytes,
  type DecidedEntry,
  type DurableState,
  type EpochFacts,
  type FloorState,
  type Hlc,
  type LogEntry,
  type Mark,
  type MemberEntry,
  type NodeSerial,
  type PeerIdentity,
  type RecordReader,
  type StoredFeatures,
  type Timestamp,
  type Txn,
  type TxnId,
  type TxnRecord,
  type Watermark,
  type Write,
} from '@synevi/accord'
import { EMPTY_WATERMARK } from './chain.ts'
import { check } from './violation.ts'

/** The storeId of a member: fixed, so that runs repeat. */
export function storeIdOf(serial: NodeSerial): Bytes {
  const id = new Uint8Array(16)
  id[0] = 0x53
  id[15] = serial
  return id
}

/** Members 0 … n-1 of epoch 1. */
export function membersOf(n: number): readonly MemberEntry[] {
  return Array.from({ length: n }, (_, i) => ({ serial: nodeSerial(i), id: `n${i}`, address: '' }))
}

/** Every write is atomic and at once durable; the schedule says when it happens. */
export class DurableStore implements RecordReader {
  readonly #storeId: Bytes
  #durableSeq = 0n
  #hlcReserve: Hlc = HLC_ZERO
  #admitted: boolean
  #features: StoredFeatures
  #epochs: EpochFacts
  #floors: FloorState = { floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO }
  readonly #peers = new Map<NodeSerial, PeerIdentity>()
  readonly #records = new Map<TxnId, TxnRecord>()
  /** Payloads are kept apart and written once, as in a real driver. */
  readonly #txns = new Map<TxnId, Txn>()
  readonly #log: LogEntry[] = []
  readonly #marks = new Map<Mark['key'], Mark>()
  #applied: Watermark = EMPTY_WATERMARK

  /**
   * A store of `self`, accepted by its peers and knowing them, with nothing in it. `features`:
   * default all of this build, agreed and in use.
   */
  constructor(
    self: NodeSerial,
    members: readonly MemberEntry[],
    features: StoredFeatures = { requires: ALL_FEATURES, active: ALL_FEATURES },
  ) {
    this.#storeId = storeIdOf(self)
    this.#epochs = {
      configurations: [configurationOf(epoch(1), members)],
      pending: undefined,
      ends: [],
    }
    this.#admitted = members.some((member) => member.serial === self)
    this.#features = features
    for (const { serial } of members) {
      if (serial === self) continue
      this.#peers.set(serial, { serial, storeId: storeIdOf(serial), durableSeq: 0n })
    }
  }

  get durableSeq(): bigint {
    return this.#durableSeq
  }

  get hlcReserve(): Hlc {
    return this.#hlcReserve
  }

  get applied(): Watermark {
    return this.#applied
  }

  get floors(): FloorState {
    return this.#floors
  }

  get features(): StoredFeatures {
    return this.#features
  }

  get epochs(): EpochFacts {
    return this.#epochs
  }

  get storeId(): Bytes {
    return this.#storeId
  }

  /** In no order. */
  records(): Iterable<TxnRecord> {
    return this.#records.values()
  }

  /** One atomic write. */
  write(writes: readonly Write[]): void {
    for (const write of writes) {
      switch (write.kind) {
        case 'record':
          this.#keep(write.record, write.txnIsNew)
          break
        case 'applied':
          this.#txns.set(write.record.id, write.entry.txn)
          this.#keep(write.record, false)
          this.#append(write.entry)
          this.#advance(write.marks)
          if (write.closing !== undefined) this.#close(write.closing)
          if (write.reconfig !== undefined)
            this.#epochs = epochFactsAfter(this.#epochs, write.reconfig)
          break
        case 'epochEnd':
          this.#epochs = epochFactsAfter(this.#epochs, write)
          break
        case 'closed':
          this.#close(write.floors)
          break
        case 'logTruncated':
          check(false, 'truncation', () => 'no log is shortened in this world')
          break
        case 'truncated':
          this.#truncate(write.below)
          break
        case 'floor':
          check(write.floor >= this.#floors.floor, 'floor', () => 'the durable floor fell')
          this.#floors = { ...this.#floors, floor: write.floor }
          break
        case 'hlcReserve':
          check(write.hlc > this.#hlcReserve, 'clock reserve', () => 'the durable reserve fell')
          this.#hlcReserve = write.hlc
          break
        case 'durableSeq':
          check(
            write.seq > this.#durableSeq,
            'durableSeq',
            () => 'the number of durable writes fell',
          )
          this.#durableSeq = write.seq
          break
        case 'admitted':
          this.#admitted = true
          break
        case 'diverged':
          break
        case 'peer':
          this.#peers.set(write.peer.serial, write.peer)
          break
        case 'features':
          this.#features = write.features
          break
      }
    }
  }

  record(id: TxnId): TxnRecord | undefined {
    return this.#records.get(id)
  }

  entriesAfter(
    since: Timestamp,
    countMax: number,
  ): { entries: readonly LogEntry[]; more: boolean } {
    const from = this.#log.findIndex((entry) => entry.executeAt > since)
    if (from < 0) return { entries: [], more: false }
    const entries = this.#log.slice(from, from + countMax)
    return { entries, more: from + entries.length < this.#log.length }
  }

  watermarkAt(position: bigint): Watermark | undefined {
    const isIt = ({ txn, watermark }: LogEntry): boolean =>
      txn.kind === 'application' && watermark.position === position
    return this.#log.find(isIt)?.watermark
  }

  watermarkOf(executeAt: Timestamp): Watermark | undefined {
    return this.#log.find((entry) => entry.executeAt === executeAt)?.watermark
  }

  logSlice(): undefined {
    return undefined
  }

  logStart(): Timestamp {
    return TIMESTAMP_ZERO
  }

  oldestPosition(): bigint {
    let oldest = 0n
    for (const { watermark } of this.#log) {
      if (oldest === 0n || watermark.position < oldest) oldest = watermark.position
    }
    return oldest
  }

  decidedAfter(since: Timestamp): readonly DecidedEntry[] {
    const found: DecidedEntry[] = []
    for (const { id, keys, outcome } of this.#records.values()) {
      if (outcome?.kind !== 'decided' || outcome.executeAt <= since || keys === undefined) continue
      found.push({ id, executeAt: outcome.executeAt, keys })
    }
    return found.sort((a, b) => compareTimestamps(a.id, b.id))
  }

  recordsBelow(below: Timestamp, countMax: number): Timestamp | undefined {
    const ids = [...this.#records.keys()].filter((id) => id < below).sort(compareTimestamps)
    return ids.length === 0 ? undefined : (ids[countMax] ?? below)
  }

  /** What a node that opens this store begins with. */
  state(): DurableState {
    const live: TxnRecord[] = []
    for (const record of this.#records.values()) {
      if (!record.applied && record.outcome?.kind !== 'invalidated') live.push(record)
    }
    return {
      storeId: this.#storeId,
      durableSeq: this.#durableSeq,
      hlcReserve: this.#hlcReserve,
      admitted: this.#admitted,
      ...this.#epochs,
      features: this.#features,
      peers: [...this.#peers.values()].sort((a, b) => a.serial - b.serial),
      live: live.sort((a, b) => compareTimestamps(a.id, b.id)),
      marks: [...this.#marks.values()].sort(compareMarks),
      applied: this.#applied,
      floors: this.#floors,
    }
  }

  #keep(record: TxnRecord, txnIsNew: boolean): void {
    const { id } = record
    check(
      id >= this.#floors.closedBefore || this.#records.has(id),
      'truncation',
      () => `${id} is written anew below closedBefore`,
    )
    if (txnIsNew && record.txn !== undefined) this.#txns.set(id, record.txn)
    const txn = this.#txns.get(id)
    check(
      record.txn === undefined || txn !== undefined,
      'payload stored',
      () => `payload of ${id} was never written`,
    )
    this.#records.set(id, record.txn === txn ? record : { ...emptyRecord(id), ...record, txn })
  }

  #close(to: FloorState): void {
    const { floor, closedBefore } = this.#floors
    const isRising = to.floor >= floor && to.closedBefore >= closedBefore
    check(isRising && to.floor >= to.closedBefore, 'floor', () => 'the durable bounds fell')
    this.#floors = to
  }

  /** Only what is closed by then may go. */
  #truncate(below: Timestamp): void {
    check(below <= this.#floors.closedBefore, 'truncation', () => 'erased above closedBefore')
    for (const id of [...this.#records.keys()]) {
      if (id >= below) continue
      this.#records.delete(id)
      this.#txns.delete(id)
    }
  }

  #append(entry: LogEntry): void {
    let at = this.#log.length
    while (at > 0 && (this.#log[at - 1]?.executeAt ?? entry.executeAt) > entry.executeAt) at--
    this.#log.splice(at, 0, entry)
    this.#applied = entry.watermark
  }

  #advance(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (mark.key === 'all') this.#marks.clear()
      this.#marks.set(mark.key, mark)
    }
  }
}

function compareMarks(a: Mark, b: Mark): number {
  if (a.key === b.key) return 0
  if (a.key === 'all') return -1
  if (b.key === 'all') return 1
  return a.key < b.key ? -1 : 1
}
