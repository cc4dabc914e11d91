/** protocol.md 5: execution in order, each once. */

import { describe, expect, it } from 'vitest'
import {
  BALLOT_ZERO,
  millis,
  nanos,
  NO_DEPS,
  nodeSerial,
  type Deps,
  type Mark,
  type Ready,
  type Timestamp,
  type TxnId,
} from '../../index.ts'
import { conflictKey, DEFAULT_KEYS, type Keys } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, type Said } from '../said.ts'

function replica(): ReplicaUnderTest {
  return new ReplicaUnderTest({ self: 0, size: 3 })
}

function stable(
  node: ReplicaUnderTest,
  id: TxnId,
  more: { deps?: Deps; executeAt?: Timestamp; keys?: Keys; byte?: number } = {},
): Said {
  const { deps = NO_DEPS, executeAt = id, keys = DEFAULT_KEYS, byte = 1 } = more
  const txn = txnOf(byte, keys)
  return node.hear(1, { kind: 'stable', id, keys, executeAt, deps, digest: txn.digest, txn })
}

const depsOn = (...ids: readonly TxnId[]): Deps => ({ ids, marks: [] })
const executed = (said: Said): readonly TxnId[] => said.executions.map(({ id }) => id)

describe('5.1: a decided transaction', () => {
  it('waits until a dep is decided', () => {
    const node = replica()
    expect(executed(stable(node, at(20, 1), { deps: depsOn(at(10, 1)) }))).toEqual([])
    expect(executed(stable(node, at(10, 1)))).toEqual([at(10, 1), at(20, 1)])
  })

  it('does not wait for a dep that executes later', () => {
    const node = replica()
    stable(node, at(20, 1), { deps: depsOn(at(10, 1)) })
    const said = stable(node, at(10, 1), { executeAt: at(30, 2), deps: depsOn(at(20, 1)) })
    expect(executed(said)).toEqual([at(20, 1), at(10, 1)])
  })

  it('does not wait for a dep that never happens', () => {
    const node = replica()
    stable(node, at(20, 1), { deps: depsOn(at(10, 1)) })
    expect(executed(node.hear(2, { kind: 'invalidated', id: at(10, 1) }))).toEqual([at(20, 1)])
  })

  it('is executed once, though it is heard again and the node restarts', () => {
    const node = replica()
    expect(executed(stable(node, at(10, 1)))).toEqual([at(10, 1)])
    expect(executed(stable(node, at(10, 1)))).toEqual([])
    expect(executed(node.restart())).toEqual([])
    expect(executed(stable(node, at(10, 1)))).toEqual([])
  })

  it('waits for what a mark stands for, with its key only', () => {
    const [a, b] = [conflictKey('a'), conflictKey('b')]
    const mark: Mark = { key: a, id: at(10, 1), at: at(10, 1) }
    const node = replica()
    const deps = { ids: [], marks: [mark] }
    expect(executed(stable(node, at(20, 1), { keys: [a], deps }))).toEqual([])
    expect(executed(stable(node, at(15, 1), { keys: [b] }))).toEqual([at(15, 1)])
    expect(executed(stable(node, at(10, 1), { keys: [a] }))).toEqual([at(10, 1), at(20, 1)])
  })

  it('waits for its payload, and asks for it', () => {
    const node = replica()
    const id = at(10, 1)
    const { digest } = txnOf(1)
    const message = { id, keys: DEFAULT_KEYS, executeAt: id, deps: NO_DEPS, digest, txn: undefined }
    expect(executed(node.hear(1, { kind: 'stable', ...message }))).toEqual([])
    const asked = sent(node.advance(50), 'query')
    expect(asked.map(({ to, message: query }) => [to, query.wantTxn])).toContainEqual([2, true])
    const { keys, executeAt, deps } = message
    const said = node.hear(2, { kind: 'decided', id, keys, executeAt, deps, txn: txnOf(1) })
    expect(executed(said)).toEqual([id])
  })
})

