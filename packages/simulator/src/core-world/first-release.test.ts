/** What 0.1.0 does not know is found in frames that it would get. */

import { expect, test } from 'vitest'
import {
  TIMESTAMP_ZERO,
  decodeFrame,
  encodeFrame,
  epoch,
  millis,
  nodeSerial,
  type Message,
} from '@synevi/accord'
import { isFrameOfFirst, isKnownToFirst } from './first-release.ts'

const NONE = new Uint8Array(0)
const heartbeat: Message = {
  ...{ kind: 'heartbeat', storeId: new Uint8Array(16), durableSeq: 1n, knownStoreId: NONE },
  ...{ openEpoch: epoch(1), finishedEpoch: 0, floor: TIMESTAMP_ZERO },
  ...{ closedBefore: TIMESTAMP_ZERO, lastAll: TIMESTAMP_ZERO, oldestPosition: 0n, wallNanos: 1n },
  applied: { position: 0n, executeAt: TIMESTAMP_ZERO, txnHash: NONE, execHash: NONE },
  ...{ sentAt: millis(1), echo: undefined, inFlight: 0, phase: 'serving' },
  features: { offers: 15, requires: 0, active: 0 },
}

function known(messages: readonly Message[], version: number): boolean {
  const parts = { cluster: new Uint8Array(16), from: nodeSerial(1), openEpoch: epoch(1), messages }
  const bytes = encodeFrame(parts, version)
  const decoded = decodeFrame(bytes, { messagesMax: 8, payloadMaxBytes: 1 })
  if (!decoded.ok) throw new Error(decoded.why)
  return isFrameOfFirst(decoded.value, bytes)
}

test('frames of version 1 are known, those of version 2 are not', () => {
  expect(known([heartbeat, { kind: 'unsupported', tag: 9 }], 1)).toBe(true)
  expect(known([heartbeat], 2)).toBe(false)
  expect(known([], 2)).toBe(false)
})

test('a later message, and a later field, are not known', () => {
  expect(isKnownToFirst({ kind: 'unsupported', tag: 1 })).toBe(false)
  expect(isKnownToFirst({ kind: 'epochClosing', round: 1 })).toBe(false)
  expect(isKnownToFirst(heartbeat)).toBe(false)
  expect(isKnownToFirst({ kind: 'catchUp', since: TIMESTAMP_ZERO })).toBe(true)
})
