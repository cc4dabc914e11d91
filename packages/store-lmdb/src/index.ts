/** Durable store of a Synevi node, on LMDB: a write is on the disk when its promise resolves. */

export { LmdbStore } from './lmdb-store.ts'
export type { LmdbDurability, LmdbStoreOptions } from './lmdb-options.ts'
