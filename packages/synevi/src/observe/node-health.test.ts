/** What a node says of its own condition when the core behind it changes. */

import { expect, test } from 'vitest'
import { configurationOf, epoch, nodeSerial } from '@synevi/accord'
import { Roster } from '../membership/roster.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import { NodeHealth } from './node-health.ts'

const silent = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }

function healthOfThree(): NodeHealth {
  const members = [0, 1, 2].map((i) => ({ serial: nodeSerial(i), id: `n${i}`, address: '' }))
  const roster = new Roster({
    self: nodeSerial(0),
    configurations: [configurationOf(epoch(1), members)],
  })
  const health = new NodeHealth({
    ...{ clock: new VirtualClock(), logger: silent, roster, peerSilentMs: 1_000 },
    ...{ hasRoom: () => true, changed: () => {} },
  })
  health.ready()
  return health
}

test('a replica that restarts in place suspects nobody, whatever the one before did', () => {
  const health = healthOfThree()
  for (const i of [1, 2]) health.notice({ kind: 'suspected', peer: nodeSerial(i), suspected: true })
  expect(health.refusalToSubmit()).toMatchObject({ code: 'NO_QUORUM', definite: true })
  health.notice({ kind: 'restartedInPlace', installed: undefined })
  expect(health.quorum().reachable).toBe(3)
  expect(health.refusalToSubmit()).toBeUndefined()
})
