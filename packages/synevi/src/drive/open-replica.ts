/**
 * From a store to a running replica: who this node is, what its store says, and the core that goes
 * on from there.
 */

import { hash } from 'node:crypto'
import {
  ALL_FEATURES,
  NO_FEATURES,
  epoch,
  nodeSerial,
  openConfiguration,
  openReplica,
  type Bytes,
  type DurableState,
  type MemberEntry,
  type NodeSerial,
  type Replica,
  type SubmissionId,
  type TxnId,
} from '@synevi/accord'
import { payloadDigest } from '../chain/hash-chain.ts'
import type { Logger } from '../contract/observe.ts'
import type { JoinAnswer } from '../membership/join-codec.ts'
import { Roster } from '../membership/roster.ts'
import type { ParsedOptions } from '../options.ts'
import { SeededRandom } from '../seeded-random.ts'
import { readMembership } from '../state/node-facts.ts'
import { NodeState } from '../state/node-state.ts'
import type { NodeStateOptions } from '../state/store-identity.ts'
import { SummedStore } from '../state/summed-store.ts'
import { SyneviError } from '../synevi-error.ts'
import { ExecutionLane } from './execution-lane.ts'
import { replayExecutors } from './replay.ts'

/** What a node is made of below its driver. */
export interface OpenedReplica {
  readonly serial: NodeSerial
  /** 16 bytes. */
  readonly cluster: Bytes
  /** As the store says; addresses as the options of this start say, where they know better. */
  readonly roster: Roster
  readonly durable: DurableState
  readonly store: SummedStore
  readonly state: NodeState
  readonly lane: ExecutionLane
  readonly replica: Replica
}

const CLUSTER_DOMAIN = 'synevi/cluster/1'

/**
 * The cluster of a static first start: the first 16 bytes of SHA3-256 over the serials and ids of
 * its members, so that nodes started with different lists never talk to each other. Addresses may
 * change and do not count.
 */
export function clusterOf(members: readonly MemberEntry[]): Bytes {
  const lines = [...members]
    .sort((a, b) => a.serial - b.serial)
    .map(({ serial, id }) => `${serial} ${id}\n`)
  return hash('sha3-256', `${CLUSTER_DOMAIN}\n${lines.join('')}`, 'buffer').subarray(0, 16)
}

/**
 * Opens the store, or makes a fresh one of it. Rejects with `INVALID_ARGUMENT` for the store of
 * another node or cluster, `INCOMPATIBLE_VERSION`, `STORE_FAILED`.
 */
export async function openFromStore(
  options: ParsedOptions,
  random: SeededRandom,
  joined?: JoinAnswer,
): Promise<OpenedReplica> {
  const { clock, logger } = options
  const store = await SummedStore.open(options.store)
  if (store.found === 'computed')
    logger.warn({}, 'the store was last written by a version that keeps no sums: computed anew')
  const beginning =
    joined === undefined ? beginningAt(options, store) : joinedBeginning(options, joined)
  const { members } = beginning
  const state = await NodeState.open(store, {
    ...beginning,
    // A seed given twice must not make two stores alike.
    random: (count) => new SeededRandom(random.fork() ^ clock.now().wall).bytes(count),
  })
  await replayExecutors(state, options.executors)
  checkSettings(options, state)
  const parts = openedOf({ options, random, store, state })
  const { serial, durable } = parts
  const { members: open } = openConfiguration(durable)
  return {
    ...parts,
    roster: new Roster({
      self: serial,
      configurations: durable.configurations,
      addresses: otherAddresses(open, members, logger),
    }),
  }
}

/**
 * The same node on the same store, whose state was replaced by a snapshot: as after a crash, in the
 * same process. `submissions`: what the replica before had taken and not answered. Rejects as
 * {@link openFromStore} does.
 */
export async function reopenFromStore(
  options: ParsedOptions,
  random: SeededRandom,
  before: {
    readonly opened: OpenedReplica
    readonly submissions: ReadonlyMap<TxnId, SubmissionId>
  },
): Promise<OpenedReplica> {
  const { serial, cluster, roster, store } = before.opened
  const state = await NodeState.open(store, {
    self: { id: options.self.id, serial },
    ...{ cluster, epoch: roster.epoch, members: roster.members },
    settings: before.opened.state.settings,
    random: (count) => random.bytes(count),
  })
  await replayExecutors(state, options.executors)
  const { submissions } = before
  return { ...openedOf({ options, random, store, state, submissions }), roster }
}

