/** What a wanted change makes of a configuration; that asking twice is asking once. */

import { expect, test } from 'vitest'
import {
  configurationOf,
  epoch,
  nodeSerial,
  type Configuration,
  type MemberEntry,
} from '@synevi/accord'
import { SyneviError } from '../synevi-error.ts'
import { planAdd, planRemove, planReplace, type Plan } from './plan-change.ts'
import { Roster } from './roster.ts'

function member(serial: number, more: Partial<MemberEntry> = {}): MemberEntry {
  return { serial: nodeSerial(serial), id: `n${serial}`, address: `a${serial}`, ...more }
}

function rosterOf(...members: MemberEntry[]): Roster {
  return new Roster({
    self: nodeSerial(0),
    configurations: [configurationOf(epoch(1), members)],
  })
}

/** The roster after the change was executed. */
function after(roster: Roster, plan: Plan): Roster {
  if (plan.kind === 'done') return roster
  const { highestSerial } = configurationOf(epoch(1), [...roster.members, ...plan.members])
  const next: Configuration = { epoch: epoch(2), members: plan.members, highestSerial }
  return new Roster({ self: nodeSerial(0), configurations: [next] })
}

function codeOf(plan: () => Plan): string {
  try {
    return plan().kind
  } catch (error) {
    if (error instanceof SyneviError && error.definite) return error.code
    throw error
  }
}

const three = (): Roster => rosterOf(member(0), member(1), member(2))

test('a new member is a learner under the next serial, and adding it again changes nothing', () => {
  const plan = planAdd(three(), { id: 'x', address: 'ax' })
  expect(plan).toEqual({
    kind: 'change',
    members: [...three().members, { serial: 3, id: 'x', address: 'ax', role: 'learner' }],
  })
  const next = after(three(), plan)
  expect(planAdd(next, { id: 'x', address: 'ax' })).toEqual({ kind: 'done' })
  expect(planAdd(next, { id: 'x', address: 'ax', serial: 3 })).toEqual({ kind: 'done' })
  expect(codeOf(() => planAdd(next, { id: 'x', address: 'other' }))).toBe('INVALID_ARGUMENT')
  expect(codeOf(() => planAdd(next, { id: 'x', address: 'ax', serial: 4 }))).toBe(
    'INVALID_ARGUMENT',
  )
})

test('a serial is never given twice, though its member is gone', () => {
  const gone = after(three(), planRemove(three(), 'n2'))
  expect(codeOf(() => planAdd(gone, { id: 'x', address: '', serial: 2 }))).toBe('SERIAL_TAKEN')
  expect(planAdd(gone, { id: 'x', address: '' })).toMatchObject({
    members: [{}, {}, { serial: 3 }],
  })
  const last = rosterOf(member(0), member(0xffff))
  expect(codeOf(() => planAdd(last, { id: 'x', address: '' }))).toBe('SERIAL_TAKEN')
})

test('there are at most seven voters, and who is to be replaced does not count twice', () => {
  const seven = rosterOf(...[0, 1, 2, 3, 4, 5, 6].map((serial) => member(serial)))
  expect(codeOf(() => planAdd(seven, { id: 'x', address: '' }))).toBe('INVALID_ARGUMENT')
  const plan = planReplace(seven, 'n6', { id: 'x', address: '' })
  expect(plan).toMatchObject({ kind: 'change' })
  const next = after(seven, plan)
  expect(codeOf(() => planAdd(next, { id: 'y', address: '' }))).toBe('INVALID_ARGUMENT')
})

test('removing is idempotent, and never takes the last voter', () => {
  const gone = after(three(), planRemove(three(), 'n1'))
  expect(gone.members.map(({ id }) => id)).toEqual(['n0', 'n2'])
  expect(planRemove(gone, 'n1')).toEqual({ kind: 'done' })
  const alone = rosterOf(member(0), member(1, { role: 'learner' }))
  expect(codeOf(() => planRemove(alone, 'n0'))).toBe('MEMBERSHIP_UNSAFE')
  expect(codeOf(() => planRemove(alone, 'n1'))).toBe('change')
})

test('removing a member leaves no learner that would take its place', () => {
  const roster = rosterOf(
    member(0),
    member(1),
    member(2, { role: 'learner', replaces: nodeSerial(1) }),
  )
  expect(planRemove(roster, 'n1')).toEqual({
    kind: 'change',
    members: [member(0), member(2, { role: 'learner' })],
  })
})

test('a replacement is a learner that names whom it replaces; asking again changes nothing', () => {
  const spec = { id: 'x', address: 'ax' }
  const plan = planReplace(three(), 'n2', spec)
  expect(plan).toMatchObject({
    members: [{}, {}, {}, { serial: 3, role: 'learner', replaces: 2 }],
  })
  const next = after(three(), plan)
  expect(planReplace(next, 'n2', spec)).toEqual({ kind: 'done' })
  expect(codeOf(() => planReplace(next, 'n2', { id: 'y', address: '' }))).toBe('MEMBERSHIP_BUSY')
  const done = rosterOf(member(0), member(1), member(3, { id: 'x', address: 'ax' }))
  expect(planReplace(done, 'n2', spec)).toEqual({ kind: 'done' })
})

test('nonsense is refused: itself, a member, or nobody known', () => {
  const spec = { id: 'n1', address: 'a1' }
  expect(codeOf(() => planReplace(three(), 'n1', spec))).toBe('INVALID_ARGUMENT')
  expect(codeOf(() => planReplace(three(), 'n2', spec))).toBe('INVALID_ARGUMENT')
  expect(codeOf(() => planReplace(three(), 'q', { id: 'x', address: '' }))).toBe(
    'MEMBERSHIP_UNKNOWN',
  )
})

test('a learner that is replaced just goes, and its successor inherits its place', () => {
  const waiting = member(2, { role: 'learner', replaces: nodeSerial(1) })
  const roster = rosterOf(member(0), member(1), waiting)
  expect(planReplace(roster, 'n2', { id: 'x', address: '' })).toEqual({
    kind: 'change',
    members: [
      member(0),
      member(1),
      { serial: 3, id: 'x', address: '', role: 'learner', replaces: 1 },
    ],
  })
})
