/** protocol.md 9: linearizable reads without a log entry. */

import { describe, expect, it } from 'vitest'
import {
  BALLOT_ZERO,
  NO_DEPS,
  epoch,
  hlc,
  millis,
  nanos,
  nodeSerial,
  timestampOf,
  type Deps,
  type TxnId,
} from '../../index.ts'
import { conflictKey, DEFAULT_KEYS, keysOf } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, readId, txnOf } from '../replica-under-test.ts'
import { sent, theOne, type Said } from '../said.ts'

/** A member whose disk wrote something in this life: its rounds have numbers. */
function reader(size = 3): ReplicaUnderTest {
  const node = new ReplicaUnderTest({ self: 0, size })
  node.hear(2, { kind: 'preAccept', id: at(10, 2), txn: txnOf(9, keysOf(['other'])) })
  return node
}

const NOW = { wall: nanos(1_000_000_000n), elapsed: millis(1_000) }

const ready = (said: Said): readonly number[] =>
  said.reads.flatMap((each) => (each.kind === 'ready' ? [each.read] : []))

const roundIn = (said: Said): number => theSame(sent(said, 'readDeps').map((e) => e.message.round))

function theSame(rounds: readonly number[]): number {
  const [first] = rounds
  expect(new Set(rounds).size).toBe(1)
  return first ?? -1
}

function answer(node: ReplicaUnderTest, from: number, round: number, deps: Deps = NO_DEPS): Said {
  return node.hear(from, { kind: 'readDepsOk', round, deps })
}

const idsOf = (...ids: readonly TxnId[]): Deps => ({ ids, marks: [] })

describe('9: a read asks a quorum', () => {
  it('of all other members, at once, and is ready when q answered, itself among them', () => {
    const node = reader()
    const said = node.read(1)
    expect(sent(said, 'readDeps').map(({ to }) => to)).toEqual([1, 2])
    expect(said.afterStore).toEqual([])
    expect(said.reads).toEqual([])
    expect(ready(answer(node, 1, roundIn(said)))).toEqual([1])
    expect(node.replica.status(NOW).reads).toBe(0)
  })

  it('is not ready with a minority of five', () => {
    const node = reader(5)
    const round = roundIn(node.read(1))
    expect(ready(answer(node, 1, round))).toEqual([])
    expect(ready(answer(node, 1, round))).toEqual([])
    expect(ready(answer(node, 4, round))).toEqual([1])
  })

  it('is answered at once by a cluster of one', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 1 })
    expect(ready(node.read(1))).toEqual([1])
  })

  it('without its own answer while it has no vote', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3, admitted: false })
    const round = roundIn(node.read(1))
    expect(ready(answer(node, 1, round))).toEqual([])
    expect(ready(answer(node, 2, round))).toEqual([1])
  })

  it('asks those who are silent again, and takes no answer twice', () => {
    const node = reader(5)
    const round = roundIn(node.read(1))
    answer(node, 1, round)
    const again = sent(node.advance(200), 'readDeps')
    expect([...new Set(again.map(({ to }) => to))].sort()).toEqual([2, 3, 4])
    expect(theSame(again.map(({ message }) => message.round))).toBe(round)
    answer(node, 2, round)
    expect(sent(node.advance(5_000), 'readDeps')).toEqual([])
    expect(ready(answer(node, 3, round))).toEqual([])
  })
})

