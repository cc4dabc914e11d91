/** protocol.md 8.1–8.3: floors, Barriers, truncation, at one replica. */

import { describe, expect, it } from 'vitest'
import {
  NO_DEPS,
  TIMESTAMP_ZERO,
  emptyRecord,
  epoch,
  hlc,
  nodeSerial,
  timestampOf,
  type Ballot,
  type FloorOk,
  type Message,
  type Stable,
  type Timestamp,
} from '../../index.ts'
import { DEFAULT_KEYS } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, theOne, type Said } from '../said.ts'

const INTERVAL = { floorIntervalMs: 100, closeLagMs: 10 }
const ballotOf = (round: number, node: number): Ballot => ({ round, node: nodeSerial(node) })

const raise = (floor: Timestamp, round = 1): Message => ({
  kind: 'raiseFloor',
  round,
  floor,
  since: undefined,
})
const preAccept = (id: Timestamp, byte = 1): Message => ({
  kind: 'preAccept',
  id,
  txn: txnOf(byte),
})
const stable = (id: Timestamp, byte = 1): Stable => ({
  kind: 'stable',
  id,
  keys: DEFAULT_KEYS,
  executeAt: id,
  deps: NO_DEPS,
  digest: txnOf(byte).digest,
  txn: txnOf(byte),
})
/** A Barrier of node 1, decided at its id. */
const barrier = (id: Timestamp, closedBefore: Timestamp): Message => ({
  kind: 'stable',
  id,
  keys: 'all',
  executeAt: id,
  deps: NO_DEPS,
  digest: new Uint8Array(0),
  txn: { kind: 'barrier', closedBefore },
})
const floorOk = (round: number, undecided: readonly Timestamp[] = []): FloorOk => ({
  kind: 'floorOk',
  round,
  undecided,
  decided: [],
})

/** Of three, with one transaction applied at 900 and one undecided of node 2 at 950. */
function withHistory(): ReplicaUnderTest {
  const node = new ReplicaUnderTest({ size: 3, options: INTERVAL })
  node.hear(1, stable(at(900, 1)))
  node.hear(2, preAccept(at(950, 2)))
  return node
}

/** Lets it begin a closing: the round it asks under, and its floor. */
function closing(node: ReplicaUnderTest): { round: number; floor: Timestamp; said: Said } {
  const said = node.advance(400)
  const [asked] = sent(said, 'raiseFloor')
  if (asked === undefined) throw new Error('nothing is closed')
  return { ...asked.message, said }
}

describe('8.1: a replica asked to raise its floor', () => {
  it('says so once it is durable, with what it witnessed below and is undecided', () => {
    const node = withHistory()
    node.hear(2, preAccept(at(990, 2), 3))
    const said = node.hear(1, raise(at(980)))
    expect(said.writes).toContainEqual({ kind: 'floor', floor: at(980) })
    expect(sent(said, 'floorOk')).toEqual([
      { to: 1, message: { ...floorOk(1), undecided: [at(950, 2)] } },
    ])
    expect(said.atOnce).toEqual([])
  })

  it('names what was only accepted, and its own live transactions', () => {
    const node = new ReplicaUnderTest({ size: 3 })
    const own = theTo(node.submit(7), 'preAccept').id
    const executeAt = at(960, 1)
    const ballot = ballotOf(1, 1)
    node.hear(1, { kind: 'accept', ballot, id: at(940, 2), keys: DEFAULT_KEYS, executeAt })
    node.hear(1, { kind: 'acceptInvalid', ballot, id: at(930, 2) })
    node.now += 50
    const said = node.hear(1, raise(at(1_040)))
    expect(theOne(said, 'floorOk').undecided).toEqual([at(930, 2), at(940, 2), own])
  })

  it('never lowers it, and keeps it over a restart', () => {
    const node = withHistory()
    node.hear(1, raise(at(980)))
    node.hear(2, raise(at(970)))
    node.restart()
    const said = node.hear(2, preAccept(at(975, 2), 5))
    expect(theOne(said, 'refused')).toMatchObject({ id: at(975, 2), reason: 'belowFloor' })
  })

  it('gives no answer to a floor ahead of both its clocks (1.4)', () => {
    const node = withHistory()
    const said = node.hear(1, raise(at(node.now + 1)))
    expect(sent(said, 'floorOk')).toEqual([])
    expect(said.writes).toEqual([])
  })

  it('answers a floor that ends this epoch, and asks for the end before one of the next', () => {
    const node = withHistory()
    const floor = timestampOf({ epoch: epoch(2), hlc: hlc(5n << 60n), node: nodeSerial(0) })
    const asked = node.hear(1, raise(floor))
    expect(asked.atOnce).toEqual([[1, { kind: 'wrongEpoch', open: 1, ends: [] }]])
    expect(asked.writes).toEqual([])
    const end = timestampOf({ epoch: epoch(2), hlc: hlc(0n), node: nodeSerial(0) })
    const said = node.hear(1, { kind: 'raiseFloor', round: 4, floor: end, since: at(800) })
    expect(theOne(said, 'floorOk')).toEqual({
      ...floorOk(4, [at(950, 2)]),
      decided: [{ id: at(900, 1), executeAt: at(900, 1), keys: DEFAULT_KEYS }],
    })
    const refused = node.hear(2, preAccept(at(999, 2), 4))
    expect(theOne(refused, 'refused').reason).toBe('epochClosing')
  })
})

