/** From one epoch to the next (`protocol.md` 10), clause by clause. */

import { describe, expect, it } from 'vitest'
import { epoch, hlc, nodeSerial, timestampOf, type EpochEnd, type Message } from '../../index.ts'
import { ClusterUnderTest, learner, voter } from '../cluster-under-test.ts'
import { at, txnOf } from '../replica-under-test.ts'
import { sent, theOne } from '../said.ts'

const THREE = [voter(0), voter(1), voter(2)]

/** An id of another epoch. */
function idIn(of: number, ms: number, node: number): ReturnType<typeof at> {
  const ticks = hlc((BigInt(ms) * 1_000_000n) << 16n)
  return timestampOf({ epoch: epoch(of), hlc: ticks, node: nodeSerial(node) })
}

/** The one value that every node holds of how an epoch ended; fails when they differ. */
function endAt(cluster: ClusterUnderTest, of: number): EpochEnd {
  const ends = [...cluster.nodes.values()].flatMap((node) =>
    node.durable().ends.filter((end) => end.epoch === of),
  )
  const [first] = ends
  if (first === undefined) throw new Error(`no end of epoch ${of}`)
  for (const end of ends) expect(end).toEqual(first)
  return first
}

describe('10.2: a Reconfig', () => {
  it('takes effect once in an epoch; a later one fails, alike everywhere', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ message }) => message.kind === 'raiseFloor'
    const first = cluster.reconfigure(0, [...THREE, learner(3)])
    const second = cluster.reconfigure(1, [...THREE, learner(4)])
    cluster.advance(100)
    const answers = [cluster.answerOf(first), cluster.answerOf(second)]
    expect(answers.map((answer) => answer?.kind)).toEqual(['reconfigured', 'reconfigured'])
    const failures = answers.map((a) => (a?.kind === 'reconfigured' ? a.failure : a?.kind))
    expect(failures.filter((failure) => failure === undefined)).toHaveLength(1)
    expect(failures).toContain('pending')
    cluster.loses = () => false
    cluster.advance(2_000)
    const members = cluster.open(2).members.map(({ serial }) => serial)
    expect(members).toEqual([0, 1, 2, failures[0] === undefined ? 3 : 4])
    for (const node of [0, 1, 2]) expect(cluster.open(node)).toEqual(cluster.open(0))
  })

  it('is refused beforehand without a reachable quorum, unless forced', () => {
    const cluster = new ClusterUnderTest(3)
    const refused = (members: Parameters<typeof cluster.reconfigure>[1]): unknown =>
      cluster.answerOf(cluster.reconfigure(0, members))
    expect(refused([...THREE, voter(3)])).toMatchObject({ reason: 'unknownStore' })
    expect(refused([learner(0)])).toMatchObject({ reason: 'malformed' })
    cluster.stop(1)
    cluster.advance(1_000)
    expect(refused([voter(0), voter(1)])).toMatchObject({ kind: 'refused', reason: 'noQuorum' })
    const forced = cluster.reconfigure(0, [voter(0), voter(1)], true)
    cluster.advance(100)
    expect(cluster.answerOf(forced)).toMatchObject({ kind: 'reconfigured', failure: undefined })
  })

  it('never gives a serial twice', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 0 })
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(300)
    cluster.reconfigure(0, THREE)
    cluster.advance(300)
    expect(cluster.open(0)).toMatchObject({ epoch: 3, highestSerial: 3 })
    const again = cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(100)
    expect(cluster.answerOf(again)).toMatchObject({ failure: 'serialUsed' })
    expect(cluster.open(0).epoch).toBe(3)
  })
})

