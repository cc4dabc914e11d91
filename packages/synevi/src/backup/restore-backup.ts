/**
 * From a backup to the store of a new cluster: the same history, state and request memory, and
 * nothing of what the old nodes promised.
 */

import { createHash, hash } from 'node:crypto'
import {
  TIMESTAMP_ZERO,
  epoch,
  epochOf,
  hlc,
  hlcOf,
  nodeSerial,
  timestamp,
  timestampOf,
  type Bytes,
  type Epoch,
  type Hlc,
  type MemberEntry,
  type Mutation,
  type NodeSerial,
} from '@synevi/accord'
import type { BackupPlace } from '../contract/backup-place.ts'
import type { Store } from '../contract/store.ts'
import { verifyStore } from '../chain/verify-store.ts'
import type { MemberSpec } from '../options.ts'
import { OptionFields, hasMethods } from '../option-fields.ts'
import { parseMembers } from '../parse-node-options.ts'
import { bytesFrom } from '../seeded-random.ts'
import { isFact } from '../state/key-layout.ts'
import {
  factMutation,
  formatApplied,
  formatDurableSeq,
  formatFeatures,
  formatFloors,
  formatHlcReserve,
} from '../state/node-facts.ts'
import { freshFacts } from '../state/store-identity.ts'
import { SummedStore } from '../state/summed-store.ts'
import { SyneviError } from '../synevi-error.ts'
import { isPlace, placeOf } from './backup-directory.ts'
import { aborted, checkBackup, recordsOf } from './check-backup.ts'
import { damagedBackup, type BackupManifest } from './manifest.ts'
import type { Pair } from './record-file.ts'
import { BACKUP_TABLES } from './write-backup.ts'

/** What to restore, and for whom. */
export interface RestoreOptions {
  /** The directory of a backup, or another place. */
  readonly from: string | BackupPlace
  /** Empty; it stays open. */
  readonly store: Store
  /** The node that the store will be of. `serial`: 0, or as in `members`. */
  readonly self: { readonly id: string; readonly serial?: number }
  /**
   * The members of the new cluster, this node among them: restore the same backup with the same
   * list on each. Only while the old cluster never changed its members. Default: this node alone.
   */
  readonly members?: readonly MemberSpec[]
  readonly signal?: AbortSignal
  /** Everything left to chance comes from it. Another for each store. Default random. */
  readonly seed?: bigint
}

/** What a restored store is of. */
export interface Restored {
  /** Hexadecimal: a new one, the same on all members restored alike. */
  readonly cluster: string
  /** The first epoch of the new cluster: 1, or above all that the history has seen. */
  readonly epoch: number
  readonly manifest: BackupManifest
}

const CLUSTER_DOMAIN = 'synevi/restored/1'
const BATCH_BYTES = 1_048_576
const EMPTIED_AT_ONCE = 4_096

/**
 * Checks all of a backup, then writes it into an empty store, whose node and peers are opened
 * afterwards without `members`: the store knows them. Then the chain is computed anew from what was
 * written. The last write makes it the store of a node; one that was restored in part is refused by
 * `Node.open`, should the process die.
 *
 * The new cluster has an id of its own, so that nothing of the old one talks to it, and its clock
 * and epoch begin above the old ones, so that its transactions come after all that is restored.
 *
 * Rejects, all definite: `INVALID_ARGUMENT` (an option; a store that is not empty), `STORE_FAILED`
 * (the backup is damaged or incomplete: the store is empty as before; or the store fails),
 * `INCOMPATIBLE_VERSION`, `CANCELLED`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { store, signal } = options
  const target = parseTarget(options)
  const from = placeOf(options.from)
  for (const _ of store.scan({ limit: 1 })) throw invalid('the store is not empty')
  const manifest = await checkBackup(from, signal)
  const cluster = clusterOfRestored(target.members, manifest)
  const first = firstEpoch(manifest, target.members)
  const facts = factsOf({ ...target, cluster, epoch: first }, manifest)
  const summed = await SummedStore.open(store)
  try {
    await new Restore(summed, { from, manifest, signal }).write()
    await summed.write(facts)
    await verified(summed, signal)
  } catch (error) {
    await emptied(store)
    throw error
  }
  return { cluster: Buffer.from(cluster).toString('hex'), epoch: first, manifest }
}

/** The chain is computed anew, and everything held against it. */
async function verified(store: SummedStore, signal: AbortSignal | undefined): Promise<void> {
  const { ok, firstBad, damage } = await verifyStore(store)
  aborted(signal)
  if (!ok) throw damagedBackup(firstBad?.why ?? damage?.[0]?.why ?? 'it contradicts itself')
}

/** As it was, as far as the store still takes writes. */
async function emptied(store: Store): Promise<void> {
  try {
    for (;;) {
      const batch: Mutation[] = []
      for (const [key] of store.scan({ limit: EMPTIED_AT_ONCE }))
        batch.push({ key, value: undefined })
      if (batch.length === 0) return
      await store.write(batch)
    }
  } catch {
    // It stays what `Node.open` refuses, for what makes it a node's is written last.
  }
}

interface Target {
  readonly id: string
  readonly serial: NodeSerial
  readonly members: readonly MemberEntry[]
  readonly random: (count: number) => Bytes
}

interface BackupSource {
  readonly from: BackupPlace
  readonly manifest: BackupManifest
  readonly signal: AbortSignal | undefined
}

