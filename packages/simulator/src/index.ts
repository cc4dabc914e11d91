/** Deterministic simulation of Synevi clusters, and checkers for what they did. */

export {
  simulate,
  type ClientStep,
  type SimulateOptions,
  type SimulatedRun,
  type SimulationReport,
} from './simulate.ts'
export { Prng } from './prng.ts'
export { type Violation } from './watch.ts'
export {
  HistoryError,
  mergeAttempts,
  operationsOf,
  parseLine,
  sameJson,
  type Anomaly,
  type Json,
  type Line,
  type Operation,
} from './check/history.ts'
export { KvListModel, UnknownOperation, isReadOnly, type Model } from './check/model.ts'
export {
  SYSTEM,
  checkWitness,
  logOf,
  type Replay,
  type WitnessEntry,
  type WitnessVerdict,
} from './check/witness.ts'
export { checkListAppend, type ListAnomaly } from './check/list-append.ts'
export { checkLinearizable, isValid, splitByKey, type LinearVerdict } from './check/linearizable.ts'
export { checkDurable, type Acknowledged, type DurableEntry } from './check/durable.ts'
export { checkLocalReads } from './check/local-reads.ts'
export { compareDigests, type NodeDigest } from './check/agreement.ts'

// For real processes (rig).
export { checkRest, type Load } from './check/bounds.ts'
export { requestId } from './workload/client.ts'
export { MixedWorkload } from './workload/mixed.ts'
export { Recorder, type OpenOperation, type SentRequest } from './workload/recorder.ts'
export type { ExecutorWorld, Step, Workload } from './workload/workload.ts'

// Bare cores: worlds, walks, explorer, scenarios.
export { CoreWorld, type CoreWorldOptions, type Packet } from './core-world/core-world.ts'
export { complete, type Completed } from './core-world/completion.ts'
export { Violation as CoreViolation } from './core-world/violation.ts'
export { transcriptOf, walk, type WalkResult } from './walk/walk.ts'
export { campaign, type CampaignResult, type Failure } from './walk/campaign.ts'
export type { WalkCounts } from './walk/walk-counts.ts'
export { explore, type Exploration } from './explore/explorer.ts'
export { DEEP_BOUNDS, DEFAULT_BOUNDS, type Bounds } from './explore/bounds.ts'
export { play, type Played } from './scenario/stage.ts'
