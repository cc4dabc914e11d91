/** The groups of numbers among a node's options, with their defaults and ranges. */

import type { Fields, OptionFields } from './option-fields.ts'
import type { Complete, ParsedOptions } from './options.ts'

const DAY_MS = 86_400_000
const GIB = 2 ** 30
const MIB = 2 ** 20

/** The group of that name. */
export function parseLimits(fields: OptionFields, value: unknown): Complete<'limits'> {
  const group = fields.object('limits', value, [
    ...[
      'payloadMaxBytes',
      'resultMaxBytes',
      'transactionsInFlightMax',
      'queuedMax',
      'queuedMaxBytes',
    ],
    ...['clockDriftMaxMs', 'frameMaxBytes', 'messagesMax', 'snapshotLeadMin', 'snapshotTail'],
    'floorRecords',
  ])
  const count = counter(fields, 'limits', group)
  return Object.freeze({
    payloadMaxBytes: count('payloadMaxBytes', 8 * MIB, 1, 64 * MIB),
    resultMaxBytes: count('resultMaxBytes', MIB, 1, 64 * MIB),
    transactionsInFlightMax: count('transactionsInFlightMax', 1_000, 1, 1_000_000),
    queuedMax: count('queuedMax', 10_000, 0, 10_000_000),
    queuedMaxBytes: count('queuedMaxBytes', 64 * MIB, 1, 16 * GIB),
    clockDriftMaxMs: count('clockDriftMaxMs', 1_000, 1, DAY_MS),
    frameMaxBytes: count('frameMaxBytes', 16 * MIB, MIB, 256 * MIB),
    messagesMax: count('messagesMax', 4_096, 1, 65_536),
    snapshotLeadMin: count('snapshotLeadMin', 100_000, 1, Number.MAX_SAFE_INTEGER),
    snapshotTail: count('snapshotTail', 256, 1, 65_536),
    floorRecords: count('floorRecords', 4_096, 1, 1_000_000),
  })
}

/** The group of that name. */
export function parseBatch(fields: OptionFields, value: unknown): Complete<'batch'> {
  const group = fields.object('batch', value, [
    'requestsMax',
    'bytesMax',
    'lingerMs',
    'undecidedMax',
  ])
  const count = counter(fields, 'batch', group)
  return Object.freeze({
    requestsMax: count('requestsMax', 512, 1, 65_535),
    bytesMax: count('bytesMax', MIB, 1, 64 * MIB),
    lingerMs: count('lingerMs', 0, 0, 1_000),
    undecidedMax: count('undecidedMax', 4, 1, 64),
  })
}

/** The group of that name. */
export function parseTimeouts(fields: OptionFields, value: unknown): Complete<'timeouts'> {
  const group = fields.object('timeouts', value, [
    ...[
      'transactionMs',
      'recoverAfterMs',
      'peerSilentMs',
      'joinMs',
      'closeDrainMs',
      'heartbeatMs',
      'patienceMaxMs',
      'reorderWaitMaxMs',
      'floorIntervalMs',
      'closeLagMs',
      'promoteAfterMs',
    ],
  ])
  const count = counter(fields, 'timeouts', group)
  return Object.freeze({
    transactionMs: count('transactionMs', 10_000, 1, DAY_MS),
    recoverAfterMs: count('recoverAfterMs', 500, 1, DAY_MS),
    peerSilentMs: count('peerSilentMs', 5_000, 1, DAY_MS),
    joinMs: count('joinMs', 600_000, 1, 30 * DAY_MS),
    closeDrainMs: count('closeDrainMs', 10_000, 0, DAY_MS),
    heartbeatMs: count('heartbeatMs', 100, 1, 60_000),
    patienceMaxMs: count('patienceMaxMs', 50, 0, 60_000),
    reorderWaitMaxMs: count('reorderWaitMaxMs', 2, 0, 60_000),
    floorIntervalMs: count('floorIntervalMs', 5_000, 1, 30 * DAY_MS),
    closeLagMs: count('closeLagMs', 2_000, 0, DAY_MS),
    promoteAfterMs: count('promoteAfterMs', 5_000, 0, DAY_MS),
  })
}

/** The group of that name. */
export function parseCluster(fields: OptionFields, value: unknown): Complete<'cluster'> {
  const group = fields.object('cluster', value, ['dedupMax', 'dedupResultMaxBytes'])
  const count = counter(fields, 'cluster', group)
  return Object.freeze({
    dedupMax: count('dedupMax', 1_000_000, 1, 1_000_000_000),
    dedupResultMaxBytes: count('dedupResultMaxBytes', 4_096, 0, MIB),
  })
}

/** The group of that name. */
export function parseRetain(fields: OptionFields, value: unknown): ParsedOptions['retain'] {
  const group = fields.object('retain', value, ['entries', 'entriesMax', 'staleAfterMs'])
  const count = counter(fields, 'retain', group)
  const all = Number.MAX_SAFE_INTEGER
  const entries = count('entries', all, 0, all)
  const entriesMax = count('entriesMax', all, 0, all)
  if (entriesMax < entries)
    fields.wrong('retain.entriesMax', '`entries` as well, and no fewer', entriesMax)
  return Object.freeze({
    entries: entries === all ? undefined : entries,
    entriesMax: entriesMax === all ? undefined : entriesMax,
    staleAfterMs: count('staleAfterMs', 3_600_000, 1, 365 * DAY_MS),
  })
}

/** The group of that name. */
export function parseScrub(fields: OptionFields, value: unknown): Complete<'scrub'> {
  const group = fields.object('scrub', value, ['bytesPerSecond', 'intervalMs'])
  const count = counter(fields, 'scrub', group)
  return Object.freeze({
    bytesPerSecond: count('bytesPerSecond', 524_288, 0, 2 ** 30),
    intervalMs: count('intervalMs', 3_600_000, 1_000, 2 ** 31 - 1),
  })
}

type Count = (name: string, byDefault: number, min: number, max: number) => number

function counter(fields: OptionFields, path: string, group: Fields): Count {
  return (name, byDefault, min, max) =>
    fields.count(`${path}.${name}`, group[name], { byDefault, min, max })
}