describe('9: a read waits for what the quorum named', () => {
  it('an undecided dep is not resolved, and is asked for', () => {
    const node = reader()
    const id = at(20, 1)
    const round = roundIn(node.read(1))
    const said = answer(node, 1, round, idsOf(id))
    expect(ready(said)).toEqual([])
    const asked = sent(node.advance(100), 'query').flatMap(({ message }) => message.ids)
    expect(asked).toContain(id)
    expect(ready(node.hear(1, { kind: 'invalidated', id }))).toEqual([1])
  })

  it('a decided dep is not resolved before it is executed and durable here', () => {
    const node = reader()
    const id = at(20, 1)
    const round = roundIn(node.read(1))
    answer(node, 1, round, idsOf(id))
    node.replica.step(
      {
        kind: 'receive',
        from: nodeSerial(1),
        message: {
          kind: 'stable',
          id,
          keys: DEFAULT_KEYS,
          executeAt: at(30, 1),
          deps: NO_DEPS,
          digest: new Uint8Array([5]),
          txn: txnOf(5),
        },
      },
      NOW,
    )
    const decision = node.replica.drain()
    expect(decision?.writes.length).toBeGreaterThan(0)
    expect(decision?.reads).toEqual([])
    if (decision === undefined) throw new Error('no decision to store')
    node.replica.step({ kind: 'stored', ready: decision.id }, NOW)
    const released = node.replica.drain()
    if (released === undefined) throw new Error('nothing to execute')
    expect(released.execute.map((execution) => execution.id)).toEqual([id])
    node.replica.step({ kind: 'stored', ready: released.id }, NOW)
    const hash = new Uint8Array([1])
    const watermark = { position: 1n, executeAt: at(30, 1), txnHash: hash, execHash: hash }
    node.replica.step({ kind: 'executed', id, result: { watermark, mutations: [] } }, NOW)
    const applied = node.replica.drain()
    expect(applied?.writes.some((write) => write.kind === 'applied')).toBe(true)
    expect(applied?.reads).toEqual([])
    if (applied === undefined) throw new Error('no execution to store')
    node.replica.step({ kind: 'stored', ready: applied.id }, NOW)
    expect(node.replica.drain()?.reads).toEqual([{ kind: 'ready', read: 1 }])
  })

  it('a mark above what is applied here is waited for, and what stands at it asked for', () => {
    const node = reader()
    const mark = { key: conflictKey('default'), id: at(20, 1), at: at(30, 1) }
    const round = roundIn(node.read(1))
    expect(ready(answer(node, 1, round, { ids: [], marks: [mark] }))).toEqual([])
    const asked = sent(node.advance(100), 'query').flatMap(({ message }) => message.ids)
    expect(asked).toContain(mark.id)
    const decided = node.hear(1, {
      kind: 'stable',
      id: mark.id,
      keys: DEFAULT_KEYS,
      executeAt: mark.at,
      deps: NO_DEPS,
      digest: new Uint8Array([5]),
      txn: txnOf(5),
    })
    expect(ready(decided)).toEqual([1])
  })

  it('what this node itself has not finished counts as its own answer', () => {
    const node = reader()
    const [preAccept] = sent(node.submit(1), 'preAccept')
    const id = preAccept?.message.id ?? at(0)
    const round = roundIn(node.read(1))
    expect(ready(answer(node, 1, round))).toEqual([])
    const fast = node.hear(1, {
      kind: 'preAcceptOk',
      id,
      witnessedAt: id,
      deps: NO_DEPS,
    })
    expect(fast.answers).toMatchObject([{ kind: 'settled' }])
    expect(ready(fast)).toEqual([1])
  })
})

describe('9: reads share a round, and never one that left before them', () => {
  it('one round for all that were there when it left', () => {
    const node = reader()
    for (const read of [1, 2, 3])
      node.replica.step({ kind: 'read', read: readId(read), keys: DEFAULT_KEYS }, NOW)
    const said = node.serve()
    const round = roundIn(said)
    const late = roundIn(node.read(4))
    expect(late).not.toBe(round)
    expect(ready(answer(node, 1, round))).toEqual([1, 2, 3])
    expect(ready(answer(node, 1, late))).toEqual([4])
  })

  it('an answer to another round, or to one of an earlier life, counts for nothing', () => {
    const node = reader()
    const round = roundIn(node.read(1))
    node.restart()
    const again = node.read(1)
    const fresh = roundIn(again)
    expect(fresh).toBeGreaterThan(round)
    // The number stands on a write of this life.
    expect(again.writes.map((write) => write.kind)).toContain('durableSeq')
    expect(ready(answer(node, 1, round))).toEqual([])
    expect(ready(answer(node, 1, fresh + 1))).toEqual([])
    expect(ready(answer(node, 1, fresh))).toEqual([1])
  })

  it('one that is cancelled is never answered, and leaves no timer', () => {
    const node = reader()
    const round = roundIn(node.read(1))
    node.cancelRead(1)
    expect(ready(answer(node, 1, round))).toEqual([])
    expect(sent(node.advance(3_000), 'readDeps')).toEqual([])
    expect(node.cancelRead(1).reads).toEqual([])
  })

  it('no more than its bound wait at once', () => {
    const node = reader()
    for (let read = 1; read <= 16_385; read++)
      node.replica.step({ kind: 'read', read: readId(read), keys: DEFAULT_KEYS }, NOW)
    expect(node.serve().reads).toEqual([{ kind: 'refused', read: 16_385, reason: 'busy' }])
  })
})

