/** The small facts of a node, one value each: who it is, whom it belongs to, how far it is. */

import {
  NO_FEATURES,
  configurationOf,
  decodeEpochFacts,
  decodeMembers,
  decodeWatermark,
  encodeEpochFacts,
  encodeMembers,
  encodeWatermark,
  epoch,
  hlc,
  nodeSerial,
  type Bytes,
  TIMESTAMP_ZERO,
  type Epoch,
  type EpochFacts,
  type FloorState,
  type Hlc,
  type MemberEntry,
  type Mutation,
  type NodeSerial,
  type PeerIdentity,
  type StoredFeatures,
  type Timestamp,
  type Watermark,
} from '@synevi/accord'
import { FieldReader, FieldWriter } from './fields.ts'
import { FACT, TABLE, factKey, peerKey, tableEnd, tableStart, type Fact } from './key-layout.ts'
import { corrupt, decoded, getSealed, reading, seal, unseal, type Source } from './sealed.ts'

/**
 * The versions of the layout. A store of the first is read by 0.1.0. It becomes one of the second
 * when it first requires a feature: 0.1.0 refuses it then, and later builds read which.
 */
export const FORMAT_VERSION = 1
/** See {@link FORMAT_VERSION}; the newest that this code reads. */
export const FORMAT_VERSION_FEATURES = 2

/** Who the node of a store is. */
export interface StoredIdentity {
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly id: string
  readonly serial: NodeSerial
}

/** Agreed at bootstrap, the same on all nodes: outcomes depend on them. */
export interface ClusterSettings {
  /** Request ids remembered, 1 or more. */
  readonly dedupMax: number
  /** Outcomes up to this size are kept with them. */
  readonly dedupResultMaxBytes: number
  /** A larger outcome is a failure of the request. */
  readonly resultMaxBytes: number
}

/** How far the node has applied. */
export interface AppliedHead {
  readonly watermark: Watermark
  /** Agreed time of the last entry, 0 when there is none. */
  readonly time: bigint
}

/** An epoch and who votes in it. */
export interface Membership {
  readonly epoch: Epoch
  readonly members: readonly MemberEntry[]
}

/** Sets a fact. */
export function factMutation(fact: Fact, value: Bytes): Mutation {
  const key = factKey(fact)
  return { key, value: seal(key, value) }
}

/** The checked bytes of a fact; undefined when it is not set. */
export function readFact(store: Source, fact: Fact): Bytes | undefined {
  return getSealed(store, factKey(fact))
}

/** Reads a fact that every store has. Throws `STORE_FAILED` when it is missing or damaged. */
export function parseFact<T>(store: Source, fact: Fact, parse: (reader: FieldReader) => T): T {
  const key = factKey(fact)
  const value = getSealed(store, key)
  if (value === undefined) throw corrupt(key, 'it is missing')
  return reading(key, () => {
    const reader = new FieldReader(value)
    const parsed = parse(reader)
    reader.finish()
    return parsed
  })
}

/** Says whose store it is: once, when it is made. */
export function formatIdentity(identity: StoredIdentity): Mutation[] {
  const self = new FieldWriter()
    .uint16(identity.serial)
    .shortBytes(Buffer.from(identity.id, 'utf8'))
  return [factMutation(FACT.cluster, identity.cluster), factMutation(FACT.self, self.finish())]
}

/** Whose store it is. Throws `STORE_FAILED`. */
export function readIdentity(store: Source): StoredIdentity {
  const cluster = parseFact(store, FACT.cluster, (reader) => reader.raw(16).slice())
  const self = parseFact(store, FACT.self, (reader) => ({
    serial: nodeSerial(reader.uint16()),
    id: Buffer.from(reader.shortBytes()).toString('utf8'),
  }))
  return { cluster, ...self }
}

/** Sets what the cluster agreed on: once, when the store is made. */
export function formatSettings(settings: ClusterSettings): Mutation {
  const writer = new FieldWriter()
  writer
    .uint32(settings.dedupMax)
    .uint32(settings.dedupResultMaxBytes)
    .uint32(settings.resultMaxBytes)
  return factMutation(FACT.settings, writer.finish())
}

/** What the cluster agreed on. Throws `STORE_FAILED`. */
export function readSettings(store: Source): ClusterSettings {
  return parseFact(store, FACT.settings, (reader) => ({
    dedupMax: reader.uint32(),
    dedupResultMaxBytes: reader.uint32(),
    resultMaxBytes: reader.uint32(),
  }))
}

/** Sets the members of the open epoch. */
export function formatMembership(membership: Membership): Mutation {
  const writer = new FieldWriter().uint16(membership.epoch).raw(encodeMembers(membership.members))
  return factMutation(FACT.membership, writer.finish())
}

/** The members of the open epoch. Throws `STORE_FAILED`. */
export function readMembership(store: Source): Membership {
  return parseFact(store, FACT.membership, (reader) => ({
    epoch: epoch(reader.uint16()),
    members: decoded(factKey(FACT.membership), decodeMembers(reader.rest())),
  }))
}

/** Sets what is known of epochs: from the first change of membership on. */
export function formatEpochs(facts: EpochFacts): Mutation {
  return factMutation(FACT.epochs, encodeEpochFacts(facts))
}

/** What is known of epochs; a store without a change of membership knows its first one. */
export function readEpochs(store: Source): EpochFacts {
  const stored = readFact(store, FACT.epochs)
  if (stored !== undefined) return decoded(factKey(FACT.epochs), decodeEpochFacts(stored))
  const { epoch, members } = readMembership(store)
  return { configurations: [configurationOf(epoch, members)], pending: undefined, ends: [] }
}

