/** Who belongs, epoch after epoch, and how long those who were left out stay peers. */

import { expect, test } from 'vitest'
import { configurationOf, epoch, nodeSerial, type MemberEntry } from '@synevi/accord'
import { Roster } from './roster.ts'

function member(serial: number, more: Partial<MemberEntry> = {}): MemberEntry {
  return { serial: nodeSerial(serial), id: `n${serial}`, address: `a${serial}`, ...more }
}

function configuration(number: number, ...members: MemberEntry[]) {
  return configurationOf(epoch(number), members)
}

const serialsOf = (members: readonly MemberEntry[]): readonly number[] =>
  members.map(({ serial }) => serial)

test('a learner is a member without a vote, and who is to be replaced is leaving', () => {
  const learner = member(3, { role: 'learner', replaces: nodeSerial(2) })
  const roster = new Roster({
    self: nodeSerial(1),
    configurations: [configuration(4, learner, member(1), member(2))],
  })
  expect(serialsOf(roster.members)).toEqual([1, 2, 3])
  expect(serialsOf(roster.voters)).toEqual([1, 2])
  expect(serialsOf(roster.peers)).toEqual([2, 3])
  expect(roster.members.map((each) => roster.stateOf(each))).toEqual([
    'active',
    'leaving',
    'joining',
  ])
  expect(roster.role).toBe('voter')
  expect(roster.isPeer(nodeSerial(1))).toBe(false)
  expect(roster.isPeer(nodeSerial(4))).toBe(false)
})

test('who is left out stays a peer until its epoch is finished here and its link is closed', () => {
  const roster = new Roster({
    self: nodeSerial(0),
    configurations: [configuration(1, member(0), member(1), member(2))],
  })
  roster.linked(nodeSerial(1), true)
  roster.follow(configuration(2, member(0), member(2)))
  expect(serialsOf(roster.members)).toEqual([0, 2])
  expect(serialsOf(roster.peers)).toEqual([2, 1])
  expect(roster.linked(nodeSerial(1), false)).toBe(false)
  expect(roster.linked(nodeSerial(1), true)).toBe(false)
  expect(roster.finished(epoch(1))).toBe(false)
  expect(roster.isPeer(nodeSerial(1))).toBe(true)
  expect(roster.linked(nodeSerial(1), false)).toBe(true)
  expect(roster.isPeer(nodeSerial(1))).toBe(false)
  // One that was away goes with its epoch.
  roster.follow(configuration(3, member(0)))
  expect(roster.isPeer(nodeSerial(2))).toBe(true)
  expect(roster.finished(epoch(2))).toBe(true)
  expect(roster.peers).toEqual([])
})

test('a store that still needs an older epoch has its members as peers', () => {
  const roster = new Roster({
    self: nodeSerial(0),
    configurations: [
      configuration(1, member(0), member(1)),
      configuration(2, member(0), member(2)),
    ],
  })
  expect(serialsOf(roster.peers)).toEqual([2, 1])
  expect(roster.epoch).toBe(2)
  expect(roster.sinceEpoch(nodeSerial(0))).toBe(1)
  expect(roster.sinceEpoch(nodeSerial(2))).toBe(2)
})

test('an epoch that is not above the open one changes nothing', () => {
  const roster = new Roster({
    self: nodeSerial(0),
    configurations: [configuration(2, member(0))],
  })
  roster.follow(configuration(2, member(0), member(1)))
  roster.follow(configuration(1, member(1)))
  expect(serialsOf(roster.members)).toEqual([0])
  roster.follow(configuration(3, member(1)))
  expect(roster.role).toBe('removed')
})

test('addresses of this start win, and its own is filled in where none was agreed', () => {
  const roster = new Roster({
    self: nodeSerial(0),
    configurations: [configuration(1, member(0, { address: '' }), member(1))],
    addresses: new Map([[nodeSerial(1), 'elsewhere']]),
  })
  roster.listensAt('here')
  expect(roster.members.map(({ address }) => address)).toEqual(['here', 'elsewhere'])
  roster.follow(configuration(2, member(0, { address: '' }), member(1), member(2)))
  expect(roster.members.map(({ address }) => address)).toEqual(['here', 'elsewhere', 'a2'])
  const named = new Roster({ self: nodeSerial(0), configurations: [configuration(1, member(0))] })
  named.listensAt('here')
  expect(named.members[0]?.address).toBe('a0')
})
