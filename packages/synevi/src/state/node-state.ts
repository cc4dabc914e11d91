/**
 * A node's state in its store: what it opens with, what a replica and a node read from it, and how the writes of
 * a `Ready` become one write of the store. The layout is in `key-layout.ts`; every value is sealed.
 */

import { createHash } from 'node:crypto'
import {
  HLC_ZERO,
  TIMESTAMP_ZERO,
  invariant,
  unreachable,
  type Bytes,
  type DurableState,
  type Epoch,
  type LogEntry,
  type MemberEntry,
  type Mutation,
  type NodeSerial,
  type RecordReader,
  type Timestamp,
  type TxnRecord,
  type Watermark,
  type Write,
} from '@synevi/accord'
import { ChainHasher } from '../chain/hash-chain.ts'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import { verifySteps, type VerifyReport } from '../chain/verify.ts'
import type { LogPosition, StateReader } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { timeAfter } from './agreed-time.ts'
import { appliedPage } from './applied-page.ts'
import { ExecutorKeys, ExecutorReader, durableSource } from './executor-state.ts'
import { FACT, TABLE, tableEnd, tableStart } from './key-layout.ts'
import { lastLogEntry, logAfter, logMutation, placesFrom, readLogEntry, readPlace } from './log-table.ts'
import { MarkTable, readMarks } from './mark-table.ts'
import {
  FORMAT_VERSION,
  factMutation,
  formatAdmitted,
  formatApplied,
  formatDurableSeq,
  formatHlcReserve,
  formatIdentity,
  formatMembership,
  formatPeer,
  formatSettings,
  readAdmitted,
  readApplied,
  readDurableSeq,
  readFact,
  readHlcReserve,
  readIdentity,
  readMembership,
  readPeers,
  readSettings,
  type AppliedHead,
  type ClusterSettings,
  type StoredIdentity,
} from './node-facts.ts'
import { appliedRecordMutations, liveRecords, readRecord, recordMutations } from './record-table.ts'
import { recall, type Remembered } from './request-memory.ts'
import { corrupt, unseal } from './sealed.ts'

/** What a node opens its store with. */
export interface NodeStateOptions {
  /** A store that has state must be of this node. `serial` undefined: that of the store. */
  readonly self: { readonly id: string; readonly serial: NodeSerial | undefined }
  /** 16 bytes; a store that has state must be of this cluster. Undefined: that of the store. */
  readonly cluster: Bytes | undefined
  /** For a fresh store; ignored by one that has state, which knows. */
  readonly epoch: Epoch
  readonly members: readonly MemberEntry[]
  readonly settings: ClusterSettings
  /** Draws the identity of a fresh store. */
  readonly random: (count: number) => Bytes
}

/** One for each store; the only writer of it. */
export class NodeState {
  readonly identity: StoredIdentity
  /** As agreed at bootstrap, not as the options of this start say. */
  readonly settings: ClusterSettings
  readonly #store: Store
  readonly #marks: MarkTable
  readonly #hasher = new ChainHasher()
  /** After the writes encoded so far. */
  #head: AppliedHead
  #durableSeq: bigint

  private constructor(store: Store) {
    this.#store = store
    this.identity = readIdentity(store)
    this.settings = readSettings(store)
    this.#marks = new MarkTable(readMarks(store))
    this.#head = readApplied(store)
    this.#durableSeq = readDurableSeq(store)
    const last = lastLogEntry(store)
    if (last !== undefined && last.executeAt !== this.#head.watermark.executeAt) {
      throw corrupt(new Uint8Array([TABLE.log]), 'it does not end with the last applied transaction')
    }
  }

  /** Whose store this is; undefined when it is empty. Throws as {@link open} does for what is no such store. */
  static identityIn(store: Store): StoredIdentity | undefined {
    return hasState(store) ? readIdentity(store) : undefined
  }

  /**
   * Opens a store that has state, or makes a fresh one: durable when this resolves. Rejects with
   * `INCOMPATIBLE_VERSION` for a newer format, `INVALID_ARGUMENT` for the store of another node or cluster or
   * of another program, `STORE_FAILED` for one that is damaged.
   */
  static async open(store: Store, options: NodeStateOptions): Promise<NodeState> {
    if (hasState(store)) {
      checkIdentity(readIdentity(store), options)
    } else {
      await store.write(freshFacts(options))
    }
    return new NodeState(store)
  }