describe('8.1: below the floor', () => {
  it('nothing is witnessed for the first time, also not in a recovery', () => {
    const node = withHistory()
    node.hear(1, raise(at(980)))
    const id = at(960, 2)
    const said = node.hear(1, { kind: 'recover', ballot: ballotOf(1, 1), id, txn: txnOf(4) })
    expect(theOne(said, 'recoverOk')).toMatchObject({ refused: true, vote: undefined })
    expect(node.stored(id)?.vote).toBeUndefined()
  })

  it('a vote given before is given again, and Accept is taken', () => {
    const node = withHistory()
    node.hear(1, raise(at(980)))
    expect(sent(node.hear(2, preAccept(at(950, 2))), 'preAcceptOk')).toHaveLength(1)
    const executeAt = at(970, 2)
    const ballot = ballotOf(1, 1)
    const id = at(965, 2)
    const said = node.hear(1, { kind: 'accept', ballot, id, keys: DEFAULT_KEYS, executeAt })
    expect(sent(said, 'acceptOk')).toHaveLength(1)
  })

  it('nothing is born: own ids lie above', () => {
    const node = new ReplicaUnderTest({ size: 3 })
    node.hear(1, raise(at(1_000)))
    expect(theTo(node.submit(1), 'preAccept').id).toBeGreaterThan(at(1_000))
  })
})

describe('8.1: the driver of a closing', () => {
  it('raises a floor in the past, here first and durably, then at the others', () => {
    const { said, floor } = closing(withHistory())
    expect(said.writes).toContainEqual({ kind: 'floor', floor })
    expect(sent(said, 'raiseFloor').map(({ to }) => to)).toEqual(expect.arrayContaining([1, 2]))
    expect(said.atOnce.some(([, message]) => message.kind === 'raiseFloor')).toBe(false)
  })

  it('does nothing while nothing was applied since the last Barrier', () => {
    const node = new ReplicaUnderTest({ size: 3, options: INTERVAL })
    expect(sent(node.advance(3_000), 'raiseFloor')).toEqual([])
  })

  it('orders a Barrier with q answers, and not with fewer', () => {
    const node = new ReplicaUnderTest({ size: 5, options: INTERVAL })
    node.hear(1, stable(at(900, 1)))
    const { round, floor } = closing(node)
    expect(sent(node.hear(1, floorOk(round)), 'preAccept')).toEqual([])
    expect(sent(node.hear(1, floorOk(round)), 'preAccept')).toEqual([])
    expect(sent(node.hear(2, floorOk(round + 1)), 'preAccept')).toEqual([])
    const txn = theTo(node.hear(2, floorOk(round)), 'preAccept').txn
    expect(txn).toEqual({ kind: 'barrier', closedBefore: floor })
  })

  it('drives what any of the q left undecided to an outcome first, without delay', () => {
    const node = new ReplicaUnderTest({ size: 3, options: INTERVAL })
    node.hear(1, stable(at(900, 1)))
    const { round } = closing(node)
    const left = at(700, 2)
    const said = node.hear(1, floorOk(round, [left]))
    expect(sent(said, 'preAccept')).toEqual([])
    const asked = sent(node.advance(30), 'query').map(({ message }) => message.ids)
    expect(asked).toContainEqual([left])
    expect(sent(node.advance(5), 'preAccept')).toEqual([])
    const after = node.hear(2, { kind: 'invalidated', id: left })
    expect(theTo(after, 'preAccept').txn.kind).toBe('barrier')
  })

  it('does not watch what is closed here, though another still calls it undecided', () => {
    const node = withHistory()
    node.hear(1, barrier(at(1_000, 1), at(980)))
    node.now += 200
    node.hear(1, stable(at(1_150, 1), 5))
    const { round } = closing(node)
    const said = node.hear(1, floorOk(round, [at(950, 2)]))
    expect(theTo(said, 'preAccept').txn.kind).toBe('barrier')
    node.hear(1, { kind: 'invalidated', id: theTo(said, 'preAccept').id })
    expect(node.replica.status(node.instant()).undecided).toBe(0)
  })

  it('counts itself once its own floor is durable, under a number no earlier life used', () => {
    const node = withHistory()
    const first = closing(node)
    node.restart()
    const second = closing(node)
    expect(second.round).toBeGreaterThan(first.round)
    expect(sent(node.hear(1, floorOk(first.round)), 'preAccept')).toEqual([])
  })
})

