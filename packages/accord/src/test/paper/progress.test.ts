/** protocol.md 3.5, 7: who ends a wait, catch-up, identity, divergence. */

import { describe, expect, it } from 'vitest'
import {
  NO_CLAIMS,
  epoch,
  millis,
  nanos,
  NO_DEPS,
  nodeSerial,
  TIMESTAMP_ZERO,
  type Heartbeat,
  type LogEntry,
  type Timestamp,
} from '../../index.ts'
import { conflictKey, DEFAULT_KEYS } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { joined, sent, theOne, type Said } from '../said.ts'

const NONE = new Uint8Array(0)

/** A heartbeat of another member, whose store is named after it. */
function heartbeat(from: number, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    kind: 'heartbeat',
    storeId: new Uint8Array(16).fill(from + 1),
    durableSeq: 1n,
    knownStoreId: NONE,
    openEpoch: epoch(1),
    finishedEpoch: 0,
    floor: TIMESTAMP_ZERO,
    closedBefore: TIMESTAMP_ZERO,
    lastAll: TIMESTAMP_ZERO,
    applied: { position: 0n, executeAt: TIMESTAMP_ZERO, txnHash: NONE, execHash: NONE },
    oldestPosition: 0n,
    wallNanos: 1_000_000_000n,
    sentAt: millis(0),
    echo: undefined,
    inFlight: 0,
    phase: 'serving',
    features: NO_CLAIMS,
    ...more,
  }
}

/** The chain head at a position, as every node of these tests has it. */
function hash(position: number): Uint8Array {
  return new Uint8Array([position])
}

/** The log of a peer: entry i is executed at i ms, above the one before. */
function entryOf(i: number): LogEntry {
  const id = at(i, 1)
  const before: Timestamp = at(i - 1, 1)
  const marks = i === 1 ? [] : [{ key: conflictKey('default'), id: before, at: before }]
  const watermark = { position: BigInt(i), executeAt: id, txnHash: hash(i), execHash: hash(i) }
  return { id, executeAt: id, txn: txnOf(i), deps: { ids: [], marks }, watermark }
}

const leading = (position: number): Partial<Heartbeat> => ({
  applied: {
    position: BigInt(position),
    executeAt: at(position, 1),
    txnHash: hash(position),
    execHash: hash(position),
  },
})

describe('7.2: what a silent coordinator left', () => {
  it('is asked about after recoverAfterMs, and recovered when nobody knows more', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    node.hear(2, { kind: 'preAccept', id: at(900, 2), txn: txnOf(1) })
    // The coordinator's links stay up and it goes on sending heartbeats.
    const quiet = alive(node, 2, 400)
    expect(sent(quiet, 'query')).toEqual([])
    expect(sent(alive(node, 2, 400), 'recover').length).toBeGreaterThan(0)
  })

  it('is recovered within tens of milliseconds when its link closed', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    node.hear(2, { kind: 'preAccept', id: at(900, 2), txn: txnOf(1) })
    node.step({ kind: 'link', peer: nodeSerial(2), up: false })
    expect(sent(node.advance(120), 'recover').length).toBeGreaterThan(0)
  })

  it('is asked about ever more rarely while as many recoveries run as may', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    for (let i = 0; i < 40; i++) {
      node.hear(2, { kind: 'preAccept', id: at(900 + i, 2), txn: txnOf(i) })
    }
    node.step({ kind: 'link', peer: nodeSerial(2), up: false })
    const first = node.advance(1_000)
    const recovered = new Set(sent(first, 'recover').map(({ message }) => message.id))
    expect(recovered.size).toBe(32)
    const later = sent(node.advance(4_000), 'query').filter(({ to }) => to === 1)
    expect(later.length).toBeGreaterThanOrEqual(8 * 4)
    expect(later.length).toBeLessThanOrEqual(8 * 16)
  })

  it('is left to the node that drives it, as long as that makes progress', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(900, 2)
    node.hear(2, { kind: 'preAccept', id, txn: txnOf(1) })
    let token = 0
    let queries = 0
    for (let passed = 0; passed < 5_000; passed += 5) {
      if (passed % 50 === 0) node.hear(2, heartbeat(2))
      const said = node.advance(5)
      expect(sent(said, 'recover')).toEqual([])
      if (sent(said, 'query').length === 0) continue
      queries += 1
      const item = { id, known: 'inProgress' as const, token: (token += 1), txn: undefined }
      node.hear(2, { kind: 'queryOk', items: [item] })
    }
    expect(queries).toBeGreaterThan(3)
  })
})