class Restore {
  readonly #store: SummedStore
  readonly #backup: BackupSource
  #batch: Mutation[] = []
  #bytes = 0

  constructor(store: SummedStore, backup: BackupSource) {
    this.#store = store
    this.#backup = backup
  }

  async write(): Promise<void> {
    for (const [table] of BACKUP_TABLES) {
      const { from, manifest, signal } = this.#backup
      for await (const pairs of recordsOf(from, manifest, table)) {
        aborted(signal)
        for (const pair of pairs) {
          this.#add(pair)
          if (this.#bytes >= BATCH_BYTES) await this.#flush()
        }
      }
    }
    await this.#flush()
  }

  #add([key, value]: Pair): void {
    this.#batch.push({ key, value })
    this.#bytes += key.length + value.length
  }

  async #flush(): Promise<void> {
    await this.#store.write(this.#batch)
    this.#batch = []
    this.#bytes = 0
  }
}

function factsOf(
  target: Target & { readonly cluster: Bytes; readonly epoch: Epoch },
  manifest: BackupManifest,
): readonly Mutation[] {
  const { id, serial, cluster, members, random } = target
  const hex = (text: string): Bytes => Buffer.from(text, 'hex')
  const replicated = Object.entries(manifest.facts).map(([name, value]) => {
    const fact = Number(name)
    if (!isFact(fact)) throw damagedBackup(`it has a fact ${name} that is not known`)
    return factMutation(fact, hex(value))
  })
  const watermark = {
    position: manifest.position,
    executeAt: manifest.executeAt === 0n ? TIMESTAMP_ZERO : timestamp(manifest.executeAt),
    txnHash: hex(manifest.hash),
    execHash: hex(manifest.execHash),
  }
  // Whatever the old cluster left undecided is dead, and what it decided is in the log.
  const hlcReserve = clockOf(manifest)
  const closed = timestampOf({ epoch: target.epoch, hlc: hlcReserve, node: nodeSerial(0) })
  const fresh = freshFacts({
    self: { id, serial },
    cluster,
    epoch: target.epoch,
    members,
    // Replaced by those of the backup.
    settings: { dedupMax: 1, dedupResultMaxBytes: 0, resultMaxBytes: 0 },
    random,
  })
  return [
    ...fresh,
    ...formatFloors({ floor: closed, closedBefore: closed }),
    ...(manifest.requires === 0 ? [] : formatFeatures({ requires: manifest.requires, active: 0 })),
    ...replicated,
    formatApplied({ watermark, time: manifest.time }),
    formatHlcReserve(hlcReserve),
    formatDurableSeq(1n),
  ]
}

/** The new cluster's clock begins above everything restored. */
function clockOf({ executeAt, time }: BackupManifest): Hlc {
  const agreed = (time + 1n) << 16n
  const last = executeAt === 0n ? 0n : hlcOf(timestamp(executeAt)) + 1n
  return hlc(last > agreed ? last : agreed)
}

/**
 * Timestamps are ordered by epoch first, so it is not below that of any restored one. Several
 * members may only begin with the first epoch: in a later one a configuration names their stores.
 */
function firstEpoch(manifest: BackupManifest, members: readonly MemberEntry[]): Epoch {
  const last = Math.max(epochOf(timestamp(manifest.executeAt)), manifest.epoch)
  if (last <= 1) return epoch(1)
  if (members.length > 1)
    throw invalid('its membership has changed before: restore one member, and let the others join')
  return epoch(last + 1)
}

/** Of the members, and of the backup: what is restored from another never talks to it. */
function clusterOfRestored(members: readonly MemberEntry[], manifest: BackupManifest): Bytes {
  const lines = [...members]
    .sort((a, b) => a.serial - b.serial)
    .map(({ serial, id }) => `${serial} ${id}\n`)
  const { cluster, createdAt, position } = manifest
  const files = createHash('sha3-256')
  for (const { name, sha256 } of manifest.files) files.update(`${name} ${sha256}\n`)
  const backup = `${cluster} ${createdAt} ${position} ${files.digest('hex')}`
  const text = `${CLUSTER_DOMAIN}\n${backup}\n${lines.join('')}`
  return new Uint8Array(hash('sha3-256', text, 'buffer').subarray(0, 16))
}

function parseTarget(options: RestoreOptions): Target {
  const fields = new OptionFields()
  const { from, store, self, members, seed } = options
  if ((typeof from !== 'string' || from === '') && !isPlace(from))
    fields.wrong('from', 'the directory of a backup, or a place: begin(), read()', from)
  if (seed !== undefined && typeof seed !== 'bigint') fields.wrong('seed', 'a bigint', seed)
  if (!hasMethods(store, ['get', 'scan', 'write', 'close']))
    fields.wrong('store', 'a store: get(), scan(), write(), close()', store)
  const parsed = parseMembers(fields, members === undefined ? { self } : { self, members })
  fields.conclude('restore a backup')
  if (parsed === undefined) throw invalid('the members were not understood')
  const { id } = parsed.self
  const serial = parsed.self.serial ?? nodeSerial(0)
  const random = bytesFrom(seed)
  return { id, serial, members: parsed.members ?? [{ serial, id, address: '' }], random }
}

function invalid(why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot restore: ${why}`, { definite: true })
}
