/** protocol.md 1.4, 1.6, 4.3: the vote of a replica. */

import { describe, expect, it } from 'vitest'
import { nodeSerial } from '../../index.ts'
import { conflictKey } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, theOne } from '../said.ts'

function replica(size = 3): ReplicaUnderTest {
  return new ReplicaUnderTest({ self: 0, size })
}

describe('1.6: a vote', () => {
  it('is yes, with deps, when nothing conflicting stands at or above the id', () => {
    const node = replica()
    node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    const said = node.hear(2, { kind: 'preAccept', id: at(950, 2), txn: txnOf(2) })
    expect(theOne(said, 'preAcceptOk')).toEqual({
      kind: 'preAcceptOk',
      id: at(950, 2),
      witnessedAt: at(950, 2),
      deps: { ids: [at(900, 1)], marks: [] },
    })
  })

  it('is no, with a later timestamp and without deps, when something conflicting does', () => {
    const node = replica()
    node.hear(1, { kind: 'preAccept', id: at(950, 1), txn: txnOf(1) })
    const vote = theOne(
      node.hear(2, { kind: 'preAccept', id: at(900, 2), txn: txnOf(2) }),
      'preAcceptOk',
    )
    expect(vote.witnessedAt).toBeGreaterThan(at(950, 1))
    expect(vote.deps).toBeUndefined()
  })

  it('does not see what has no key in common', () => {
    const node = replica()
    node.hear(1, { kind: 'preAccept', id: at(950, 1), txn: txnOf(1, [conflictKey('a')]) })
    const txn = txnOf(2, [conflictKey('b')])
    const vote = theOne(node.hear(2, { kind: 'preAccept', id: at(900, 2), txn }), 'preAcceptOk')
    expect(vote).toMatchObject({ witnessedAt: at(900, 2), deps: { ids: [], marks: [] } })
  })

  it('is computed once: a duplicate is answered with the stored vote and fresh deps', () => {
    const node = replica()
    const first = node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    expect(theOne(first, 'preAcceptOk').witnessedAt).toBe(at(900, 1))
    node.hear(2, { kind: 'preAccept', id: at(950, 2), txn: txnOf(2) })
    const again = theOne(
      node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) }),
      'preAcceptOk',
    )
    expect(again.witnessedAt).toBe(at(900, 1))
    node.restart()
    const later = theOne(
      node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) }),
      'preAcceptOk',
    )
    expect(later.witnessedAt).toBe(at(900, 1))
  })

  it('does not count own live transactions, but lists them in deps', () => {
    const node = replica()
    const own = theOne(
      { ...node.submit(9), afterStore: node.submit(8).afterStore.slice(0, 1), atOnce: [] },
      'preAccept',
    ).id
    const vote = theOne(
      node.hear(2, { kind: 'preAccept', id: at(900, 2), txn: txnOf(2) }),
      'preAcceptOk',
    )
    expect(vote.witnessedAt).toBe(at(900, 2))
    expect(own).toBeGreaterThan(at(900, 2))
  })
})

describe('3.3: a vote', () => {
  it('leaves only after it is durable', () => {
    const said = replica().hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    expect(said.atOnce).toEqual([])
    expect(said.afterStore).toHaveLength(1)
    expect(said.writes[0]).toMatchObject({
      kind: 'record',
      record: { vote: { yes: true } },
      txnIsNew: true,
    })
  })
})

describe('1.4: a replica with another clock', () => {
  it('refuses an id too far in the future, stores nothing and observes nothing', () => {
    const node = replica()
    const said = node.hear(1, { kind: 'preAccept', id: at(2_001, 1), txn: txnOf(1) })
    expect(theOne(said, 'refused')).toEqual({
      kind: 'refused',
      id: at(2_001, 1),
      reason: 'tooFarAhead',
    })
    expect(said.writes).toEqual([])
    const own = sent(node.submit(1), 'preAccept')[0]
    expect(own?.message.id).toBe(at(1_000, 0))
  })

  it('takes it when something as far was decided before', () => {
    const node = replica()
    node.hear(1, {
      kind: 'stable',
      id: at(5_000, 1),
      keys: txnOf(1).keys,
      executeAt: at(5_000, 1),
      deps: { ids: [], marks: [] },
      digest: txnOf(1).digest,
      txn: txnOf(1),
    })
    const vote = theOne(
      node.hear(2, { kind: 'preAccept', id: at(5_001, 2), txn: txnOf(2) }),
      'preAcceptOk',
    )
    expect(vote.witnessedAt).toBe(at(5_001, 2))
  })
})

describe('4.3: PreAccept', () => {
  it('gets Nack after a promise, and no vote', () => {
    const node = replica(5)
    const ballot = { round: 1, node: nodeSerial(2) }
    node.hear(2, { kind: 'recover', id: at(900, 1), ballot, txn: undefined })
    const said = node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    expect(theOne(said, 'nack')).toEqual({ kind: 'nack', id: at(900, 1), promised: ballot })
    expect(sent(said, 'preAcceptOk')).toEqual([])
    expect(node.stored(at(900, 1))).toMatchObject({
      vote: undefined,
      promised: ballot,
      txn: txnOf(1),
    })
  })

  it('is refused as not honest when it does not come from the coordinator', () => {
    const said = replica().hear(2, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    expect(said.notices).toMatchObject([{ kind: 'rejected', from: 2 }])
    expect(said.writes).toEqual([])
  })
})