describe('7.2: suspicion', () => {
  it('falls on a peer that is silent, not on one that a stalled node did not hear', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    alive(node, 1, 200)
    // The process stands still for two seconds, and wakes before it reads what came meanwhile.
    node.now += 2_000
    const stalled = node.step({ kind: 'wake' })
    expect(stalled.notices.filter(({ kind }) => kind === 'suspected')).toEqual([])
    const silent = node.advance(500)
    expect(silent.notices).toContainEqual({ kind: 'suspected', peer: 1, suspected: true })
  })
})

describe('7.6: divergence', () => {
  it('is found at a later place when nobody has the log of the first one any more', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    // A node of these tests says i + 1 of its own execution at position i.
    const told = (i: number, exec: number): Partial<Heartbeat> => ({
      applied: {
        ...{ position: BigInt(i), executeAt: at(i, 1) },
        ...{ txnHash: hash(i + 1), execHash: hash(exec) },
      },
    })
    const differing = (i: number): Partial<Heartbeat> => told(i, 99)
    const { since } = theOne(node.hear(1, heartbeat(1, told(3, 4))), 'catchUp')
    const entries = [entryOf(1), entryOf(2), entryOf(3)]
    node.hear(1, { kind: 'logChunk', since, entries, more: false })
    const first = node.hear(1, heartbeat(1, differing(1)))
    expect(sent(first, 'hashAt').map(({ message }) => message.position)).toEqual([1n, 1n])
    const unknown = { position: 1n, txnHash: undefined, execHash: undefined }
    node.hear(2, { kind: 'hashAtOk', ...unknown })
    node.advance(2_000)
    const later = node.hear(1, heartbeat(1, differing(3)))
    expect(sent(later, 'hashAt').map(({ message }) => message.position)).toEqual([3n, 3n])
    const said = node.hear(2, heartbeat(2, differing(3)))
    expect(said.notices.filter(({ kind }) => kind === 'diverged')).toHaveLength(1)
  })
})

describe('7.4: a node that was down', () => {
  it('asks the log of a peer that leads, in order, and goes on until nothing is left', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const asked = theOne(node.hear(1, heartbeat(1, leading(4))), 'catchUp')
    expect(asked.since).toBe(TIMESTAMP_ZERO)
    const first = node.hear(1, {
      kind: 'logChunk',
      since: asked.since,
      entries: [entryOf(1), entryOf(2)],
      more: true,
    })
    expect(first.executions.map(({ id }) => id)).toEqual([at(1, 1), at(2, 1)])
    expect(theOne(first, 'catchUp').since).toBe(at(2, 1))
    const rest = {
      kind: 'logChunk' as const,
      since: at(2, 1),
      entries: [entryOf(3), entryOf(4)],
      more: false,
    }
    expect(node.hear(1, rest).executions.map(({ id }) => id)).toEqual([at(3, 1), at(4, 1)])
    expect(node.log.map((entry) => entry.deps)).toEqual([1, 2, 3, 4].map((i) => entryOf(i).deps))
  })

  it('executes nothing above a hole', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const { since } = theOne(node.hear(1, heartbeat(1, leading(3))), 'catchUp')
    const chunk = {
      kind: 'logChunk' as const,
      since,
      entries: [entryOf(1), entryOf(3)],
      more: false,
    }
    expect(node.hear(1, chunk).executions.map(({ id }) => id)).toEqual([at(1, 1)])
  })

  it('takes the marks of the log for deps of which nobody says any more what became', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const [dead, id] = [at(1, 2), at(2, 1)]
    const txn = txnOf(2)
    const { digest, keys } = txn
    const deps = { ids: [at(1, 1), dead], marks: [] }
    const stable = { kind: 'stable', id, keys, executeAt: id, deps, digest, txn } as const
    expect(node.hear(1, stable).executions).toEqual([])
    // The dead one is closed and erased at the others: they have a log, and Truncated.
    const { since } = theOne(node.hear(1, heartbeat(1, leading(2))), 'catchUp')
    const entries = [entryOf(1), entryOf(2)]
    const said = node.hear(1, { kind: 'logChunk', since, entries, more: false })
    expect(said.executions.map((each) => each.id)).toEqual([at(1, 1), id])
    expect(node.log.map((entry) => entry.id)).toEqual([at(1, 1), id])
  })

  it('takes no chunk that it did not ask for', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const chunk = {
      kind: 'logChunk' as const,
      since: TIMESTAMP_ZERO,
      entries: [entryOf(1)],
      more: false,
    }
    expect(node.hear(1, chunk).executions).toEqual([])
  })

  it('serves its own log', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(5, 1)
    const txn = txnOf(5)
    const { digest } = txn
    node.hear(1, {
      kind: 'stable',
      id,
      keys: DEFAULT_KEYS,
      executeAt: id,
      deps: NO_DEPS,
      digest,
      txn,
    })
    const chunk = theOne(node.hear(2, { kind: 'catchUp', since: TIMESTAMP_ZERO }), 'logChunk')
    expect(chunk).toMatchObject({ since: TIMESTAMP_ZERO, more: false, entries: [{ id }] })
  })
})

