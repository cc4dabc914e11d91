/**
 * The way out when a majority is lost for good (`protocol.md` 10.6, "No quorum left"): the store of
 * one survivor becomes that of a new cluster of one. What was acknowledged and did not reach it is
 * given up, so it takes a word of confirmation that says of what.
 */

import {
  epoch,
  epochOf,
  hlc,
  hlcOf,
  nodeSerial,
  timestampOf,
  type Bytes,
  type Hlc,
  type MemberEntry,
  type Mutation,
} from '@synevi/accord'
import { verifyStore } from '../chain/verify-store.ts'
import { SILENT, type Logger } from '../contract/observe.ts'
import type { Store } from '../contract/store.ts'
import { OptionFields, hasMethods } from '../option-fields.ts'
import { bytesFrom } from '../seeded-random.ts'
import { FACT, TABLE, factKey, tableEnd, tableStart } from '../state/key-layout.ts'
import {
  formatApplied,
  formatDurableSeq,
  formatFeatures,
  formatFloors,
  formatHlcReserve,
  readApplied,
  readDiverged,
  readDurableSeq,
  readEpochs,
  readFeatures,
  readHlcReserve,
  readIdentity,
  readSettings,
} from '../state/node-facts.ts'
import { liveRecords } from '../state/record-table.ts'
import { freshFacts, hasState } from '../state/store-identity.ts'
import { SummedStore } from '../state/summed-store.ts'
import { SyneviError } from '../synevi-error.ts'

/** What is left of a cluster in the store of one of its members. */
export interface Survivor {
  readonly id: string
  readonly serial: number
  /** Hexadecimal. */
  readonly cluster: string
  readonly epoch: number
  /** As this store knows them. */
  readonly members: readonly { readonly id: string; readonly role: 'voter' | 'learner' }[]
  /** Everything up to it is kept; among several survivors the greatest loses least. */
  readonly position: bigint
  /** Hexadecimal: the chain there. Survivors at equal positions must agree. */
  readonly hash: string
  /**
   * Transactions known here that are not applied. They are given up, whether somebody acknowledged
   * them or not; and so is what this store never heard of, which nobody can count.
   */
  readonly unapplied: number
  /** From there on its results were not those of a majority; undefined: none known to differ. */
  readonly divergedAt: bigint | undefined
  /** What `startNewCluster` wants to be told: it names this store as it is now. */
  readonly confirm: string
}

/** Which store, and that it is meant. */
export interface NewClusterOptions {
  /** Of a member that is not open; it stays open. */
  readonly store: Store
  /** `Survivor.confirm`. Without it nothing is written. */
  readonly confirm?: string
  /** Told of what is given up. Default none. */
  readonly logger?: Logger
  /** Everything left to chance comes from it. Default random. */
  readonly seed?: bigint
}

/** A new cluster of one. */
export interface NewCluster {
  /** Hexadecimal: a new one, which no member of the old cluster talks to. */
  readonly cluster: string
  /** Its first epoch: 1, or above all that the history has seen. */
  readonly epoch: number
  readonly survivor: Survivor
}

const RECORDS = [TABLE.live, TABLE.settled, TABLE.txn, TABLE.peer] as const
const DROPPED = [FACT.epochs, FACT.diverged, FACT.staging] as const

/**
 * What a store would keep and give up. Writes nothing. Throws `INVALID_ARGUMENT` for what is not
 * the store of a node, `INCOMPATIBLE_VERSION`, `STORE_FAILED`.
 */
export function inspectSurvivor(store: Store): Survivor {
  if (!isStore(store)) throw invalid('store: expected a store: get(), scan(), write(), close()')
  if (!hasState(store)) throw invalid('the store is empty')
  const { id, serial, cluster } = readIdentity(store)
  const { configurations } = readEpochs(store)
  const open = configurations.at(-1)
  const { watermark } = readApplied(store)
  const { position } = watermark
  const name = hex(cluster)
  return {
    ...{ id, serial, cluster: name, epoch: open?.epoch ?? 1 },
    members: (open?.members ?? []).map((member) => ({
      id: member.id,
      role: member.role ?? 'voter',
    })),
    ...{ position, hash: hex(watermark.txnHash) },
    unapplied: liveRecords(store).length,
    divergedAt: readDiverged(store),
    confirm: `give up cluster ${name} for ${id} at ${position}.${readDurableSeq(store)}`,
  }
}

/**
 * Makes the store of a survivor that of a new cluster of one, in one write, after everything in it
 * was verified. History, state and request memory are kept; members, votes and promises are not.
 * Open the node afterwards without `members`, and let others join with empty stores.
 *
 * Destroy the stores of the other members before: those that come back would be a cluster of their
 * own, under the old name, and acknowledge what this one never hears of.
 *
 * Rejects, all definite, with the store as it was: `MEMBERSHIP_UNSAFE` without the confirmation, or
 * with that of another state, `details` being what `inspectSurvivor` tells; `INVALID_ARGUMENT`;
 * `INCOMPATIBLE_VERSION`; `STORE_FAILED` for a store that is damaged. Should the write itself fail,
 * `STORE_FAILED` is not definite.
 */