  /** What a replica opens with. */
  durable(): DurableState {
    const storeId = readFact(this.#store, FACT.storeId)
    invariant(storeId !== undefined, 'a store has an identity since it was made')
    const { epoch, members } = readMembership(this.#store)
    return {
      storeId: storeId.slice(),
      durableSeq: readDurableSeq(this.#store),
      hlcReserve: readHlcReserve(this.#store),
      admitted: readAdmitted(this.#store),
      epoch,
      members,
      peers: readPeers(this.#store),
      live: liveRecords(this.#store),
      marks: readMarks(this.#store),
      applied: readApplied(this.#store).watermark,
    }
  }

  /** Durable: what a read from outside may see. */
  get applied(): AppliedHead {
    return readApplied(this.#store)
  }

  /** What the core may ask, from durable state. Throws `STORE_FAILED`. */
  get reader(): RecordReader {
    const store = this.#store
    return {
      record: (id) => readRecord(store, id),
      entriesAfter: (since, countMax, bytesMax) => entriesAfter(store, since, { countMax, bytesMax }),
      watermarkAt: (position) => watermarkAt(store, position),
      oldestPosition: () => oldestPosition(store),
    }
  }

  /**
   * The writes of one Ready as one write of the store, which must be the next one. The mutations of an
   * execution are sealed already (`execution-lane.ts`). Facts and marks that change several times are
   * written once, and `durableSeq` rises by one if the core did not say it.
   */
  encode(writes: readonly Write[]): readonly Mutation[] {
    if (writes.length === 0) return []
    const mutations: Mutation[] = []
    let seq = this.#durableSeq + 1n
    let applied = false
    for (const write of writes) {
      if (write.kind === 'durableSeq') seq = write.seq
      else if (write.kind === 'applied') applied = true
      this.#encode(write, mutations)
    }
    invariant(seq > this.#durableSeq, 'durableSeq rises with every write')
    this.#durableSeq = seq
    if (applied) mutations.push(...this.#marks.mutations(), formatApplied(this.#head))
    mutations.push(formatDurableSeq(seq))
    return mutations
  }

  /** Executed requests above a position, in order: at least one transaction's if there are any. */
  appliedPage(after: LogPosition, countMax: number): readonly AppliedEntry[] {
    return appliedPage(this.#store, this.#hasher, { after, countMax })
  }

  /** Walks the chain in short turns; see {@link verifySteps}. */
  verifySteps(from?: LogPosition): Generator<LogPosition, VerifyReport> {
    const parts = { store: this.#store, dedupMax: this.settings.dedupMax }
    return verifySteps(from === undefined ? parts : { ...parts, from })
  }

  /** Walks the chain without a pause: for tests and tools. */
  verify(from?: LogPosition): VerifyReport {
    const steps = this.verifySteps(from)
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    return step.value
  }

  /** What became of a request, durably; undefined when its id was never used, or too long ago. */
  remembered(id: Bytes): Remembered | undefined {
    return recall(durableSource(this.#store), id)
  }

  /** One executor's durable state, read only. */
  view(executor: string): StateReader {
    return new ExecutorReader(durableSource(this.#store), new ExecutorKeys(executor))
  }

  /** SHA3-256 over all executors' durable state in the order of keys, hexadecimal: equal at equal positions. */
  stateDigest(): string {
    const digest = createHash('sha3-256')
    const length = new DataView(new ArrayBuffer(8))
    const range = { from: tableStart(TABLE.state), until: tableEnd(TABLE.state) }
    for (const [key, sealed] of this.#store.scan(range)) {
      const value = unseal(key, sealed)
      length.setUint32(0, key.byteLength)
      length.setUint32(4, value.byteLength)
      digest.update(length).update(key).update(value)
    }
    return digest.digest('hex')
  }

  #encode(write: Write, into: Mutation[]): void {
    switch (write.kind) {
      case 'record':
        into.push(...this.#record(write.record, write.txnIsNew))
        return
      case 'applied':
        into.push(...appliedRecordMutations(write.record), logMutation(write.entry))
        into.push(...write.mutations)
        this.#marks.apply(write.marks)
        this.#advance(write.entry)
        return
      case 'hlcReserve':
        into.push(formatHlcReserve(write.hlc))
        return
      case 'admitted':
        into.push(formatAdmitted(true))
        return
      case 'peer':
        into.push(formatPeer(write.peer))
        return
      case 'durableSeq':
        return
      default:
        return unreachable(write)
    }
  }

  #record(record: TxnRecord, txnIsNew: boolean): readonly Mutation[] {
    if (record.applied && record.outcome?.kind === 'decided') {
      const entry = readLogEntry(this.#store, record.outcome.executeAt)
      if (entry?.id === record.id) return appliedRecordMutations(record)
    }
    return recordMutations(record, txnIsNew)
  }

  #advance(entry: LogEntry): void {
    const { watermark, executeAt } = entry
    const before = this.#head
    const added = watermark.position - before.watermark.position
    invariant(added >= 0n, 'positions rise')
    const time = added === 0n ? before.time : timeAfter(before.time, executeAt) + added - 1n
    this.#head = { watermark, time }
  }
}

/** Whether it is a store of ours; false when it is empty. */
function hasState(store: Store): boolean {
  const format = readFact(store, FACT.format)
  if (format === undefined) {
    for (const _ of store.scan({ limit: 1 })) {
      throw new SyneviError(
        'INVALID_ARGUMENT',
        'cannot open the store: it holds something, but not the state of a node; give the node a store of its own',
        { definite: true },
      )
    }
    return false
  }
  const [high = 0, low = 0] = format
  const version = high * 256 + low
  if (version > FORMAT_VERSION) {
    throw new SyneviError(
      'INCOMPATIBLE_VERSION',
      `cannot open the store: written by format ${version}, this version reads ${FORMAT_VERSION}; upgrade first`,
      { definite: true, details: { format: version } },
    )
  }
  return true
}

function checkIdentity(found: StoredIdentity, options: NodeStateOptions): void {
  const { self, cluster } = options
  const refuse = (why: string): never => {
    throw new SyneviError('INVALID_ARGUMENT', `cannot open the store: ${why}`, { definite: true })
  }
  if (found.id !== self.id) refuse(`it belongs to node ${found.id}, this is node ${self.id}`)
  if (self.serial !== undefined && found.serial !== self.serial) {
    refuse(`it belongs to serial ${found.serial}, this node was given serial ${self.serial}`)
  }
  if (cluster !== undefined && Buffer.compare(found.cluster, cluster) !== 0) {
    const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex')
    refuse(`it belongs to cluster ${hex(found.cluster)}, this node to ${hex(cluster)}`)
  }
}

function freshFacts(options: NodeStateOptions): readonly Mutation[] {
  const { self, cluster, epoch, members, settings } = options
  if (cluster === undefined || self.serial === undefined) {
    throw new SyneviError(
      'INVALID_ARGUMENT',
      'cannot make a fresh store without a cluster and a serial; was the data directory emptied?',
      { definite: true },
    )
  }
  invariant(cluster.byteLength === 16, 'a cluster is 16 bytes')
  const none = new Uint8Array(0)
  const watermark = { position: 0n, executeAt: TIMESTAMP_ZERO, txnHash: none, execHash: none }
  return [
    factMutation(FACT.format, Uint8Array.of(FORMAT_VERSION >>> 8, FORMAT_VERSION & 0xff)),
    ...formatIdentity({ cluster, id: self.id, serial: self.serial }),
    factMutation(FACT.storeId, options.random(16)),
    formatDurableSeq(0n),
    formatHlcReserve(HLC_ZERO),
    formatAdmitted(false),
    formatMembership({ epoch, members }),
    formatSettings(settings),
    formatApplied({ watermark, time: 0n }),
  ]
}

function entriesAfter(
  store: Store,
  since: Timestamp,
  bounds: { readonly countMax: number; readonly bytesMax: number },
): { entries: readonly LogEntry[]; more: boolean } {
  const entries: LogEntry[] = []
  let bytes = 0
  for (const { entry, sizeBytes } of logAfter(store, since)) {
    bytes += sizeBytes
    // One entry always: a large one must not hold up who lacks it.
    if (entries.length >= bounds.countMax || (entries.length > 0 && bytes > bounds.bytesMax)) {
      return { entries, more: true }
    }
    entries.push(entry)
  }
  return { entries, more: false }
}

function watermarkAt(store: Store, position: LogPosition): Watermark | undefined {
  const place = position > 0n ? readPlace(store, position) : undefined
  return place === undefined ? undefined : readLogEntry(store, place.executeAt)?.watermark
}

function oldestPosition(store: Store): LogPosition {
  for (const place of placesFrom(store, 0n, 1)) return place.firstPosition
  return 0n
}
