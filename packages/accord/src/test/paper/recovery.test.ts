/** protocol.md 6: recovery, at the replica and at the recoverer. */

import { describe, expect, it } from 'vitest'
import {
  NO_DEPS,
  nodeSerial,
  type Ballot,
  type Message,
  type RecoverOk,
  type Timestamp,
  type TxnId,
} from '../../index.ts'
import { DEFAULT_KEYS } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, theOne, type Said } from '../said.ts'

const TAU = at(900, 4)
const ballotOf = (round: number, node: number): Ballot => ({ round, node: nodeSerial(node) })

/** A member of five that witnessed τ of member 4, and recovers it because 4 is gone. */
function recovering(): { node: ReplicaUnderTest; ballot: Ballot; said: Said } {
  const node = new ReplicaUnderTest({ self: 0, size: 5 })
  node.hear(4, { kind: 'preAccept', id: TAU, txn: txnOf(1) })
  node.step({ kind: 'link', peer: nodeSerial(4), up: false })
  const said = node.advance(400)
  const [recover] = sent(said, 'recover')
  if (recover === undefined) throw new Error('nothing was recovered')
  return { node, ballot: recover.message.ballot, said }
}

function reply(ballot: Ballot, more: Partial<RecoverOk> = {}): RecoverOk {
  return {
    kind: 'recoverOk',
    id: TAU,
    ballot,
    vote: undefined,
    accepted: undefined,
    keys: undefined,
    refused: false,
    txn: undefined,
    ...more,
  }
}

const voted = (witnessedAt: Timestamp, id: TxnId = TAU): Partial<RecoverOk> => ({
  vote: { witnessedAt, yes: witnessedAt === id },
  keys: DEFAULT_KEYS,
})

/** What a message brings about, at once or once the recoverer has lingered for more. */
function after(node: ReplicaUnderTest, from: number, message: Message): Said {
  const heard = node.hear(from, message)
  const later = node.advance(20)
  return { ...later, afterStore: [...heard.afterStore, ...later.afterStore] }
}

describe('6.1: a replica asked to recover', () => {
  it('promises what it never heard of, durably, and no PreAccept gets a vote afterwards', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 5 })
    const ballot = ballotOf(3, 2)
    const said = node.hear(2, { kind: 'recover', id: TAU, ballot, txn: undefined })
    expect(said.atOnce).toEqual([])
    expect(theOne(said, 'recoverOk')).toMatchObject({
      ballot,
      vote: undefined,
      accepted: undefined,
    })
    expect(node.stored(TAU)?.promised).toEqual(ballot)
  })

  it('votes no when it witnesses the payload only now', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 5 })
    const said = node.hear(2, { kind: 'recover', id: TAU, ballot: ballotOf(1, 2), txn: txnOf(1) })
    const { vote } = theOne(said, 'recoverOk')
    expect(vote?.yes).toBe(false)
    expect(vote?.witnessedAt).toBeGreaterThan(TAU)
  })

  it('refuses a lower ballot, and answers its own again', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 5 })
    node.hear(2, { kind: 'recover', id: TAU, ballot: ballotOf(2, 2), txn: undefined })
    const lower = node.hear(3, { kind: 'recover', id: TAU, ballot: ballotOf(1, 3), txn: undefined })
    expect(theOne(lower, 'nack').promised).toEqual(ballotOf(2, 2))
    const again = node.hear(2, { kind: 'recover', id: TAU, ballot: ballotOf(2, 2), txn: undefined })
    expect(theOne(again, 'recoverOk').ballot).toEqual(ballotOf(2, 2))
  })

  it('keeps two registers: a promise does not change the ballot of what was accepted', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 5 })
    const accept = {
      kind: 'accept' as const,
      ballot: ballotOf(1, 2),
      id: TAU,
      keys: DEFAULT_KEYS,
      executeAt: at(950),
    }
    node.hear(2, accept)
    const said = node.hear(3, { kind: 'recover', id: TAU, ballot: ballotOf(5, 3), txn: undefined })
    expect(theOne(said, 'recoverOk').accepted).toEqual({ ballot: ballotOf(1, 2), value: at(950) })
  })
})

