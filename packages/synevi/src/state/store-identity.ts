/** Whose store it is: checked when a node opens it, written when it is fresh. */

import {
  ALL_FEATURES,
  FEATURES,
  HLC_ZERO,
  NO_FEATURES,
  TIMESTAMP_ZERO,
  featureSet,
  invariant,
  type Bytes,
  type Configuration,
  type Epoch,
  type MemberEntry,
  type Mutation,
  type NodeSerial,
} from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { FACT } from './key-layout.ts'
import {
  FORMAT_VERSION,
  FORMAT_VERSION_FEATURES,
  factMutation,
  formatAdmitted,
  formatApplied,
  formatDurableSeq,
  formatEpochs,
  formatFeatures,
  formatHlcReserve,
  formatIdentity,
  formatMembership,
  formatSettings,
  formatVersion,
  readFact,
  readFeatures,
  type ClusterSettings,
  type StoredIdentity,
} from './node-facts.ts'

/** What a node opens its store with. */
export interface NodeStateOptions {
  /** A store that has state must be of this node. `serial` undefined: that of the store. */
  readonly self: { readonly id: string; readonly serial: NodeSerial | undefined }
  /** 16 bytes; a store that has state must be of this cluster. Undefined: that of the store. */
  readonly cluster: Bytes | undefined
  /** For a fresh store; ignored by one that has state, which knows. */
  readonly epoch: Epoch
  readonly members: readonly MemberEntry[]
  /** For the fresh store of a joiner: what the cluster agreed on last. Default: the two above. */
  readonly configuration?: Configuration
  readonly settings: ClusterSettings
  /** Draws the identity of a fresh store. */
  readonly random: (count: number) => Bytes
}

/** Whether it is a store of ours; false when it is empty. */
export function hasState(store: Store): boolean {
  const format = readFact(store, FACT.format)
  if (format === undefined) {
    for (const _ of store.scan({ limit: 1 })) {
      throw new SyneviError(
        'INVALID_ARGUMENT',
        'cannot open the store: it holds what is not the state of a node; give it its own store',
        { definite: true },
      )
    }
    return false
  }
  const [high = 0, low = 0] = format
  const version = high * 256 + low
  if (version > FORMAT_VERSION_FEATURES) {
    throw new SyneviError(
      'INCOMPATIBLE_VERSION',
      `cannot open the store: written by format ${version}, this version reads ` +
        `${FORMAT_VERSION_FEATURES}; upgrade first`,
      { definite: true, details: { format: version } },
    )
  }
  checkFeatures(readFeatures(store).requires)
  return true
}

/** Refuses what only a later build can read, naming it as far as it has a name here. */
function checkFeatures(requires: number): void {
  const lacking = (requires & ~ALL_FEATURES) >>> 0
  if (lacking === 0) return
  const bits = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (lacking >>> bit) & 1)
  const features = bits.map((bit) => `${bit}`).join(', ')
  throw new SyneviError(
    'INCOMPATIBLE_VERSION',
    `cannot open the store: it requires features of a later version (${features}), this version ` +
      `has ${FEATURES.length} (${FEATURES.join(', ')}); upgrade first`,
    { definite: true, details: { features: bits } },
  )
}

/** Refuses the store of another node or cluster: `INVALID_ARGUMENT`. */
export function checkIdentity(found: StoredIdentity, options: NodeStateOptions): void {
  const { self, cluster } = options
  const refuse = (why: string): never => {
    throw new SyneviError('INVALID_ARGUMENT', `cannot open the store: ${why}`, { definite: true })
  }
  if (found.id !== self.id) refuse(`it belongs to node ${found.id}, this is node ${self.id}`)
  if (self.serial !== undefined && found.serial !== self.serial) {
    refuse(`it belongs to serial ${found.serial}, this node was given serial ${self.serial}`)
  }
  if (cluster !== undefined && Buffer.compare(found.cluster, cluster) !== 0) {
    const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex')
    refuse(`it belongs to cluster ${hex(found.cluster)}, this node to ${hex(cluster)}`)
  }
}

/** What a fresh store begins with. Throws `INVALID_ARGUMENT` when nobody says whose it is. */
export function freshFacts(options: NodeStateOptions): readonly Mutation[] {
  const { self, cluster, epoch, members, settings, configuration } = options
  if (cluster === undefined || self.serial === undefined) {
    throw new SyneviError(
      'INVALID_ARGUMENT',
      'cannot make a fresh store without a cluster and a serial; was the data directory emptied?',
      { definite: true },
    )
  }
  invariant(cluster.byteLength === 16, 'a cluster is 16 bytes')
  const none = new Uint8Array(0)
  const watermark = { position: 0n, executeAt: TIMESTAMP_ZERO, txnHash: none, execHash: none }
  return [
    ...(isJoined({ epoch, members })
      ? formatFeatures({ requires: featureSet(['epochs']), active: NO_FEATURES })
      : [formatVersion(FORMAT_VERSION)]),
    ...formatIdentity({ cluster, id: self.id, serial: self.serial }),
    factMutation(FACT.storeId, options.random(16)),
    formatDurableSeq(0n),
    formatHlcReserve(HLC_ZERO),
    formatAdmitted(false),
    formatMembership({ epoch, members }),
    ...(configuration === undefined
      ? []
      : [formatEpochs({ configurations: [configuration], pending: undefined, ends: [] })]),
    formatSettings(settings),
    formatApplied({ watermark, time: 0n }),
  ]
}

/** Of a cluster whose membership changes: a build without that cannot read what it begins with. */
function isJoined({ epoch, members }: Pick<NodeStateOptions, 'epoch' | 'members'>): boolean {
  return (
    epoch > 1 || members.some(({ role, storeId }) => role === 'learner' || storeId !== undefined)
  )
}
