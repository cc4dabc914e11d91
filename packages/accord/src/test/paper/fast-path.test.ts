/** protocol.md 2.2, 4.4: the coordinator's first attempt. */

import { describe, expect, it } from 'vitest'
import { NO_DEPS, nodeSerial, type TxnId } from '../../index.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, theOne } from '../said.ts'

function submitted(size: number): { node: ReplicaUnderTest; id: TxnId } {
  const node = new ReplicaUnderTest({ self: 0, size })
  const [first] = sent(node.submit(1), 'preAccept')
  if (first === undefined) throw new Error('nothing was sent')
  return { node, id: first.message.id }
}

const yes = (id: TxnId) => ({ kind: 'preAcceptOk' as const, id, witnessedAt: id, deps: NO_DEPS })
const no = (id: TxnId, ms: number, by: number) => ({
  kind: 'preAcceptOk' as const,
  id,
  witnessedAt: at(ms, by),
  deps: undefined,
})

describe('2.2: the fast path', () => {
  it('begins with the own vote, durable before PreAccept leaves', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 3 })
    const said = node.submit(1)
    expect(said.atOnce).toEqual([])
    expect(said.afterStore.map(([to]) => to)).toEqual([1, 2])
    expect(said.writes[0]).toMatchObject({
      record: { vote: { witnessedAt: at(1_000), yes: true } },
    })
  })

  it('decides with one peer of three, executes what is stored, answers what is executed', () => {
    const { node, id } = submitted(3)
    const said = node.hear(2, yes(id))
    expect(sent(said, 'stable').map(({ to }) => to)).toEqual([1, 2])
    const kinds = said.writes.filter((write) => write.kind === 'record' || write.kind === 'applied')
    expect(kinds.map((write) => write.kind)).toEqual(['record', 'applied'])
    expect(said.executions).toMatchObject([{ id, executeAt: id }])
    expect(said.answers).toEqual([{ kind: 'settled', submission: 0, id, executeAt: id }])
    expect(said.notices).toContainEqual({ kind: 'decided', id, path: 'fast', executeAt: id })
  })

  it('carries the payload in Stable to those who have not voted, and only to them', () => {
    const { node, id } = submitted(3)
    const stables = sent(node.hear(2, yes(id)), 'stable')
    expect(stables.map(({ to, message }) => [to, message.txn !== undefined])).toEqual([
      [1, true],
      [2, false],
    ])
  })

  it('needs three peers of five, each counted once', () => {
    const { node, id } = submitted(5)
    node.hear(1, yes(id))
    expect(sent(node.hear(1, yes(id)), 'stable')).toEqual([])
    expect(sent(node.hear(2, yes(id)), 'stable')).toEqual([])
    expect(sent(node.hear(3, yes(id)), 'stable')).toHaveLength(4)
  })

  it('is closed by an own promise: votes that come later decide nothing', () => {
    const { node, id } = submitted(3)
    node.hear(1, { kind: 'recover', id, ballot: { round: 1, node: nodeSerial(1) }, txn: undefined })
    const said = node.hear(2, yes(id))
    expect(sent(said, 'stable')).toEqual([])
    expect(sent(said, 'accept')).toEqual([])
  })

  it('takes the own part of deps at the decision', () => {
    const { node, id } = submitted(3)
    // Born earlier, heard of after submission: in the deps all the same.
    node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(2) })
    const [stable] = sent(node.hear(2, yes(id)), 'stable')
    expect(stable?.message.deps.ids).toEqual([at(900, 1)])
  })

  it('is one write and no message with one member', () => {
    const node = new ReplicaUnderTest({ self: 0, size: 1 })
    const said = node.submit(1)
    expect(said.afterStore).toEqual([])
    expect(said.answers).toMatchObject([{ kind: 'settled' }])
    expect(said.writes.filter((write) => write.kind === 'record')).toHaveLength(1)
  })
})

describe('4.4: the slow path', () => {
  it('waits within its patience, then proposes the (f+1)-th smallest vote', () => {
    const { node, id } = submitted(3)
    expect(sent(node.hear(1, no(id, 1_200, 1)), 'accept')).toEqual([])
    const said = node.advance(10)
    expect(sent(said, 'accept').map(({ to, message }) => [to, message.executeAt])).toEqual([
      [1, at(1_200, 1)],
      [2, at(1_200, 1)],
    ])
  })

  it('does not wait when a fast quorum can no longer come', () => {
    const { node, id } = submitted(3)
    node.step({ kind: 'link', peer: nodeSerial(2), up: false })
    expect(sent(node.hear(1, no(id, 1_200, 1)), 'accept')).toHaveLength(2)
  })

  it('proposes the id itself when f+1 voted for it', () => {
    const { node, id } = submitted(5)
    node.hear(1, yes(id))
    node.hear(2, yes(id))
    node.hear(3, no(id, 1_300, 3))
    const said = node.hear(4, no(id, 1_400, 4))
    expect(sent(said, 'accept')[0]?.message.executeAt).toBe(id)
  })

  it('decides when a quorum accepted, with the union of their deps', () => {
    const { node, id } = submitted(3)
    node.hear(1, no(id, 1_200, 1))
    const accept = sent(node.advance(10), 'accept')[0]?.message
    if (accept === undefined) throw new Error('nothing was proposed')
    const { ballot } = accept
    const deps = { ids: [at(800, 2)], marks: [] }
    const said = node.hear(2, { kind: 'acceptOk', id, ballot, deps })
    expect(sent(said, 'stable')[0]?.message).toMatchObject({ executeAt: at(1_200, 1), deps })
    // It waits for the dep, which is unknown here: nothing is executed.
    expect(said.executions).toEqual([])
  })

  it('recovers when too many refused', () => {
    const { node, id } = submitted(3)
    node.hear(1, { kind: 'refused', id, reason: 'tooFarAhead' })
    const said = node.hear(2, { kind: 'refused', id, reason: 'tooFarAhead' })
    expect(theOne({ ...said, afterStore: said.afterStore.slice(0, 1) }, 'recover').ballot).toEqual({
      round: 1,
      node: 0,
    })
  })

  it('recovers when those who refused and those who are gone leave no quorum', () => {
    const { node, id } = submitted(3)
    node.step({ kind: 'link', peer: nodeSerial(2), up: false })
    const said = node.hear(1, { kind: 'refused', id, reason: 'tooFarAhead' })
    expect(sent(said, 'recover').map(({ to }) => to)).toEqual([1, 2])
  })

  it('asks those who refused again, for their clocks go on', () => {
    const { node, id } = submitted(3)
    node.hear(1, { kind: 'refused', id, reason: 'tooFarAhead' })
    expect(sent(node.advance(60), 'preAccept').map(({ to }) => to)).toEqual([1, 2])
    expect(sent(node.hear(1, yes(id)), 'stable')).toHaveLength(2)
  })
})