describe('8.2: executing a Barrier', () => {
  it('closes in the same write, forgets what lies below and keeps what does not', () => {
    const node = withHistory()
    node.hear(2, preAccept(at(990, 2), 3))
    const said = node.hear(1, barrier(at(1_000, 1), at(980)))
    const applied = said.writes.find((write) => write.kind === 'applied')
    expect(applied).toMatchObject({ closing: { floor: at(980), closedBefore: at(980) } })
    expect(said.writes).toContainEqual({ kind: 'truncated', below: at(980) })
    expect(node.stored(at(900, 1))).toBeUndefined()
    expect(node.stored(at(950, 2))).toBeUndefined()
    expect(node.stored(at(990, 2))?.vote).toBeDefined()
    expect(node.stored(at(1_000, 1))?.applied).toBe(true)
    expect(node.log.map(({ id }) => id)).toEqual([at(900, 1), at(1_000, 1)])
  })

  it('keeps a record whose id is the bound itself', () => {
    const node = withHistory()
    node.hear(1, barrier(at(1_000, 1), at(950, 2)))
    expect(node.stored(at(900, 1))).toBeUndefined()
    expect(node.stored(at(950, 2))?.vote).toBeDefined()
  })

  it('answers an own transaction without outcome below it as invalidated, once', () => {
    const node = new ReplicaUnderTest({ size: 3 })
    const id = theTo(node.submit(7), 'preAccept').id
    node.now += 100
    const said = node.hear(1, barrier(at(1_090, 1), at(1_050)))
    expect(said.answers).toMatchObject([{ kind: 'invalidated', id }])
    expect(node.replica.status(node.instant()).inFlight).toBe(0)
    expect(node.hear(1, { kind: 'invalidated', id }).answers).toEqual([])
  })

  it('lets go what waited for an id below that nobody decided', () => {
    const node = withHistory()
    const waits = at(1_010, 2)
    const deps = { ids: [at(950, 2)], marks: [] }
    node.hear(2, { ...stable(waits, 5), deps })
    expect(node.stored(waits)?.applied).toBe(false)
    const said = node.hear(1, barrier(at(1_000, 1), at(980)))
    expect(said.executions.map(({ id }) => id)).toEqual([at(1_000, 1), waits])
  })

  it('erases in slices', () => {
    const node = new ReplicaUnderTest({ size: 3 })
    for (let i = 0; i < 600; i++) node.hear(1, stable(at(200 + i, 1), i % 250))
    const said = node.hear(1, barrier(at(999, 1), at(990)))
    expect(said.writes.filter((write) => write.kind === 'truncated')).toHaveLength(3)
    expect(node.stored(at(200, 1))).toBeUndefined()
    expect(node.log).toHaveLength(601)
  })

  it('goes on erasing after a crash', () => {
    const node = withHistory()
    node.hear(1, barrier(at(1_000, 1), at(980)))
    node.forge({ ...emptyRecord(at(10, 2)), vote: { witnessedAt: at(10, 2), yes: true } })
    const said = node.restart()
    expect(said.writes).toContainEqual({ kind: 'truncated', below: at(980) })
    expect(node.stored(at(10, 2))).toBeUndefined()
  })
})

