import { nodeSerial } from '@synevi/accord'
import { expect, test } from 'vitest'
import { SILENT } from '../contract/observe.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import { NodeHealth } from './node-health.ts'

function health(): NodeHealth {
  return new NodeHealth({
    ...{ clock: new VirtualClock(), logger: SILENT, self: nodeSerial(0), members: [] },
    ...{ peerSilentMs: 5_000, hasRoom: () => true, changed: () => {} },
  })
}

test('a deadline of open means that too few answer, or that another is in this place', () => {
  const node = health()
  expect(node.openingFailure()).toBe('NO_QUORUM')
  node.networkRefused(nodeSerial(1), 'INCOMPATIBLE_VERSION', 'it speaks version 9')
  expect(node.openingFailure()).toBe('NO_QUORUM')
  node.networkRefused(nodeSerial(1), 'SERIAL_TAKEN', 'another process has this serial')
  expect(node.openingFailure()).toBe('SERIAL_TAKEN')
})
