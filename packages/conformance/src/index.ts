/** Cases that any store, network or executor of Synevi must pass, for any test runner. */

export { ConformanceFailure, type ConformanceCase } from './conformance-case.ts'
export { storeCases, type MakeStore, type StoreFixture } from './store-cases.ts'
export { networkCases, type MakeNetworks, type NetworkFixture, type TestNetwork } from './network-cases.ts'
export { executorCases, type ExecutorFixture, type MakeExecutor } from './executor-cases.ts'
export type { Sample } from './executor-world.ts'
