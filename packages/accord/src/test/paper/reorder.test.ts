/** protocol.md 11: the reorder buffer. */

import { describe, expect, it } from 'vitest'
import { timestamp, type ReplicaOptions } from '../../index.ts'
import { keysOf } from '../../txn/keys.ts'
import { ReplicaUnderTest, at, txnOf } from '../replica-under-test.ts'
import { sent, type Said } from '../said.ts'

const ON: Partial<ReplicaOptions> = { reorder: 'on', reorderWaitMaxMs: 80, patienceMaxMs: 250 }

/** Votes that left, as `id in milliseconds: yes or no`. */
const votes = (said: Said): readonly string[] =>
  sent(said, 'preAcceptOk').map(({ message: { id, witnessedAt } }) => {
    const ms = Number((id >> 48n) & 0xffff_ffff_ffff_ffffn) / 1e6
    return `${ms} ${witnessedAt === id ? 'yes' : 'no'}`
  })

function born(node: ReplicaUnderTest, ms: number, from: number): Said {
  return node.hear(from, { kind: 'preAccept', id: at(ms, from), txn: txnOf(1) })
}

/** Member 1 is far, member 2 is near: one transaction of the far one came at 1000. */
function between(options: Partial<ReplicaOptions> = ON): ReplicaUnderTest {
  const node = new ReplicaUnderTest({ self: 0, size: 3, options })
  expect(votes(born(node, 950, 1))).toEqual(['950 yes'])
  return node
}

describe('11: a PreAccept waits for earlier ones of farther coordinators', () => {
  it('and votes are cast in the order of ids', () => {
    const node = between()
    expect(votes(born(node, 999, 2))).toEqual([])
    node.advance(30)
    expect(votes(born(node, 990, 1))).toEqual([])
    expect(votes(node.advance(9))).toEqual([])
    expect(votes(node.advance(1))).toEqual(['990 yes'])
    expect(votes(node.advance(8))).toEqual([])
    expect(votes(node.advance(1))).toEqual(['999 yes'])
  })

  it('and would have lost its luck without', () => {
    const node = between({ ...ON, reorder: 'off' })
    expect(votes(born(node, 999, 2))).toEqual(['999 yes'])
    node.advance(30)
    expect(votes(born(node, 990, 1))).toEqual(['990 no'])
  })

  it('no longer than the bound, nor than the coordinator would wait', () => {
    const bounded = between({ ...ON, reorderWaitMaxMs: 20 })
    expect(votes(born(bounded, 999, 2))).toEqual([])
    expect(votes(bounded.advance(19))).toEqual(['999 yes'])
    const impatient = between({ ...ON, patienceMaxMs: 20 })
    expect(votes(born(impatient, 999, 2))).toEqual(['999 yes'])
    // A clock that is ahead makes nobody wait for it.
    expect(votes(born(bounded, 1_500, 2))).toEqual(['1500 yes'])
  })

  it('not when no other coordinated so lately that one could be on its way', () => {
    const node = between()
    node.advance(51)
    expect(votes(born(node, 1_050, 2))).toEqual(['1050 yes'])
  })

  it('but goes before a later one that does not wait', () => {
    const node = between()
    expect(votes(born(node, 1_000, 2))).toEqual([])
    node.advance(48)
    // 50 ms old when it comes: it waits for nothing.
    expect(votes(born(node, 998, 1))).toEqual(['998 yes'])
    node.advance(1)
    expect(votes(born(node, 1_049, 1))).toEqual([])
    node.advance(100)
    const late = new ReplicaUnderTest({ self: 0, size: 3, options: ON })
    born(late, 950, 1)
    born(late, 1_000, 2)
    late.now += 60
    expect(votes(born(late, 1_005, 2))).toEqual(['1000 yes', '1005 yes'])
  })

  it('sent again while it waits, it is still one', () => {
    const node = between()
    born(node, 999, 2)
    expect(votes(born(node, 999, 2))).toEqual([])
    expect(votes(node.advance(100))).toEqual(['999 yes'])
    expect(votes(born(node, 999, 2))).toEqual(['999 yes'])
  })

  it('refused or not by what holds when it is released', () => {
    const node = between()
    born(node, 999, 2)
    node.hear(1, { kind: 'raiseFloor', round: 1, floor: at(1_000, 0), since: undefined })
    const said = node.advance(100)
    expect(votes(said)).toEqual([])
    expect(sent(said, 'refused')).toMatchObject([{ to: 2, message: { reason: 'belowFloor' } }])
  })

  it('within bounds: the least id goes when too many wait', () => {
    const node = between({ ...ON, ownUndecidedMax: 1_000 })
    const held = Array.from({ length: 1_024 }, (_, i) => {
      const keys = keysOf([`k${i}`])
      const id = at(1_000, 2) + (BigInt(i) << 32n)
      return { kind: 'preAccept', id: timestamp(id), txn: txnOf(1, keys) } as const
    })
    for (const each of held) expect(node.hear(2, each).atOnce).toEqual([])
    expect(votes(born(node, 1_001, 2))).toEqual(['1000 yes'])
  })
})

describe('11: a buffer that adapts', () => {
  it('goes on when more than one vote in twenty is a no, and off when they agree again', () => {
    const node = new ReplicaUnderTest({
      ...{ self: 0, size: 3 },
      options: { ...ON, reorder: 'adaptive', ownUndecidedMax: 1_000 },
    })
    const names: string[] = []
    const note = (said: Said): void => {
      for (const notice of said.notices)
        if (notice.kind === 'event' && notice.name.startsWith('reorder')) names.push(notice.name)
    }
    // Pairs that come in the wrong order: every second vote is a no.
    for (let i = 0; i < 15; i++) {
      node.now += 80
      note(born(node, node.now - 1, 2))
      note(born(node, node.now - 20, 1))
    }
    expect(names).toEqual(['reorderOn'])
    for (let i = 0; i < 60; i++) {
      note(node.advance(50))
      note(born(node, node.now, 2))
    }
    expect(names).toEqual(['reorderOn', 'reorderOff'])
  })
})
