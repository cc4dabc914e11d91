/** protocol.md 9 and 10: reads without the log from one epoch to the next. */

import { describe, expect, it } from 'vitest'
import { ClusterUnderTest, learner, voter } from '../cluster-under-test.ts'

const THREE = [voter(0), voter(1), voter(2)]

/** Reads that are ready, in order. */
const ready = (cluster: ClusterUnderTest): readonly number[] =>
  cluster.reads.flatMap((each) => (each.kind === 'ready' ? [each.read] : []))

describe('9: a learner', () => {
  it('reads like a voter, with the answers of q voters and never its own', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 1_000_000 })
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(300)
    cluster.join(3, cluster.open(0))
    cluster.advance(1_000)
    cluster.submit(0, 7)
    cluster.advance(50)
    cluster.read(3, 1)
    cluster.advance(200)
    expect(ready(cluster)).toEqual([1])
    cluster.stop(1)
    cluster.stop(2)
    cluster.read(3, 2)
    cluster.advance(2_000)
    expect(ready(cluster)).toEqual([1])
  })
})

describe('9, 10.3: while an epoch closes', () => {
  it('a read that begins at a member that closes it is answered in the next one', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ message }) => message.kind === 'floorOk'
    cluster.reconfigure(0, [voter(0), voter(1)])
    cluster.advance(30)
    expect(cluster.node(0).status()).toMatchObject({ closing: true })
    cluster.read(0, 1)
    cluster.advance(300)
    expect(ready(cluster)).toEqual([])
    cluster.loses = () => false
    cluster.advance(2_000)
    expect(cluster.open(0).epoch).toBe(2)
    expect(ready(cluster)).toEqual([1])
  })

  it('a straggler of the old epoch reads nothing old', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ to, message }) => to === 2 && message.kind !== 'heartbeat'
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(1_000)
    expect([cluster.open(0).epoch, cluster.open(2).epoch]).toEqual([2, 1])
    cluster.submit(0, 7)
    cluster.advance(100)
    cluster.read(2, 1)
    // Only what it asks for reads reaches anyone, and only those answers come back.
    const kinds = new Set(['readDeps', 'readDepsOk', 'epochClosing', 'wrongEpoch', 'heartbeat'])
    cluster.loses = ({ from, to, message }) => (from === 2 || to === 2) && !kinds.has(message.kind)
    cluster.advance(500)
    expect(ready(cluster)).toEqual([])
    cluster.loses = () => false
    cluster.advance(3_000)
    expect(ready(cluster)).toEqual([1])
    expect(cluster.node(2).log.map(({ txn }) => txn.kind)).toContain('application')
  })
})

describe('9, 10.4: a reader that has not finished an earlier epoch', () => {
  it('waits for its end, though nothing of this epoch is missing', () => {
    const cluster = new ClusterUnderTest(3)
    // Node 2 learns how the epoch ended, and not what was decided in it.
    const kinds = new Set(['stable', 'decided', 'logChunk', 'preAccept', 'recover', 'queryOk'])
    cluster.loses = ({ to, message }) => to === 2 && kinds.has(message.kind)
    cluster.submit(0, 7)
    cluster.advance(100)
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(2_000)
    expect(cluster.open(2).epoch).toBe(2)
    expect(cluster.node(2).status().finishedEpoch).toBe(0)
    cluster.read(2, 1)
    cluster.advance(500)
    expect(ready(cluster)).toEqual([])
    cluster.loses = () => false
    cluster.advance(3_000)
    expect(cluster.node(2).status().finishedEpoch).toBe(1)
    expect(ready(cluster)).toEqual([1])
  })
})
