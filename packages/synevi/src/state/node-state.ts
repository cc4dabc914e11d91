/**
 * A node's state in its store: what it opens with, what a replica and a node read from it, and how
 * the writes of a `Ready` become one write of the store. The layout is in `key-layout.ts`; every
 * value is sealed.
 */

import { createHash } from 'node:crypto'
import {
  epochFactsAfter,
  invariant,
  unreachable,
  type Bytes,
  type DurableState,
  type EpochFacts,
  type LogEntry,
  type Mutation,
  type RecordReader,
  type TxnRecord,
  type Write,
} from '@synevi/accord'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import { ChainHasher } from '../chain/hash-chain.ts'
import { verifySteps, type VerifyReport } from '../chain/verify.ts'
import type { LogPosition, StateReader } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import { timeAfter } from './agreed-time.ts'
import { appliedPage } from './applied-page.ts'
import { ExecutorKeys, ExecutorReader } from './executor-state.ts'
import { durableSource } from './state-source.ts'
import { FACT, TABLE, tableEnd, tableStart } from './key-layout.ts'
import { lastLogEntry, logMutation, readLogEntry, shortenedLog } from './log-table.ts'
import { MarkTable, readMarks } from './mark-table.ts'
import {
  formatAdmitted,
  formatApplied,
  formatBase,
  formatDiverged,
  formatDurableSeq,
  formatFeatures,
  formatEpochs,
  formatFloor,
  formatFloors,
  formatHlcReserve,
  formatPeer,
  parseFact,
  readAdmitted,
  readApplied,
  readBase,
  readDiverged,
  readDurableSeq,
  readFeatures,
  readFloors,
  readHlcReserve,
  readIdentity,
  readEpochs,
  readPeers,
  readSettings,
  type AppliedHead,
  type ClusterSettings,
  type StoredIdentity,
} from './node-facts.ts'
import { recordReader } from './record-reader.ts'
import {
  appliedRecordMutations,
  liveRecords,
  recordMutations,
  truncatedMutations,
} from './record-table.ts'
import { recall, type Remembered } from './request-memory.ts'
import { SyneviError } from '../synevi-error.ts'
import { corrupt, unseal } from './sealed.ts'
import { inSlot, keyInSlot, readSlots, sealKeyOf, storeOfSlot, type Slot } from './slots.ts'
import type { Damage } from './sum-walk.ts'
import { checkIdentity, freshFacts, hasState, type NodeStateOptions } from './store-identity.ts'

/** One for each store; the only writer of it. */
export class NodeState {
  readonly identity: StoredIdentity
  /** As agreed at bootstrap, not as the options of this start say. */
  readonly settings: ClusterSettings
  /** Told what a read for a peer found; once the node is open. */
  onDamage: (damage: Damage) => void = () => {}
  /** As it looks from the current slot: the only way to it. */
  readonly store: Store
  readonly #slot: Slot
  readonly #marks: MarkTable
  readonly #hasher = new ChainHasher()
  /** After the writes encoded so far. */
  #head: AppliedHead
  #durableSeq: bigint
  #epochs: EpochFacts

  private constructor(whole: Store) {
    const { current } = readSlots(whole)
    const store = storeOfSlot(whole, current)
    this.#slot = current
    this.store = store
    this.identity = readIdentity(store)
    this.settings = readSettings(store)
    this.#marks = new MarkTable(readMarks(store))
    this.#head = readApplied(store)
    this.#durableSeq = readDurableSeq(store)
    this.#epochs = readEpochs(store)
    const last = lastLogEntry(store)
    if (last !== undefined && last.executeAt !== this.#head.watermark.executeAt) {
      throw corrupt(
        new Uint8Array([TABLE.log]),
        'it does not end with the last applied transaction',
      )
    }
  }

  /**
   * Whose store it is; undefined when it is empty. Throws as {@link open} does for what is no such
   * store.
   */
  static identityIn(store: Store): StoredIdentity | undefined {
    return hasState(store) ? readIdentity(store) : undefined
  }