describe('5.2: an execution', () => {
  it('stores record, entry and marks in one write, after the decision', () => {
    const said = stable(replica(), at(10, 1))
    const applied = said.writes.filter((write) => write.kind === 'applied')
    expect(applied).toMatchObject([
      {
        record: { id: at(10, 1), applied: true },
        entry: { executeAt: at(10, 1), deps: { ids: [], marks: [] }, watermark: { position: 1n } },
        marks: [{ key: 'default', id: at(10, 1), at: at(10, 1) }],
      },
    ])
  })

  it('keeps in its entry the marks it was applied above (ADR 0017)', () => {
    const node = replica()
    stable(node, at(10, 1))
    stable(node, at(20, 2), { deps: depsOn(at(10, 1)) })
    expect(node.log.map((entry) => entry.deps.marks)).toEqual([
      [],
      [{ key: 'default', id: at(10, 1), at: at(10, 1) }],
    ])
  })

  it('elides: deps name the last applied once, as a mark', () => {
    const node = replica()
    stable(node, at(10, 1))
    stable(node, at(20, 2), { deps: depsOn(at(10, 1)) })
    const said = node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(3) })
    expect(sent(said, 'preAcceptOk')[0]?.message.deps).toEqual({
      ids: [],
      marks: [{ key: 'default', id: at(20, 2), at: at(20, 2) }],
    })
  })
})

describe('5.4: what is covered', () => {
  it('votes no on an id below the last applied', () => {
    const node = replica()
    stable(node, at(950, 1))
    const said = node.hear(2, { kind: 'preAccept', id: at(900, 2), txn: txnOf(2) })
    expect(sent(said, 'preAcceptOk')[0]?.message.witnessedAt).toBeGreaterThan(at(950, 1))
  })

  it('accepts below the last applied without deps, and says so', () => {
    const node = replica()
    stable(node, at(950, 1))
    const said = node.hear(2, {
      kind: 'accept',
      ballot: BALLOT_ZERO,
      id: at(900, 2),
      keys: DEFAULT_KEYS,
      executeAt: at(940, 2),
    })
    expect(sent(said, 'acceptOk')[0]?.message.deps).toBeUndefined()
    expect(node.stored(at(900, 2))?.accepted?.value).toBe(at(940, 2))
  })
})

describe('two outcomes of one transaction', () => {
  it('stop the node', () => {
    const node = replica()
    stable(node, at(10, 1))
    const said = stable(node, at(10, 1), { executeAt: at(11, 2) })
    expect(said.notices).toMatchObject([{ kind: 'fatal', code: 'NODE_FAILED' }])
    expect(executed(stable(node, at(30, 1)))).toEqual([])
  })

  it('and so does another payload under one id', () => {
    const node = replica()
    node.hear(1, { kind: 'preAccept', id: at(900, 1), txn: txnOf(1) })
    const said = stable(node, at(900, 1), { byte: 2 })
    expect(said.notices).toMatchObject([{ kind: 'fatal', code: 'NODE_FAILED' }])
  })
})

describe('a decision whose deps left out what runs already', () => {
  it('stops the node, before anything is executed out of order', () => {
    const { replica: core } = new ReplicaUnderTest({ self: 0, size: 3 })
    const now = { wall: nanos(1_000_000_000n), elapsed: millis(1_000) }
    const decide = (id: TxnId): readonly Ready[] => {
      const txn = txnOf(1)
      const { digest } = txn
      const message = { id, keys: DEFAULT_KEYS, executeAt: id, deps: NO_DEPS, digest, txn }
      core.step(
        { kind: 'receive', from: nodeSerial(1), message: { kind: 'stable', ...message } },
        now,
      )
      const all: Ready[] = []
      for (let ready = core.drain(); ready !== undefined; ready = core.drain()) {
        all.push(ready)
        core.step({ kind: 'stored', ready: ready.id }, now)
      }
      return all
    }
    expect(decide(at(20, 1)).flatMap((ready) => ready.execute)).toMatchObject([{ id: at(20, 1) }])
    const late = decide(at(10, 1))
    expect(late.flatMap((ready) => ready.execute)).toEqual([])
    expect(late.flatMap((ready) => ready.notices)).toMatchObject([
      { kind: 'fatal', code: 'NODE_FAILED' },
    ])
  })
})