describe('10.3 B: closing an epoch', () => {
  it('parks submissions while it lasts, and submits them when it is over', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ message, to }) => message.kind === 'floorOk' && to === 0
    cluster.reconfigure(0, [voter(0), voter(1)])
    cluster.advance(30)
    expect(cluster.node(0).status()).toMatchObject({ closing: true })
    cluster.submit(0, 7)
    expect(cluster.node(0).status()).toMatchObject({ parked: 1, inFlight: 0 })
    cluster.loses = () => false
    cluster.advance(2_000)
    expect(cluster.open(0).epoch).toBe(2)
    const last = cluster.node(1).log.at(-1)
    expect(last?.txn).toMatchObject({ payload: new Uint8Array([7]) })
    expect(Number((last?.id ?? 0n) >> 112n)).toBe(2)
  })

  it('goes on with another member when its driver dies at any step', () => {
    const kinds = ['stable', 'raiseFloor', 'floorOk', 'epochEnd'] as const
    for (const kind of kinds) {
      const cluster = new ClusterUnderTest(3)
      let isDead = false
      cluster.loses = ({ message, from, to }) => {
        if (message.kind === kind && (from === 0 || to === 0)) isDead = true
        return isDead && (from === 0 || to === 0)
      }
      cluster.reconfigure(0, [voter(1), voter(2)])
      cluster.advance(20)
      cluster.stop(0)
      cluster.advance(5_000)
      expect(cluster.open(1), kind).toMatchObject({ epoch: 2 })
      expect(cluster.open(2), kind).toEqual(cluster.open(1))
      endAt(cluster, 1)
      cluster.submit(1, 1)
      cluster.advance(200)
      expect(cluster.node(2).log.at(-1)?.txn.kind, kind).toBe('application')
    }
  })

  it('is taken up again by a member that restarts with the Reconfig executed', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ message }) => message.kind === 'raiseFloor'
    cluster.reconfigure(0, [voter(0), voter(1)])
    cluster.advance(100)
    expect(cluster.node(1).durable().pending).toBeDefined()
    cluster.loses = () => false
    for (const node of [0, 1, 2]) cluster.restart(node)
    cluster.advance(1_000)
    expect(cluster.open(1).epoch).toBe(2)
    expect(cluster.node(1).durable().pending).toBeUndefined()
  })

  it('is answered with the end by whoever holds it, and not by a learner', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.reconfigure(0, [voter(0), voter(1), learner(3)])
    cluster.advance(300)
    const end = endAt(cluster, 1)
    const floor = timestampOf({ epoch: epoch(2), hlc: hlc(0n), node: nodeSerial(0) })
    const since = end.reconfig.executeAt
    const raise: Message = { kind: 'raiseFloor', round: 9, floor, since }
    expect(theOne(cluster.node(1).hear(2, raise), 'epochEnd')).toEqual(end)
    cluster.join(3, cluster.open(0))
    cluster.advance(300)
    const next = timestampOf({ epoch: epoch(3), hlc: hlc(0n), node: nodeSerial(0) })
    const said = cluster.node(3).hear(0, { ...raise, floor: next })
    expect(sent(said, 'floorOk')).toEqual([])
  })

  it('recovers what a coordinator that missed it began, which its caller may submit again', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.loses = ({ message }) => message.kind === 'preAccept' && message.id % 2n >= 0n
    cluster.loses = ({ message, from }) => message.kind === 'preAccept' && from === 2
    cluster.submit(2, 9)
    cluster.reconfigure(0, [voter(0), voter(1), voter(2)])
    cluster.advance(40)
    cluster.loses = () => false
    cluster.advance(3_000)
    expect(cluster.open(2).epoch).toBe(2)
    const answer = cluster.answers.find(({ node, kind }) => node === 2 && kind !== 'reconfigured')
    expect(answer?.kind).toMatch(/invalidated|settled/)
  })
})

