/** Cases that any store, network or executor of Synevi must pass, for any test runner. */

export { ConformanceFailure, type ConformanceCase } from './conformance-case.ts'
export { storeCases } from './store-cases.ts'
export type { MakeStore, StoreFixture } from './store-fixture.ts'
export { networkCases } from './network-cases.ts'
export { questionCases } from './question-cases.ts'
export type { MakeNetworks, NetworkFixture, TestNetwork } from './network-fixture.ts'
export { executorCases, type ExecutorFixture, type MakeExecutor } from './executor-cases.ts'
export type { Sample } from './executor-world.ts'
