/** Who sends too much waits; who goes on is cut off; a pause clears the slate. */

import { expect, test } from 'vitest'
import { ReceiveMeter } from './receive-meter.ts'

const LIMITS = { framesPerSecondMax: 1000, bytesPerSecondMax: 100_000, patienceMs: 500 }

test('within the limits nothing happens, for ever', () => {
  const meter = new ReceiveMeter(LIMITS, 0)
  for (let atMs = 0; atMs < 10_000; atMs += 10) {
    expect(meter.count({ frames: 10, bytes: 1000 }, atMs)).toEqual({ kind: 'go' })
  }
})

test('too many frames, or bytes, wait for the end of the window', () => {
  const meter = new ReceiveMeter(LIMITS, 0)
  expect(meter.count({ frames: 100, bytes: 1 }, 0)).toEqual({ kind: 'go' })
  expect(meter.count({ frames: 1, bytes: 1 }, 30)).toEqual({ kind: 'wait', waitMs: 70 })
  expect(meter.count({ frames: 1, bytes: 10_000 }, 100)).toEqual({ kind: 'go' })
  expect(meter.count({ frames: 1, bytes: 1 }, 150)).toEqual({ kind: 'wait', waitMs: 50 })
})

test('who fills every window for too long is cut off, and not before', () => {
  const meter = new ReceiveMeter(LIMITS, 0)
  for (let atMs = 0; atMs <= 500; atMs += 100) {
    expect(meter.count({ frames: 101, bytes: 1 }, atMs).kind).toBe('wait')
  }
  expect(meter.count({ frames: 101, bytes: 1 }, 600)).toEqual({ kind: 'cut' })
})

test('a window within the limits, or silence, starts the patience anew', () => {
  const quiet = new ReceiveMeter(LIMITS, 0)
  const silent = new ReceiveMeter(LIMITS, 0)
  for (let atMs = 0; atMs < 400; atMs += 100) {
    quiet.count({ frames: 101, bytes: 1 }, atMs)
    silent.count({ frames: 101, bytes: 1 }, atMs)
  }
  quiet.count({ frames: 1, bytes: 1 }, 400)
  for (let atMs = 700; atMs <= 1200; atMs += 100) {
    expect(quiet.count({ frames: 101, bytes: 1 }, atMs).kind).toBe('wait')
    expect(silent.count({ frames: 101, bytes: 1 }, atMs).kind).toBe('wait')
  }
})