export async function startNewCluster(options: NewClusterOptions): Promise<NewCluster> {
  const { store, confirm, logger = SILENT, seed } = options
  const fields = new OptionFields()
  if (confirm !== undefined && typeof confirm !== 'string')
    fields.wrong('confirm', 'a text', confirm)
  if (seed !== undefined && typeof seed !== 'bigint') fields.wrong('seed', 'a bigint', seed)
  fields.conclude('start a new cluster')
  const survivor = inspectSurvivor(store)
  if (confirm !== survivor.confirm) throw unconfirmed(survivor, confirm)
  const summed = await SummedStore.open(store)
  const { ok, firstBad, damage } = await verifyStore(summed)
  if (!ok) throw damaged(firstBad?.why ?? damage?.[0]?.why ?? 'it contradicts itself')
  const random = bytesFrom(seed)
  const cluster = random(16)
  const last = Math.max(survivor.epoch, epochOf(readApplied(summed).watermark.executeAt))
  const first = last <= 1 ? 1 : last + 1
  await summed.write(factsOf(summed, { cluster, epoch: first, random }))
  const { position, unapplied, divergedAt } = survivor
  logger.warn(
    { from: survivor.cluster, to: hex(cluster), id: survivor.id, position, unapplied, divergedAt },
    'the operator gave up a cluster: a new one begins with what this store holds',
  )
  return { cluster: hex(cluster), epoch: first, survivor }
}

function factsOf(
  store: Store,
  made: {
    readonly cluster: Bytes
    readonly epoch: number
    readonly random: (count: number) => Bytes
  },
): readonly Mutation[] {
  const { id, serial } = readIdentity(store)
  const head = readApplied(store)
  const { requires } = readFeatures(store)
  const first = epoch(made.epoch)
  const members: readonly MemberEntry[] = [{ serial, id, address: '' }]
  const reserve = clockAbove(readHlcReserve(store), head)
  // Whatever the old cluster left undecided is dead, and what it decided is in the log.
  const closed = timestampOf({ epoch: first, hlc: reserve, node: nodeSerial(0) })
  const { cluster, random } = made
  const settings = readSettings(store)
  const mutations: Mutation[] = []
  for (const table of RECORDS) {
    for (const [key] of store.scan({ from: tableStart(table), until: tableEnd(table) }))
      mutations.push({ key, value: undefined })
  }
  for (const fact of DROPPED) mutations.push({ key: factKey(fact), value: undefined })
  mutations.push(
    ...freshFacts({ self: { id, serial }, cluster, epoch: first, members, settings, random }),
    ...formatFloors({ floor: closed, closedBefore: closed }),
    ...(requires === 0 ? [] : formatFeatures({ requires, active: 0 })),
    formatApplied(head),
    formatHlcReserve(reserve),
    formatDurableSeq(readDurableSeq(store) + 1n),
  )
  return mutations
}

/** Above everything that this store has seen. */
function clockAbove(reserve: Hlc, head: ReturnType<typeof readApplied>): Hlc {
  let latest: bigint = reserve
  for (const seen of [(head.time + 1n) << 16n, hlcOf(head.watermark.executeAt) + 1n])
    if (seen > latest) latest = seen
  return hlc(latest)
}

function isStore(store: unknown): boolean {
  return hasMethods(store, ['get', 'scan', 'write', 'close'])
}

function unconfirmed(survivor: Survivor, confirm: string | undefined): SyneviError {
  const why =
    confirm === undefined
      ? 'whatever was acknowledged and is not applied in this store is lost for ever'
      : 'the confirmation is of another store, or of another state of this one'
  const { position, unapplied, divergedAt } = survivor
  const message =
    `cannot start a new cluster: ${why}; it holds everything up to ${position}, and ${unapplied} ` +
    `transactions that are not applied; if that is meant, confirm: ${survivor.confirm}`
  return new SyneviError('MEMBERSHIP_UNSAFE', message, {
    definite: true,
    details: {
      ...survivor,
      position: position.toString(),
      divergedAt: divergedAt?.toString(),
    },
  })
}

function damaged(why: string): SyneviError {
  const message = `cannot start a new cluster: the store is damaged (${why}); restore a backup`
  return new SyneviError('STORE_FAILED', message, { definite: true })
}

function invalid(why: string): SyneviError {
  const message = `cannot start a new cluster: ${why}`
  return new SyneviError('INVALID_ARGUMENT', message, { definite: true })
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex')
}
