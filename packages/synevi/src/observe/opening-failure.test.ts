import { configurationOf, epoch, nodeSerial } from '@synevi/accord'
import { expect, test } from 'vitest'
import { SILENT } from '../contract/observe.ts'
import { Roster } from '../membership/roster.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import { NodeHealth } from './node-health.ts'

function health(): NodeHealth {
  return new NodeHealth({
    ...{ clock: new VirtualClock(), logger: SILENT, roster: rosterOf() },
    ...{ peerSilentMs: 5_000, hasRoom: () => true, changed: () => {} },
  })
}

function rosterOf(): Roster {
  const members = [0, 1].map((serial) => ({
    ...{ serial: nodeSerial(serial), id: `n${serial}`, address: '' },
  }))
  return new Roster({ self: nodeSerial(0), configurations: [configurationOf(epoch(1), members)] })
}

test('a deadline of open means that too few answer, or that another is in this place', () => {
  const node = health()
  const codeOf = (): unknown => {
    const late = new SyneviError('TIMEOUT', 'too late', { definite: true })
    const why = node.whyNotOpened(late)
    return isSyneviError(why) ? why.code : why
  }
  expect(codeOf()).toBe('NO_QUORUM')
  node.networkRefused(nodeSerial(1), 'INCOMPATIBLE_VERSION', 'it speaks version 9')
  expect(codeOf()).toBe('NO_QUORUM')
  node.networkRefused(nodeSerial(1), 'SERIAL_TAKEN', 'another process has this serial')
  expect(codeOf()).toBe('SERIAL_TAKEN')
})