describe('8.3: answers below closedBefore', () => {
  function closed(): ReplicaUnderTest {
    const node = withHistory()
    node.hear(1, barrier(at(1_000, 1), at(980)))
    return node
  }
  const dead = at(950, 2)
  const ballot = ballotOf(2, 2)

  it.each<[string, Message]>([
    ['PreAccept', preAccept(dead)],
    ['Recover', { kind: 'recover', ballot, id: dead, txn: txnOf(1) }],
    ['Accept', { kind: 'accept', ballot, id: dead, keys: DEFAULT_KEYS, executeAt: at(960, 2) }],
    ['AcceptInvalid', { kind: 'acceptInvalid', ballot, id: dead }],
    ['Query', { kind: 'query', ids: [dead], wantTxn: true }],
  ])('%s is answered Truncated, after the write, and nothing is kept', (_, message) => {
    const node = closed()
    const said = node.hear(2, message)
    const answer = { kind: 'truncated', id: dead, closedBefore: at(980) }
    expect(said.afterStore).toEqual([[2, answer]])
    expect(said.writes).toEqual([])
  })

  it('Stable, Decided and Invalidated change nothing', () => {
    const node = closed()
    expect(node.hear(2, stable(dead)).writes).toEqual([])
    expect(node.hear(2, { kind: 'invalidated', id: dead }).writes).toEqual([])
    const decided = { kind: 'decided', id: dead, keys: DEFAULT_KEYS, executeAt: dead } as const
    expect(node.hear(2, { ...decided, deps: NO_DEPS, txn: txnOf(1) }).writes).toEqual([])
    expect(node.hear(2, { ...decided, deps: undefined, txn: undefined }).atOnce).toEqual([])
  })

  it('an id at the bound is as new', () => {
    const node = closed()
    const said = node.hear(2, { kind: 'query', ids: [at(980, 0)], wantTxn: false })
    expect(theOne(said, 'queryOk').items).toMatchObject([{ known: 'unknown' }])
  })

  it('Truncated from a peer ends the round, concludes nothing, and asks for the log', () => {
    const node = withHistory()
    const id = theTo(node.submit(9), 'preAccept').id
    const said = node.hear(2, { kind: 'truncated', id, closedBefore: at(2_000) })
    expect(sent(said, 'catchUp')).toMatchObject([{ to: 2, message: { since: at(900, 1) } }])
    expect(said.answers).toEqual([])
    expect(node.stored(id)?.outcome).toBeUndefined()
    expect(sent(node.advance(2_000), 'query').some(({ message }) => message.ids[0] === id)).toBe(
      true,
    )
  })
})

describe('6.3: catching up past what was closed elsewhere', () => {
  it('executes by the marks of the log what waits for an id that is dead there', () => {
    const node = new ReplicaUnderTest({ size: 3 })
    const dead = at(800, 2)
    const waits = { ...stable(at(900, 1)), deps: { ids: [dead], marks: [] } }
    expect(node.hear(1, waits).executions).toEqual([])
    const asked = node.hear(2, { kind: 'truncated', id: dead, closedBefore: at(850) })
    const { since } = theOne(asked, 'catchUp')
    const hash = new Uint8Array([1])
    const watermark = { position: 1n, executeAt: at(900, 1), txnHash: hash, execHash: hash }
    const entry = { id: at(900, 1), executeAt: at(900, 1), txn: txnOf(1), deps: NO_DEPS, watermark }
    const said = node.hear(2, { kind: 'logChunk', since, entries: [entry], more: false })
    expect(said.executions.map(({ id }) => id)).toEqual([at(900, 1)])
    expect(node.stored(at(900, 1))?.applied).toBe(true)
  })
})

describe('7.4: a peer that is ahead by a Barrier alone', () => {
  it('is followed, though its position is the same', () => {
    const node = withHistory()
    node.advance(200)
    const beat = heartbeatOf(node, at(1_000, 1))
    const said = [node.hear(1, beat), node.advance(90), node.hear(1, beat)]
    for (let i = 0; i < 20; i++) said.push(node.advance(90), node.hear(1, beat))
    const asked = said.flatMap((each) => sent(each, 'catchUp'))
    expect(asked[0]).toMatchObject({ to: 1, message: { since: at(900, 1) } })
  })
})

/** Of node 1, at the position of this node. */
function heartbeatOf(node: ReplicaUnderTest, lastAll: Timestamp): Message {
  const [own] = sent(node.advance(100), 'heartbeat')
  if (own === undefined) throw new Error('no heartbeat')
  const storeId = new Uint8Array(16).fill(2)
  return { ...own.message, storeId, durableSeq: 9n, echo: undefined, lastAll }
}

describe('7.5: heartbeats', () => {
  it('state the durable bounds', () => {
    const node = withHistory()
    node.hear(1, raise(at(985)))
    node.hear(1, barrier(at(1_000, 1), at(980)))
    const [beat] = sent(node.advance(100), 'heartbeat')
    expect(beat?.message).toMatchObject({ floor: at(985), closedBefore: at(980) })
    const fresh = new ReplicaUnderTest({ size: 3 })
    const [first] = sent(fresh.advance(100), 'heartbeat')
    expect(first?.message).toMatchObject({ floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO })
  })
})

/** The first message of a kind: rounds say the same to all. */
function theTo<K extends Message['kind']>(said: Said, kind: K): Message & { kind: K } {
  const [first] = sent(said, kind)
  if (first === undefined) throw new Error(`no ${kind}`)
  return first.message
}

describe('1.3, 8.1: a floor below the one that holds', () => {
  it('is not observed, for no write of it would carry the reserve of the clock', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const end = timestampOf({ epoch: epoch(2), hlc: hlc(0n), node: nodeSerial(0) })
    node.hear(1, { kind: 'raiseFloor', round: 1, floor: end, since: at(1) })
    const before = node.replica.image()
    expect(node.hear(1, raise(at(900, 0), 2)).writes).toEqual([])
    expect(node.replica.image()).toEqual(before)
  })
})