describe('10.3 D and 10.5: an epoch opens', () => {
  it('when the end of the one before is held: earlier messages only make it ask', () => {
    const cluster = new ClusterUnderTest(3)
    const node = cluster.node(0)
    const id = idIn(2, 900, 1)
    const messages: readonly Message[] = [
      { kind: 'preAccept', id, txn: txnOf(1) },
      { kind: 'recover', ballot: { round: 1, node: nodeSerial(1) }, id, txn: txnOf(1) },
      {
        ...{ kind: 'stable', id, keys: txnOf(1).keys, executeAt: id, txn: txnOf(1) },
        ...{ deps: { ids: [], marks: [] }, digest: txnOf(1).digest },
      },
    ]
    for (const message of messages) {
      node.now += 100
      const said = node.hear(1, message)
      expect(said.writes).toEqual([])
      expect(said.atOnce).toEqual([[1, { kind: 'wrongEpoch', open: 1, ends: [] }]])
      expect(said.afterStore).toEqual([])
      expect(node.stored(id)).toBeUndefined()
    }
  })

  it('with ids above the tail, so that the clock alone orders across epochs', () => {
    const cluster = new ClusterUnderTest(3)
    const far = at(1_900, 1)
    cluster.hear(0, 1, { kind: 'preAccept', id: far, txn: txnOf(3) })
    const before = cluster.node(0).now
    expect(before).toBeLessThan(1_900)
    cluster.submit(1, 4)
    cluster.reconfigure(1, [voter(0), voter(1)])
    cluster.advance(1_500)
    const end = endAt(cluster, 1)
    cluster.submit(0, 5)
    cluster.advance(100)
    const born = cluster.node(0).log.at(-1)?.id ?? 0n
    const hlcOf = (t: bigint): bigint => (t >> 32n) & ((1n << 80n) - 1n)
    for (const { executeAt } of end.tail) expect(hlcOf(born)).toBeGreaterThan(hlcOf(executeAt))
  })

  it('late at a straggler, which gets every end that it missed', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 0 })
    cluster.loses = ({ from, to }) => from === 2 || to === 2
    for (let i = 0; i < 3; i++) {
      const members = i % 2 === 0 ? [...THREE, learner(3 + i)] : THREE
      cluster.reconfigure(0, members)
      cluster.advance(400)
      cluster.submit(1, i)
      cluster.advance(100)
    }
    expect(cluster.open(0).epoch).toBe(4)
    expect(cluster.open(2).epoch).toBe(1)
    cluster.loses = () => false
    cluster.advance(5_000)
    expect(cluster.open(2)).toEqual(cluster.open(0))
    expect(cluster.node(2).status().finishedEpoch).toBe(3)
    expect(cluster.node(2).log).toEqual(cluster.node(0).log)
  })

  it('and an end that differs from the one held stops the node', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.reconfigure(0, [voter(0), voter(1)])
    cluster.advance(300)
    const end = endAt(cluster, 1)
    const said = cluster.node(1).hear(0, { ...end, members: [voter(1)] })
    expect(said.notices).toMatchObject([{ kind: 'fatal', code: 'NODE_FAILED' }])
  })
})

describe('10.3 E: a member that is left out', () => {
  it('refuses submissions and reads, never votes again, and says so', () => {
    const cluster = new ClusterUnderTest(3)
    cluster.reconfigure(0, [voter(0), voter(1)])
    cluster.advance(300)
    const removed = cluster.notices.filter(({ node, kind }) => node === 2 && kind === 'removed')
    expect(removed[0]).toMatchObject({ epoch: 2, mayStop: false })
    expect(cluster.node(2).submit(1).answers).toMatchObject([{ reason: 'removed' }])
    const said = cluster
      .node(2)
      .hear(0, { kind: 'preAccept', id: idIn(2, 1_300, 0), txn: txnOf(1) })
    expect(said.afterStore).toEqual([])
  })

  it('may stop once a quorum of the others has finished the epoch, not one alone', () => {
    const cluster = new ClusterUnderTest(5)
    let hears = new Set([0])
    cluster.loses = ({ message, to, from }) =>
      message.kind === 'heartbeat' && to === 4 && !hears.has(from)
    cluster.reconfigure(0, [voter(0), voter(1), voter(2)])
    cluster.advance(2_000)
    const mayStop = (): boolean =>
      cluster.notices.some((one) => one.node === 4 && one.kind === 'removed' && one.mayStop)
    expect(cluster.open(4).epoch).toBe(2)
    expect(mayStop()).toBe(false)
    hears = new Set([0, 1])
    cluster.advance(500)
    expect(mayStop()).toBe(true)
  })

  it('learns of it after a long absence, from nodes that it never knew', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 200 })
    cluster.loses = ({ from, to }) => from === 2 || to === 2
    cluster.reconfigure(0, [...THREE, { ...learner(3), replaces: nodeSerial(2) }])
    cluster.advance(300)
    cluster.join(3, cluster.open(0))
    cluster.advance(1_500)
    expect(cluster.open(3).members.map(({ serial }) => serial)).toEqual([0, 1, 3])
    cluster.loses = () => false
    cluster.advance(3_000)
    const last = cluster.notices.findLast(({ node, kind }) => node === 2 && kind === 'removed')
    expect(last).toMatchObject({ epoch: 3, mayStop: true })
  })
})