function openedOf(parts: {
  readonly options: ParsedOptions
  readonly random: SeededRandom
  readonly store: SummedStore
  readonly state: NodeState
  readonly submissions?: ReadonlyMap<TxnId, SubmissionId>
}): Omit<OpenedReplica, 'roster'> {
  const { options, random, store, state, submissions } = parts
  const { clock, limits, logger } = options
  const { serial, cluster } = state.identity
  const durable = state.durable()
  const replica = openReplica({
    self: serial,
    options: {
      seed: random.fork(),
      digest: payloadDigest,
      recoverAfterMs: options.timeouts.recoverAfterMs,
      heartbeatMs: options.timeouts.heartbeatMs,
      patienceMaxMs: options.timeouts.patienceMaxMs,
      promoteAfterMs: options.timeouts.promoteAfterMs,
      reorder: options.reorder,
      reorderWaitMaxMs: options.timeouts.reorderWaitMaxMs,
      clockDriftMaxMs: limits.clockDriftMaxMs,
      snapshotLeadMin: BigInt(limits.snapshotLeadMin),
      offers: options.features === 'hold' ? NO_FEATURES : ALL_FEATURES,
      floorIntervalMs: options.timeouts.floorIntervalMs,
      floorRecords: limits.floorRecords,
      closeLagMs: options.timeouts.closeLagMs,
      staleAfterMs: options.retain.staleAfterMs,
      ...(options.retain.entries === undefined ? {} : { retainEntries: options.retain.entries }),
      ...(options.retain.entriesMax === undefined
        ? {}
        : { retainEntriesMax: options.retain.entriesMax }),
    },
    durable,
    reader: state.reader,
    ...(submissions === undefined ? {} : { submissions }),
    at: clock.now(),
  })
  const lane = new ExecutionLane({
    ...{ store: state.store, executors: options.executors, settings: state.settings },
    head: state.applied,
    elapsed: () => clock.now().elapsed,
    effectFailed: (error) => logger.error({ error: String(error) }, 'an afterApply effect threw'),
  })
  return { serial, cluster, durable, store, state, lane, replica }
}

type Beginning = Omit<NodeStateOptions, 'random'>

/** A first start by a list, or alone; or a store that has state. */
function beginningAt(options: ParsedOptions, store: SummedStore): Beginning {
  const { limits, cluster: settings } = options
  const found = NodeState.identityIn(store)
  const { id, serial = found === undefined ? nodeSerial(0) : undefined } = options.self
  const alone = { id, serial: serial ?? nodeSerial(0), address: '' }
  const members = options.members ?? (found === undefined ? [alone] : [])
  // Once the members have changed, no list makes the name of the cluster any more (ADR 0031).
  const isFirst = found === undefined || readMembership(store).epoch === 1
  return {
    self: { id, serial },
    cluster: members.length === 0 || !isFirst ? undefined : clusterOf(members),
    epoch: epoch(1),
    members,
    settings: { ...settings, resultMaxBytes: limits.resultMaxBytes },
  }
}

/** What a member answered to this node. Throws `SERIAL_TAKEN` for another serial than was given. */
function joinedBeginning({ self }: ParsedOptions, joined: JoinAnswer): Beginning {
  const { cluster, serial, settings, configuration } = joined
  if (self.serial !== undefined && self.serial !== serial) {
    const why = `the cluster knows it under serial ${serial}, and it was given ${self.serial}`
    throw new SyneviError('SERIAL_TAKEN', `cannot join as node ${self.id}: ${why}`, {
      definite: true,
    })
  }
  const { epoch: open, members } = configuration
  return {
    ...{ self: { id: self.id, serial }, cluster, epoch: open, members, settings },
    configuration,
  }
}

/**
 * Outcomes depend on them: another value here would not change them, so it must not look as if it
 * did.
 */
function checkSettings(options: ParsedOptions, state: NodeState): void {
  const { dedupMax, dedupResultMaxBytes } = options.cluster
  const wanted = { dedupMax, dedupResultMaxBytes, resultMaxBytes: options.limits.resultMaxBytes }
  const { settings } = state
  for (const name of ['dedupMax', 'dedupResultMaxBytes', 'resultMaxBytes'] as const) {
    if (settings[name] === wanted[name]) continue
    const fields = { option: name, agreed: settings[name], given: wanted[name] }
    options.logger.warn(
      fields,
      'an option differs from what was agreed when the store was made: it is ignored',
    )
  }
}

function otherAddresses(
  stored: readonly MemberEntry[],
  given: readonly MemberEntry[],
  logger: Logger,
): ReadonlyMap<NodeSerial, string> {
  const addresses = new Map<NodeSerial, string>()
  for (const member of stored) {
    const address = given.find(
      ({ serial, id }) => serial === member.serial && id === member.id,
    )?.address
    if (address === undefined || address === member.address) continue
    logger.info(
      { member: member.id, stored: member.address, address },
      'a member has another address than when it was made',
    )
    addresses.set(member.serial, address)
  }
  return addresses
}
