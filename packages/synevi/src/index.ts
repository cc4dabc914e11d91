/** A leaderless, strict-serializable replicated log for Node.js, embeddable. */

export * from './contract/store.ts'
export * from './contract/network.ts'
export * from './contract/clock.ts'
export * from './contract/observe.ts'
export * from './contract/executor.ts'
export * from './synevi-error.ts'
export {
  nodeSerial,
  millis,
  nanos,
  type Bytes,
  type Millis,
  type Nanos,
  type NodeSerial,
  type TxnId,
  type Mutation,
} from '@synevi/accord'

export {
  defineTransaction,
  on,
  resultOf,
  type Handler,
  type Transaction,
  type TransactionHandler,
  type TransactionType,
} from './define/transaction.ts'
export {
  answer,
  defineQuery,
  outputOf,
  type Query,
  type QueryHandler,
  type QueryType,
} from './define/query.ts'
export { defineExecutor, type ExecutorParts } from './define/define-executor.ts'
export { err, ok, type Result } from './define/result.ts'
export { schemaCodec, type Shape } from './define/schema-codec.ts'
export { bigintCodec, bytesCodec, jsonCodec, stringCodec } from './define/plain-codecs.ts'
export { decodeJson, encodeJson } from './define/canonical-json.ts'
export {
  type StandardIssue,
  type StandardResult,
  type StandardSchemaV1,
} from './define/standard-schema.ts'
export {
  Kv,
  KvExecutor,
  type KvCas,
  type KvMismatch,
  type KvRequests,
  type KvWrite,
} from './executor/kv.ts'
export { Noop, NoopExecutor } from './executor/noop.ts'
export {
  ChainHasher,
  chainStart,
  payloadDigest,
  type ChainHeads,
  type OutcomeNote,
  type Place,
} from './chain/hash-chain.ts'
export { verifySteps, type VerifyReport } from './chain/verify.ts'
export { verifyStore, verifyStoreSteps } from './chain/verify-store.ts'
export { type Damage } from './state/sum-walk.ts'
export { SummedStore, type SumsFound } from './state/summed-store.ts'
export { type AppliedEntry } from './chain/chained-entries.ts'
export { NodeState } from './state/node-state.ts'
export { type NodeStateOptions } from './state/store-identity.ts'
export { type AppliedHead, type ClusterSettings, type StoredIdentity } from './state/node-facts.ts'
export { decodeBatch, encodeBatch, requestBytes, type Request } from './request.ts'

export { Node } from './node.ts'
export type { DamageEvent, DamageReport } from './repair/damage.ts'
export type { BackupDraft, BackupPlace, BackupSink } from './contract/backup-place.ts'
export type { BackupFile, BackupManifest } from './backup/manifest.ts'
export { checkBackup } from './backup/check-backup.ts'
export {
  inspectSurvivor,
  startNewCluster,
  type NewCluster,
  type NewClusterOptions,
  type Survivor,
} from './backup/start-new-cluster.ts'
export { restoreBackup, type Restored, type RestoreOptions } from './backup/restore-backup.ts'
export type { MemberSpec, NodeOptions } from './options.ts'
export type { Applied } from './drive/applied-result.ts'
export type { AppliedTransaction } from './read/applied-transaction.ts'
export type { Consistency } from './read/consistency.ts'
export type { Waiting } from './read/waits.ts'
export type { NodeEvents } from './observe/events.ts'
export type { Member, NodePhase, NodeStatus } from './observe/status.ts'
export type { SnapshotProgress } from './snapshot/fetch-end.ts'
export type {
  Attributes,
  CounterLike,
  HistogramLike,
  MeterLike,
  SpanLike,
  Telemetry,
  TracerLike,
} from './observe/telemetry.ts'
export { MemoryStore } from './store/memory-store.ts'
export { LocalHub, LocalNetwork, type LocalHubOptions } from './network/local-network.ts'
export { SystemClock } from './system-clock.ts'
export { newNodeId } from './identifier.ts'
export { clusterOf } from './drive/open-replica.ts'