describe('9: where a member does not know how', () => {
  it('a read is refused, and a transaction must serve; a cluster of one needs nobody', () => {
    const features = { requires: 0, active: 0 }
    const node = new ReplicaUnderTest({ self: 0, size: 3, features })
    expect(node.read(1).reads).toEqual([{ kind: 'refused', read: 1, reason: 'unsupported' }])
    const alone = new ReplicaUnderTest({ self: 0, size: 1, features })
    expect(ready(alone.read(1))).toEqual([1])
  })
})

describe('9, 10.3: while the epoch closes', () => {
  const end = timestampOf({ epoch: epoch(2), hlc: hlc(0n), node: nodeSerial(0) })
  const raise = { kind: 'raiseFloor', round: 1, floor: end, since: at(1) } as const

  it('a member says so instead of naming deps', () => {
    const node = reader()
    node.hear(1, raise)
    const said = node.hear(1, { kind: 'readDeps', round: 7, epoch: epoch(1), keys: DEFAULT_KEYS })
    expect(said.atOnce).toEqual([[1, { kind: 'epochClosing', round: 7 }]])
  })

  it('reads that begin there wait, and the answer of a closing member counts for nothing', () => {
    const node = reader()
    const round = roundIn(node.read(1))
    expect(ready(node.hear(1, { kind: 'epochClosing', round }))).toEqual([])
    expect(sent(node.advance(100), 'readDeps').map(({ to }) => to)).toEqual([1, 2])
    node.hear(1, raise)
    expect(sent(node.read(2), 'readDeps')).toEqual([])
    expect(ready(answer(node, 2, round))).toEqual([1])
  })
})

describe('9: hearing ReadDeps', () => {
  it('names what is unfinished here, decided or not, of those keys alone', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(20, 1)
    node.hear(1, { kind: 'preAccept', id, txn: txnOf(1) })
    node.hear(2, { kind: 'preAccept', id: at(25, 2), txn: txnOf(2, keysOf(['other'])) })
    node.hear(2, {
      kind: 'accept',
      ballot: BALLOT_ZERO,
      id: at(30, 2),
      keys: DEFAULT_KEYS,
      executeAt: at(40, 2),
    })
    const said = node.hear(1, { kind: 'readDeps', round: 7, epoch: epoch(1), keys: DEFAULT_KEYS })
    expect(said.atOnce).toEqual([[1, { kind: 'readDepsOk', round: 7, deps: idsOf(id, at(30, 2)) }]])
  })

  it('is silent without a vote, and of another epoch says so', () => {
    const ask = { kind: 'readDeps', round: 7, keys: DEFAULT_KEYS } as const
    const stranger = new ReplicaUnderTest({ self: 0, size: 3, admitted: false })
    expect(sent(stranger.hear(1, { ...ask, epoch: epoch(1) }), 'readDepsOk')).toEqual([])
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const said = node.hear(1, { ...ask, epoch: epoch(2) })
    expect(theOne(said, 'wrongEpoch')).toMatchObject({ open: epoch(1) })
    expect(sent(said, 'readDepsOk')).toEqual([])
  })
})
