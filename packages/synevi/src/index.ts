/** A leaderless, strict-serializable replicated log for Node.js, embeddable. */

export * from './contract/store.ts'
export * from './contract/network.ts'
export * from './contract/clock.ts'
export * from './contract/observe.ts'
export * from './contract/executor.ts'
export * from './synevi-error.ts'
export { nodeSerial, millis, nanos, type Bytes, type Millis, type Nanos, type NodeSerial, type TxnId, type Mutation } from '@synevi/accord'