describe('6.2: a recoverer', () => {
  it('asks first, then makes its promise durable before Recover leaves', () => {
    const { said, ballot } = recovering()
    expect(sent(said, 'query')).toHaveLength(4)
    expect(said.atOnce.filter(([, message]) => message.kind === 'recover')).toEqual([])
    expect(ballot).toEqual(ballotOf(1, 0))
  })

  it('proposes the id when a yes anywhere proves the vote of the absent coordinator', () => {
    // f+1 = 3: its own yes, another yes, and the coordinator's.
    const { node, ballot } = recovering()
    node.hear(1, reply(ballot, voted(TAU)))
    const said = after(node, 2, reply(ballot, voted(at(990, 2))))
    expect(sent(said, 'accept')[0]?.message).toMatchObject({ executeAt: TAU, ballot })
    expect(sent(said, 'stable')).toEqual([])
  })

  it('does not count the vote of a coordinator that answered without one', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(900, 2)
    node.hear(2, { kind: 'preAccept', id, txn: txnOf(1) })
    const [recover] = sent(node.advance(3_000), 'recover')
    const ballot = recover?.message.ballot
    if (ballot === undefined) throw new Error('nothing was recovered')
    const said = after(node, 2, { ...reply(ballot), id })
    expect(sent(said, 'acceptInvalid').length).toBeGreaterThan(0)
  })

  it('proposes the least supported timestamp when the id has too little support', () => {
    const { node, ballot } = recovering()
    node.hear(1, reply(ballot, voted(at(980, 1))))
    const said = after(node, 2, reply(ballot, voted(at(990, 2))))
    // Votes: 900 (own), 900 (the coordinator's), 980, 990: the third.
    expect(sent(said, 'accept')[0]?.message.executeAt).toBe(at(980, 1))
  })

  it('takes the accepted value of the highest ballot, not the greatest timestamp', () => {
    const { node, ballot } = recovering()
    const low = { accepted: { ballot: ballotOf(0, 0), value: at(999, 4) }, keys: DEFAULT_KEYS }
    const high = { accepted: { ballot: ballotOf(1, 0), value: at(950, 3) }, keys: DEFAULT_KEYS }
    node.hear(1, reply(ballot, low))
    const said = after(node, 2, reply(ballot, high))
    expect(sent(said, 'accept')[0]?.message.executeAt).toBe(at(950, 3))
  })

  it('never skips Accept, and decides when a quorum accepted', () => {
    const { node, ballot } = recovering()
    node.hear(1, reply(ballot, voted(TAU)))
    expect(sent(after(node, 2, reply(ballot, voted(TAU))), 'stable')).toEqual([])
    node.hear(1, { kind: 'acceptOk', id: TAU, ballot, deps: NO_DEPS })
    const said = node.hear(2, { kind: 'acceptOk', id: TAU, ballot, deps: NO_DEPS })
    expect(sent(said, 'stable')).toHaveLength(4)
    expect(said.notices).toContainEqual({
      kind: 'decided',
      id: TAU,
      path: 'recovered',
      executeAt: TAU,
    })
  })

  it('begins again with the payload when only another holds it', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(900, 2)
    // Known as a dep of something decided only.
    node.hear(1, {
      kind: 'stable',
      id: at(950, 1),
      keys: DEFAULT_KEYS,
      executeAt: at(950, 1),
      deps: { ids: [id], marks: [] },
      digest: txnOf(3).digest,
      txn: txnOf(3),
    })
    const [first] = sent(node.advance(700), 'recover')
    const ballot = first?.message.ballot
    if (ballot === undefined) throw new Error('nothing was recovered')
    expect(first?.message.txn).toBeUndefined()
    const withTxn = { ...reply(ballot, { ...voted(id, id), txn: txnOf(1) }), id }
    const said = node.hear(1, withTxn)
    const again = sent(
      { ...said, afterStore: [...said.afterStore, ...node.advance(20).afterStore] },
      'recover',
    )
    expect(again[0]?.message.txn).toEqual(txnOf(1))
    expect(again[0]?.message.ballot.round).toBe(ballot.round + 1)
    expect(node.stored(id)?.vote?.yes).toBe(false)
  })

  it('invalidates what nobody in the quorum holds, and only after a quorum accepted that', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const id = at(900, 2)
    node.hear(1, {
      kind: 'stable',
      id: at(950, 1),
      keys: DEFAULT_KEYS,
      executeAt: at(950, 1),
      deps: { ids: [id], marks: [] },
      digest: txnOf(3).digest,
      txn: txnOf(3),
    })
    const [first] = sent(node.advance(700), 'recover')
    const ballot = first?.message.ballot
    if (ballot === undefined) throw new Error('nothing was recovered')
    const proposed = after(node, 1, { ...reply(ballot), id })
    expect(sent(proposed, 'acceptInvalid')).toHaveLength(2)
    expect(node.stored(id)?.outcome).toBeUndefined()
    const said = node.hear(1, { kind: 'acceptInvalidOk', id, ballot })
    expect(node.stored(id)?.outcome).toEqual({ kind: 'invalidated' })
    // What waited for it runs.
    expect(said.executions).toMatchObject([{ id: at(950, 1) }])
  })

  it('backs off after Nack and asks before it tries again, above the ballot it met', () => {
    const { node } = recovering()
    const met = ballotOf(7, 3)
    node.hear(3, { kind: 'nack', id: TAU, promised: met })
    const said = node.advance(10_000)
    expect(sent(said, 'recover')[0]?.message.ballot).toEqual(ballotOf(8, 0))
    const kinds = [...said.atOnce, ...said.afterStore].map(([, message]) => message.kind)
    expect(kinds.indexOf('query')).toBeLessThan(kinds.indexOf('recover'))
  })

  it('goes on watching when a promise to another ended its round and nothing came of it', () => {
    const { node } = recovering()
    node.hear(3, { kind: 'recover', id: TAU, ballot: ballotOf(4, 3), txn: undefined })
    // Neither Accept nor an outcome ever comes.
    const said = node.advance(10_000)
    expect(sent(said, 'recover')[0]?.message.ballot).toEqual(ballotOf(5, 0))
  })
})

describe('4.4: a restarted coordinator', () => {
  it('never resumes under ZERO: it asks, then recovers under a new ballot', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const [first] = sent(node.submit(1), 'preAccept')
    const id = first?.message.id
    if (id === undefined) throw new Error('nothing was sent')
    const boot = node.restart()
    expect(sent(boot, 'preAccept')).toEqual([])
    // A vote for the round of its earlier life decides nothing.
    expect(
      sent(node.hear(1, { kind: 'preAcceptOk', id, witnessedAt: id, deps: NO_DEPS }), 'stable'),
    ).toEqual([])
    const said = node.advance(100)
    expect(sent(said, 'query').length).toBeGreaterThan(0)
    expect(sent(said, 'recover')[0]?.message.ballot).toEqual(ballotOf(1, 0))
  })

  it('mints only timestamps above those of its earlier life, though the clock was set back', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const before = sent(node.submit(1), 'preAccept')[0]?.message.id
    node.now = 10
    node.restart()
    const after = sent(node.submit(2), 'preAccept')[0]?.message.id
    if (before === undefined || after === undefined) throw new Error('nothing was sent')
    expect(after).toBeGreaterThan(before)
  })
})