/** Sets how far the node has applied. */
export function formatApplied(head: AppliedHead): Mutation {
  const writer = new FieldWriter().uint64(head.time).raw(encodeWatermark(head.watermark))
  return factMutation(FACT.applied, writer.finish())
}

/** How far the node has applied, durably. Throws `STORE_FAILED`. */
export function readApplied(store: Source): AppliedHead {
  return parseFact(store, FACT.applied, (reader) => ({
    time: reader.uint64(),
    watermark: decoded(factKey(FACT.applied), decodeWatermark(reader.rest())),
  }))
}

/** Sets where the history in this store begins: how far was applied before its first entry. */
export function formatBase(base: Watermark): Mutation {
  return factMutation(FACT.base, encodeWatermark(base))
}

/** Where the history in this store begins; undefined: with the first entry. */
export function readBase(store: Source): Watermark | undefined {
  const value = readFact(store, FACT.base)
  return value === undefined ? undefined : decoded(factKey(FACT.base), decodeWatermark(value))
}

/** Sets where the results of this node began to differ from a majority's. */
export function formatDiverged(position: bigint): Mutation {
  return factMutation(FACT.diverged, new FieldWriter(8).uint64(position).finish())
}

/** A divergence that was not repaired. */
export function readDiverged(store: Source): bigint | undefined {
  const key = factKey(FACT.diverged)
  const value = getSealed(store, key)
  return value === undefined ? undefined : reading(key, () => new FieldReader(value).uint64())
}

/** Sets the number of the write that this is a part of. */
export function formatDurableSeq(seq: bigint): Mutation {
  return factMutation(FACT.durableSeq, new FieldWriter(8).uint64(seq).finish())
}

/** The number of the last write. Throws `STORE_FAILED`. */
export function readDurableSeq(store: Source): bigint {
  return parseFact(store, FACT.durableSeq, (reader) => reader.uint64())
}

/** 80 bits in the field of a timestamp's 128. */
export function formatHlcReserve(reserve: Hlc): Mutation {
  return factMutation(FACT.hlcReserve, new FieldWriter(16).timestamp(reserve << 16n).finish())
}

/** Where the clock of the next process begins. Throws `STORE_FAILED`. */
export function readHlcReserve(store: Source): Hlc {
  return parseFact(store, FACT.hlcReserve, (reader) => hlc(reader.timestamp() >> 16n))
}

/** Sets whether a quorum has accepted this store. */
export function formatAdmitted(admitted: boolean): Mutation {
  return factMutation(FACT.admitted, Uint8Array.of(admitted ? 1 : 0))
}

/** Whether a quorum has accepted this store. Throws `STORE_FAILED`. */
export function readAdmitted(store: Source): boolean {
  return parseFact(store, FACT.admitted, (reader) => reader.byte() === 1)
}

/** Sets the version of the layout. */
export function formatVersion(version: number): Mutation {
  return factMutation(FACT.format, Uint8Array.of(version >>> 8, version & 0xff))
}

/** Sets what the store requires of a build, in one write with the version of the layout. */
export function formatFeatures({ requires, active }: StoredFeatures): Mutation[] {
  const writer = new FieldWriter(8).uint32(requires).uint32(active)
  const features = factMutation(FACT.features, writer.finish())
  return requires === NO_FEATURES ? [features] : [formatVersion(FORMAT_VERSION_FEATURES), features]
}

/** What the store requires of a build: nothing, when none was ever on. Throws `STORE_FAILED`. */
export function readFeatures(store: Source): StoredFeatures {
  const key = factKey(FACT.features)
  const value = getSealed(store, key)
  if (value === undefined) return { requires: NO_FEATURES, active: NO_FEATURES }
  return reading(key, () => {
    // What a later build appended is not ours to read.
    const reader = new FieldReader(value)
    return { requires: reader.uint32(), active: reader.uint32() }
  })
}

/** Sets the floor (`protocol.md` 8.1). */
export function formatFloor(floor: Timestamp): Mutation {
  return factMutation(FACT.floor, new FieldWriter(16).timestamp(floor).finish())
}

/** Sets the floor and what is closed. */
export function formatFloors({ floor, closedBefore }: FloorState): readonly Mutation[] {
  const closed = new FieldWriter(16).timestamp(closedBefore).finish()
  return [formatFloor(floor), factMutation(FACT.closedBefore, closed)]
}

/** Both zero in a store that never held any. Throws `STORE_FAILED`. */
export function readFloors(store: Source): FloorState {
  return {
    floor: readBound(store, FACT.floor),
    closedBefore: readBound(store, FACT.closedBefore),
  }
}

function readBound(store: Source, fact: Fact): Timestamp {
  if (readFact(store, fact) === undefined) return TIMESTAMP_ZERO
  return parseFact(store, fact, (reader) => reader.timestamp())
}

/** Sets what is known of a peer's store. */
export function formatPeer(peer: PeerIdentity): Mutation {
  const key = peerKey(peer.serial)
  const writer = new FieldWriter().uint64(peer.durableSeq).shortBytes(peer.storeId)
  return { key, value: seal(key, writer.finish()) }
}

/** By serial. */
export function readPeers(store: Source): readonly PeerIdentity[] {
  const peers: PeerIdentity[] = []
  for (const [key, sealed] of store.scan({
    from: tableStart(TABLE.peer),
    until: tableEnd(TABLE.peer),
  })) {
    const reader = new FieldReader(unseal(key, sealed))
    peers.push(
      reading(key, () => ({
        serial: nodeSerial(new FieldReader(key.subarray(1)).uint16()),
        durableSeq: reader.uint64(),
        storeId: reader.shortBytes().slice(),
      })),
    )
  }
  return peers
}
