/** Who is a member when, as a run tells it, and when two nodes tell it differently. */

import { configurationOf, epoch, nodeSerial } from '@synevi/accord'
import { expect, test } from 'vitest'
import { Memberships } from './memberships.ts'

const member = (serial: number, address = '') => ({
  ...{ serial: nodeSerial(serial), id: `n${serial}`, address },
})

test('before the first change the first members are members', () => {
  const memberships = new Memberships(2)
  expect([0, 1, 2].map((serial) => memberships.isMember(serial))).toEqual([true, true, false])
})

test('the latest epoch says who is a member, however late an earlier one is told', () => {
  const memberships = new Memberships(2)
  const second = configurationOf(epoch(2), [member(0), member(1), member(2)])
  const third = configurationOf(epoch(3), [member(1), member(2)])
  expect(memberships.opened(1, third)).toBeUndefined()
  expect(memberships.opened(0, second)).toBeUndefined()
  expect(memberships.opened(2, third)).toBeUndefined()
  expect([0, 1, 2].map((serial) => memberships.isMember(serial))).toEqual([false, true, true])
})

test('an epoch with two configurations is found, whatever they differ in', () => {
  const one = configurationOf(epoch(2), [member(0), member(1)])
  for (const other of [
    configurationOf(epoch(2), [member(0)]),
    configurationOf(epoch(2), [member(0), member(1, 'elsewhere')]),
    configurationOf(epoch(2), [member(0), { ...member(1), role: 'learner' as const }]),
    { ...one, highestSerial: nodeSerial(7) },
  ]) {
    const memberships = new Memberships(2)
    expect(memberships.opened(0, one)).toBeUndefined()
    expect(memberships.opened(1, other)?.name).toBe('two configurations of one epoch')
  }
})