describe('10.6: learners', () => {
  it('adds learners, which follow, and makes voters of them, without a restart', () => {
    const cluster = new ClusterUnderTest(1, { promoteAfterMs: 300 })
    cluster.submit(0, 1)
    const added = cluster.reconfigure(0, [voter(0), learner(1), learner(2)])
    cluster.advance(50)
    expect(cluster.answerOf(added)).toMatchObject({ kind: 'reconfigured', failure: undefined })
    expect(cluster.open(0)).toMatchObject({ epoch: 2, highestSerial: 2 })
    cluster.join(1, cluster.open(0))
    cluster.join(2, cluster.open(0))
    cluster.advance(100)
    cluster.submit(0, 2)
    cluster.advance(200)
    expect(cluster.node(2).log.map((entry) => entry.txn.kind)).toEqual([
      'application',
      'reconfig',
      'application',
    ])
    cluster.advance(1_000)
    expect(cluster.open(2).epoch).toBe(3)
    expect(cluster.open(2).members.map(({ role, storeId }) => [role, storeId?.[0]])).toEqual([
      [undefined, 1],
      [undefined, 2],
      [undefined, 3],
    ])
    expect(cluster.node(2).status().phase).toBe('serving')
    cluster.stop(0)
    cluster.submit(2, 3)
    cluster.advance(500)
    expect(cluster.node(1).log.at(-1)?.txn).toMatchObject({ payload: new Uint8Array([3]) })
  })

  it('never vote, and count in no quorum', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 0 })
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(300)
    cluster.join(3, cluster.open(0))
    cluster.advance(300)
    const id = idIn(2, cluster.node(3).now, 0)
    const said = cluster.node(3).hear(0, { kind: 'preAccept', id, txn: txnOf(1) })
    expect(said.afterStore).toEqual([])
    expect(said.writes).toEqual([])
    cluster.loses = ({ from, to }) => from === 1 || from === 2 || to === 1 || to === 2
    cluster.submit(0, 1)
    cluster.advance(1_000)
    expect(cluster.node(0).log.at(-1)?.txn.kind).toBe('reconfig')
    const vote: Message = { kind: 'preAcceptOk', id, witnessedAt: id, deps: { ids: [], marks: [] } }
    expect(cluster.node(0).hear(3, vote).notices).toMatchObject([{ kind: 'rejected', from: 3 }])
    expect(cluster.node(3).submit(1).answers).toMatchObject([{ reason: 'learner' }])
  })

  it('waits for a partner, and is promoted without it in the end', () => {
    const cluster = new ClusterUnderTest(1, { promoteAfterMs: 200 })
    cluster.reconfigure(0, [voter(0), learner(1), learner(2)])
    cluster.advance(50)
    cluster.join(1, cluster.open(0))
    cluster.advance(900)
    expect(cluster.open(0).epoch).toBe(2)
    cluster.advance(1_500)
    const roles = cluster.open(0).members.map(({ role }) => role)
    expect(roles).toEqual([undefined, undefined, 'learner'])
  })
})

describe('3.5: the store of a member that joined', () => {
  it('is the only one that may speak under its serial, whoever remembers it', () => {
    const cluster = new ClusterUnderTest(3, { promoteAfterMs: 200 })
    cluster.reconfigure(0, [...THREE, learner(3)])
    cluster.advance(300)
    cluster.join(3, cluster.open(0))
    cluster.advance(1_000)
    expect(cluster.open(0).members[3]?.storeId?.[0]).toBe(4)
    cluster.join(3, cluster.open(0), { storeId: 99 })
    cluster.advance(300)
    const fatal = cluster.notices.filter(({ node, kind }) => node === 3 && kind === 'fatal')
    expect(fatal).toMatchObject([{ code: 'AMNESIA' }])
  })
})
