/** The door for options: what is complete, and what is named when it is wrong. */

import { describe, expect, test } from 'vitest'
import { LocalNetwork } from './network/local-network.ts'
import { parseNodeOptions } from './parse-node-options.ts'
import { isSyneviError } from './synevi-error.ts'
import { counter, raise } from './test/local-cluster.ts'

const BASE = { self: { id: 'a' }, network: new LocalNetwork(), executors: [counter] }
const MEMBERS = [
  { id: 'c', address: 'c:1' },
  { id: 'a', address: 'a:1' },
  { id: 'b', address: 'b:1' },
]

/** The paths of all that is wrong. */
function wrongIn(options: unknown): readonly string[] {
  try {
    parseNodeOptions(options)
  } catch (error) {
    if (!isSyneviError(error, 'INVALID_ARGUMENT') || !error.definite) throw error
    const { fields } = error.details
    if (!Array.isArray(fields)) throw error
    const paths = fields.map((field: { readonly path: string }) => field.path)
    for (const path of paths) expect(error.message).toContain(path)
    return paths
  }
  return raise('nothing was wrong')
}

describe('complete', () => {
  test('with defaults, and frozen', () => {
    const parsed = parseNodeOptions(BASE)
    expect(parsed).toMatchObject({
      self: { id: 'a', serial: undefined },
      members: undefined,
      limits: {
        payloadMaxBytes: 8_388_608,
        resultMaxBytes: 1_048_576,
        transactionsInFlightMax: 1_000,
        queuedMax: 10_000,
        queuedMaxBytes: 67_108_864,
        clockDriftMaxMs: 1_000,
        snapshotLeadMin: 100_000,
        snapshotTail: 256,
      },
      batch: { requestsMax: 512, bytesMax: 1_048_576, lingerMs: 0, undecidedMax: 4 },
      timeouts: {
        transactionMs: 10_000,
        recoverAfterMs: 500,
        peerSilentMs: 5_000,
        joinMs: 600_000,
        closeDrainMs: 10_000,
        heartbeatMs: 100,
        patienceMaxMs: 50,
      },
      cluster: { dedupMax: 1_000_000, dedupResultMaxBytes: 4_096 },
    })
    for (const part of [
      parsed,
      parsed.self,
      parsed.limits,
      parsed.batch,
      parsed.timeouts,
      parsed.cluster,
      parsed.executors,
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(parseNodeOptions(BASE).seed).not.toBe(parsed.seed)
  })

  test('members without serials are numbered by id, whatever the order of the list', () => {
    const parsed = parseNodeOptions({ ...BASE, members: MEMBERS })
    expect(parsed.members).toEqual([
      { id: 'a', serial: 0, address: 'a:1' },
      { id: 'b', serial: 1, address: 'b:1' },
      { id: 'c', serial: 2, address: 'c:1' },
    ])
    expect(parsed.self.serial).toBe(0)
    expect(parseNodeOptions({ ...BASE, members: MEMBERS.toReversed() }).members).toEqual(
      parsed.members,
    )
  })

  test('members with serials keep them', () => {
    const members = MEMBERS.map((member, i) => ({ ...member, serial: 7 - i }))
    const parsed = parseNodeOptions({ ...BASE, members })
    expect(parsed.members?.map(({ id, serial }) => [id, serial])).toEqual([
      ['b', 5],
      ['a', 6],
      ['c', 7],
    ])
    expect(parsed.self.serial).toBe(6)
  })
})

describe('wrong', () => {
  test.each([
    [undefined, 'options'],
    ['text', 'options'],
    [{ ...BASE, limit: {} }, 'options.limit'],
    [{ ...BASE, self: { id: '' } }, 'self.id'],
    [{ ...BASE, self: { id: 'a', serial: 70_000 } }, 'self.serial'],
    [{ ...BASE, network: {} }, 'network'],
    [{ ...BASE, store: new Map() }, 'store'],
    [{ ...BASE, clock: { now: 1 } }, 'clock'],
    [{ ...BASE, logger: null }, 'logger'],
    [{ ...BASE, seed: 5 }, 'seed'],
    [{ ...BASE, onFatal: 'x' }, 'onFatal'],
    [{ ...BASE, executors: [] }, 'executors'],
    [{ ...BASE, executors: [counter, counter] }, 'executors'],
    [{ ...BASE, executors: [{ ...counter, name: 'synevi', handles: [] }] }, 'executors[0].name'],
    [{ ...BASE, executors: [{ ...counter, handles: ['other/x'] }] }, 'executors[0].handles'],
    [{ ...BASE, executors: [{ ...counter, execute: 1 }] }, 'executors[0]'],
    [{ ...BASE, limits: { payloadMaxBytes: 0 } }, 'limits.payloadMaxBytes'],
    [{ ...BASE, limits: { payloadMaxBytes: '8' } }, 'limits.payloadMaxBytes'],
    [{ ...BASE, limits: { frameMaxBytes: 2 ** 21 } }, 'limits.frameMaxBytes'],
    [{ ...BASE, batch: { lingerMs: -1 } }, 'batch.lingerMs'],
    [{ ...BASE, batch: { lingersMs: 1 } }, 'batch.lingersMs'],
    [{ ...BASE, retain: { entries: 9, entriesMax: 8 } }, 'retain.entriesMax'],
    [{ ...BASE, retain: { entriesMax: 8 } }, 'retain.entriesMax'],
    [{ ...BASE, timeouts: { transactionMs: Number.POSITIVE_INFINITY } }, 'timeouts.transactionMs'],
    [{ ...BASE, members: [] }, 'members'],
    [{ ...BASE, members: [{ id: 'b', address: '' }] }, 'members'],
    [{ ...BASE, members: [...MEMBERS, { id: 'a', address: '' }] }, 'members'],
    [{ ...BASE, members: MEMBERS.map((member) => ({ ...member, serial: 3 })) }, 'members'],
    [
      {
        ...BASE,
        members: MEMBERS.map((member, i) => (i === 0 ? { ...member, serial: 3 } : member)),
      },
      'members',
    ],
    [{ ...BASE, members: [null] }, 'members[0]'],
    [{ ...BASE, members: [{ id: 'a' }] }, 'members[0].address'],
    [{ ...BASE, members: [{ id: 'a', address: '', role: 'observer' }] }, 'members[0].role'],
    [{ ...BASE, self: { id: 'a', serial: 2 }, members: MEMBERS }, 'self.serial'],
    [{ ...BASE, join: [] }, 'join'],
    [{ ...BASE, join: [7] }, 'join[0]'],
    [{ ...BASE, join: ['x:1'], members: [{ id: 'a', address: '' }] }, 'join'],
  ])('%#: %o names %s', (options, path) => {
    expect(wrongIn(options)).toContain(path)
  })

  test('everything that is wrong is named at once', () => {
    const paths = wrongIn({
      self: { id: 5 },
      executors: 'none',
      batch: { requestsMax: 0, bytesMax: -1 },
    })
    expect(paths).toEqual(
      expect.arrayContaining([
        'self.id',
        'executors',
        'network',
        'batch.requestsMax',
        'batch.bytesMax',
      ]),
    )
  })
})