  /**
   * Opens a store that has state, or makes a fresh one: durable when this resolves. Rejects with
   * `INCOMPATIBLE_VERSION` for a newer format, `INVALID_ARGUMENT` for the store of another node or
   * cluster or of another program, `STORE_FAILED` for one that is damaged.
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
    return {
      storeId: parseFact(this.store, FACT.storeId, (reader) => reader.raw(16).slice()),
      durableSeq: readDurableSeq(this.store),
      hlcReserve: readHlcReserve(this.store),
      admitted: readAdmitted(this.store),
      ...readEpochs(this.store),
      features: readFeatures(this.store),
      peers: readPeers(this.store),
      live: liveRecords(this.store),
      marks: readMarks(this.store),
      applied: readApplied(this.store).watermark,
      floors: readFloors(this.store),
      divergedAt: readDiverged(this.store),
    }
  }

  /** Durable: what a read from outside may see. */
  get applied(): AppliedHead {
    return readApplied(this.store)
  }

  /** Where the history here begins: entries at and below this are absent. 0n: it is whole. */
  get basePosition(): LogPosition {
    return readBase(this.store)?.position ?? 0n
  }

  /** What the core may ask, from durable state. Throws `STORE_FAILED`. */
  get reader(): RecordReader {
    return recordReader(this.store, (damage) => {
      const { key } = damage
      if (key === undefined) return this.onDamage(damage)
      this.onDamage({ ...damage, key: keyInSlot(sealKeyOf(key), this.#slot) })
    })
  }

  /**
   * The writes of one Ready as one write of the whole store, which must be the next one. The
   * mutations of an execution are sealed already (`execution-lane.ts`). Facts and marks that change
   * several times are written once, and `durableSeq` rises by one if the core did not say it.
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
    return inSlot(mutations, this.#slot)
  }

  /**
   * Executed requests above a position, in order: at least one transaction's if there are any.
   * Throws `TRUNCATED` when the log here begins above it.
   */
  appliedPage(after: LogPosition, countMax: number): readonly AppliedEntry[] {
    const { basePosition } = this
    if (after < basePosition) throw truncated(after, basePosition)
    return appliedPage(this.store, this.#hasher, { after, countMax })
  }

  /** Walks the chain in short turns; see {@link verifySteps}. */
  verifySteps(from?: LogPosition): Generator<LogPosition, VerifyReport> {
    const parts = { store: this.store, dedupMax: this.settings.dedupMax }
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
    return recall(durableSource(this.store), id)
  }

  /** One executor's durable state, read only. */
  view(executor: string): StateReader {
    return new ExecutorReader(durableSource(this.store), new ExecutorKeys(executor))
  }

  /**
   * SHA3-256 over all executors' durable state in the order of keys, hexadecimal: equal at equal
   * positions.
   */
  stateDigest(): string {
    const digest = createHash('sha3-256')
    const length = new DataView(new ArrayBuffer(8))
    const range = { from: tableStart(TABLE.state), until: tableEnd(TABLE.state) }
    for (const [key, sealed] of this.store.scan(range)) {
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
        if (write.closing !== undefined) into.push(...formatFloors(write.closing))
        if (write.reconfig !== undefined) into.push(this.#epochsAfter(write.reconfig))
        return
      case 'logTruncated':
        into.push(...shortenedLog(this.store, write.base), formatBase(write.base))
        return
      case 'truncated':
        into.push(...truncatedMutations(this.store, write.below))
        return
      case 'epochEnd':
        into.push(this.#epochsAfter(write))
        return
      case 'closed':
        into.push(...formatFloors(write.floors))
        return
      case 'floor':
        into.push(formatFloor(write.floor))
        return
      case 'hlcReserve':
        into.push(formatHlcReserve(write.hlc))
        return
      case 'admitted':
        into.push(formatAdmitted(true))
        return
      case 'diverged':
        into.push(formatDiverged(write.position))
        return
      case 'peer':
        into.push(formatPeer(write.peer))
        return
      case 'features':
        into.push(...formatFeatures(write.features))
        return
      case 'durableSeq':
        return
      default:
        return unreachable(write)
    }
  }

  #epochsAfter(change: Parameters<typeof epochFactsAfter>[1]): Mutation {
    this.#epochs = epochFactsAfter(this.#epochs, change)
    return formatEpochs(this.#epochs)
  }

  #record(record: TxnRecord, txnIsNew: boolean): readonly Mutation[] {
    if (record.applied && record.outcome?.kind === 'decided') {
      const entry = readLogEntry(this.store, record.outcome.executeAt)
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

function truncated(after: LogPosition, base: LogPosition): SyneviError {
  const message = `cannot read the log above ${after}: it begins above ${base} here`
  return new SyneviError('TRUNCATED', message, {
    definite: true,
    details: { base: base.toString() },
  })
}