describe('3.5: a store', () => {
  it('gets no vote until f+1 others remember it', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3, admitted: false })
    const asked = { kind: 'preAccept' as const, id: at(900, 1), txn: txnOf(1) }
    const knownStoreId = new Uint8Array(16).fill(1)
    expect(node.hear(1, asked).afterStore).toEqual([])
    expect(node.submit(1).answers).toMatchObject([{ kind: 'refused', reason: 'notReady' }])
    // One of three may be the only one that never heard of the store that was here before.
    expect(node.hear(1, heartbeat(1, { knownStoreId })).notices).toEqual([])
    expect(node.hear(1, asked).afterStore).toEqual([])
    const said = node.hear(2, heartbeat(2, { knownStoreId }))
    expect(said.notices).toContainEqual({ kind: 'admitted' })
    expect(sent(node.hear(1, asked), 'preAcceptOk')).toHaveLength(1)
    node.restart()
    expect(sent(node.hear(1, asked), 'preAcceptOk')).toHaveLength(1)
  })

  it('is told that it is remembered once that is durable, and not before', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    node.replica.step(
      { kind: 'receive', from: nodeSerial(1), message: heartbeat(1) },
      { wall: nanos(1_000_000_000n), elapsed: millis(node.now) },
    )
    const ready = node.replica.drain()
    expect(ready?.writes).toContainEqual(
      expect.objectContaining({ kind: 'peer', peer: expect.objectContaining({ serial: 1 }) }),
    )
    const early = [...(ready?.send ?? []), ...(ready?.sendAfterStore ?? [])]
    expect(early.filter(({ message }) => message.kind === 'heartbeat')).toEqual([])
    if (ready === undefined) throw new Error('nothing was drained')
    node.replica.step(
      { kind: 'stored', ready: ready.id },
      { wall: nanos(1_000_000_000n), elapsed: millis(node.now) },
    )
    const [greeting] = sent(node.serve(), 'heartbeat')
    expect(greeting?.message.knownStoreId).toEqual(new Uint8Array(16).fill(2))
  })

  it('stops when a member remembers another under its serial, or a later state of it', () => {
    const other = new ReplicaUnderTest({ self: 0, size: 3 })
    const told = other.hear(1, {
      kind: 'amnesia',
      storeId: new Uint8Array(16).fill(9),
      durableSeq: 1n,
    })
    expect(told.notices).toMatchObject([{ kind: 'fatal', code: 'AMNESIA' }])
    const rolledBack = new ReplicaUnderTest({ self: 0, size: 3 })
    const later = rolledBack.hear(1, {
      kind: 'amnesia',
      storeId: new Uint8Array(16).fill(1),
      durableSeq: 99n,
    })
    expect(later.notices).toMatchObject([{ kind: 'fatal', code: 'AMNESIA' }])
  })

  it('of a peer that changed is told so, and nothing it says counts', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    node.hear(1, heartbeat(1, { durableSeq: 7n }))
    node.restart()
    const said = node.hear(1, heartbeat(1, { storeId: new Uint8Array(16).fill(77) }))
    expect(theOne(said, 'amnesia')).toMatchObject({
      storeId: new Uint8Array(16).fill(2),
      durableSeq: 7n,
    })
    expect(node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) }).afterStore).toEqual(
      [],
    )
  })
})

/** Time passes while `peer` goes on sending heartbeats. */
function alive(node: ReplicaUnderTest, peer: number, ms: number): Said {
  const all: Said[] = []
  for (let passed = 0; passed < ms; passed += 50) {
    all.push(node.hear(peer, heartbeat(peer)), node.advance(50))
  }
  return joined(all)
}
