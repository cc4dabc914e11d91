/** Workloads and checkers, for whatever has nodes: simulated ones, or real processes. */

export { compareDigests, type NodeDigest } from './check/agreement.ts'
export { checkRest, type Load } from './check/bounds.ts'
export { checkDurable, type Acknowledged, type DurableEntry } from './check/durable.ts'
export {
  HistoryError,
  operationsOf,
  type Anomaly,
  type Json,
  type Line,
  type Operation,
} from './check/history.ts'
export { checkListAppend } from './check/list-append.ts'
export { checkLocalReads } from './check/local-reads.ts'
export type { Model } from './check/model.ts'
export {
  SYSTEM,
  checkWitness,
  type Replay,
  type WitnessEntry,
  type WitnessVerdict,
} from './check/witness.ts'
export { Prng } from './prng.ts'
export { requestId } from './workload/client.ts'
export { MixedWorkload } from './workload/mixed.ts'
export { Recorder, type OpenOperation, type SentRequest } from './workload/recorder.ts'
export type { ExecutorWorld, Step, Workload } from './workload/workload.ts'
