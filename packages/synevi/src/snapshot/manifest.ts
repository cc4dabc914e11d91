/**
 * The first part of a snapshot: of which cluster and position it is, and the small facts that go
 * with its tables.
 */

import { hash } from 'node:crypto'
import {
  decodeEpochFacts,
  openConfiguration,
  type Bytes,
  type EpochFacts,
  type Mutation,
  type Timestamp,
  type Watermark,
} from '@synevi/accord'
import { FieldError, FieldReader, FieldWriter } from '../state/fields.ts'
import { FACT, factKey, type Fact } from '../state/key-layout.ts'
import { factMutation, formatEpochs, readFact, type AppliedHead } from '../state/node-facts.ts'
import { decoded, type Source } from '../state/sealed.ts'

/** What a snapshot is of. */
export interface Manifest {
  /** 16 bytes. */
  readonly cluster: Bytes
  /** How far its state goes. */
  readonly head: AppliedHead
  /**
   * After its last entry: what others say of a position. What has no entry stands behind it in the
   * chain (ADR 0025). Undefined: not in the log of the sender.
   */
  readonly lastEntry: Watermark | undefined
  /** Where the history in it begins; undefined: with the first entry. */
  readonly base: Watermark | undefined
  /** Ids below it are finished everywhere (`protocol.md` 8.1). */
  readonly closedBefore: Timestamp
  /** About as many bytes follow: for progress. 0: not known. */
  readonly sizeHint: bigint
  /** Facts that the receiver takes over as they are, by {@link SNAPSHOT_FACTS}. */
  readonly facts: ReadonlyMap<number, Bytes>
}

/**
 * The facts that belong to the replicated state rather than to a node: whoever installs a snapshot
 * takes them over. Add those of a new kind of replicated state here.
 */
export const SNAPSHOT_FACTS: readonly Fact[] = [FACT.settings]

const VERSION = 1
const CLUSTER_BYTES = 16

/** The facts of a store that go with a snapshot of it. */
export function snapshotFacts(source: Source): ReadonlyMap<number, Bytes> {
  const facts = new Map<number, Bytes>()
  for (const fact of [...SNAPSHOT_FACTS, FACT.epochs]) {
    const value = readFact(source, fact)
    if (value !== undefined) facts.set(fact, value.slice())
  }
  return facts
}

/** The mutations that take the facts over; those that are not known here are left out. */
export function factMutations(manifest: Manifest): readonly Mutation[] {
  return SNAPSHOT_FACTS.flatMap((fact) => {
    const value = manifest.facts.get(fact)
    return value === undefined ? [] : [factMutation(fact, value)]
  })
}

/**
 * The epochs that the installed state is of: the snapshot's, unless this node has opened later ones
 * or as late, and in any case the Reconfig that ends the open one. Nothing when they stay as they
 * are. Throws `STORE_FAILED` for bytes that are none.
 */
export function epochMutations(manifest: Manifest, own: EpochFacts): readonly Mutation[] {
  const value = manifest.facts.get(FACT.epochs)
  if (value === undefined) return []
  const theirs = decoded(factKey(FACT.epochs), decodeEpochFacts(value))
  const open = openConfiguration(own).epoch
  if (openConfiguration(theirs).epoch > open) return [formatEpochs(theirs)]
  if (openConfiguration(theirs).epoch < open || theirs.pending === undefined) return []
  return [formatEpochs({ ...own, pending: own.pending ?? theirs.pending })]
}

/** The inverse of {@link decodeManifest}. */
export function encodeManifest(manifest: Manifest): Bytes {
  const writer = new FieldWriter(256).byte(VERSION).raw(manifest.cluster)
  writer.uint64(manifest.head.time)
  writeWatermark(writer, manifest.head.watermark)
  for (const watermark of [manifest.lastEntry, manifest.base]) {
    writer.byte(watermark === undefined ? 0 : 1)
    if (watermark !== undefined) writeWatermark(writer, watermark)
  }
  writer.timestamp(manifest.closedBefore)
  writer.uint64(manifest.sizeHint).byte(manifest.facts.size)
  for (const [fact, value] of manifest.facts) {
    writer.byte(fact).uint32(value.byteLength).raw(value)
  }
  return writer.finish()
}

/** Undefined for what is no manifest of a version known here. */
export function decodeManifest(bytes: Bytes): Manifest | undefined {
  try {
    return readManifest(new FieldReader(bytes))
  } catch (error) {
    if (error instanceof FieldError || error instanceof RangeError) return undefined
    throw error
  }
}

/** The digest of a first part: those of the others are made upon it. */
export function firstDigest(bytes: Bytes): Bytes {
  return hash('sha256', bytes, 'buffer')
}

function readManifest(reader: FieldReader): Manifest | undefined {
  if (reader.byte() !== VERSION) return undefined
  const cluster = reader.raw(CLUSTER_BYTES).slice()
  const time = reader.uint64()
  const watermark = readWatermark(reader)
  const lastEntry = reader.byte() === 0 ? undefined : readWatermark(reader)
  const base = reader.byte() === 0 ? undefined : readWatermark(reader)
  const closedBefore = reader.timestamp()
  const sizeHint = reader.uint64()
  const facts = new Map<number, Bytes>()
  for (let left = reader.byte(); left > 0; left--) {
    facts.set(reader.byte(), reader.raw(reader.uint32()).slice())
  }
  reader.finish()
  const head = { watermark, time }
  return { cluster, head, lastEntry, base, closedBefore, sizeHint, facts }
}

function writeWatermark(writer: FieldWriter, watermark: Watermark): void {
  writer.uint64(watermark.position).timestamp(watermark.executeAt)
  writer.shortBytes(watermark.txnHash).shortBytes(watermark.execHash)
}

function readWatermark(reader: FieldReader): Watermark {
  return {
    position: reader.uint64(),
    executeAt: reader.timestamp(),
    txnHash: reader.shortBytes().slice(),
    execHash: reader.shortBytes().slice(),
  }
}
