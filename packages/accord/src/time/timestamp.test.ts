import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nanos } from '../brand.ts'
import {
  compareTimestamps,
  epoch,
  epochOf,
  hlc,
  hlcOf,
  hlcOfNanos,
  nanosOf,
  nodeOf,
  nodeSerial,
  publicTxnId,
  timestamp,
  timestampOf,
} from './timestamp.ts'

const parts = fc.record({
  epoch: fc.integer({ min: 1, max: 0xffff }).map(epoch),
  hlc: fc.bigInt({ min: 0n, max: (1n << 80n) - 1n }).map(hlc),
  node: fc.integer({ min: 0, max: 0xffff }).map(nodeSerial),
})

describe('a timestamp', () => {
  it('gives back what it was made of', () => {
    fc.assert(
      fc.property(parts, (made) => {
        const t = timestampOf(made)
        expect([epochOf(t), hlcOf(t), nodeOf(t)]).toEqual([made.epoch, made.hlc, made.node])
        expect(nanosOf(t)).toBe(made.hlc >> 16n)
        expect(timestamp(t)).toBe(t)
      }),
    )
  })

  it('is ordered by epoch, then clock, then node', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const byParts =
          a.epoch - b.epoch || (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : 0) || a.node - b.node
        expect(compareTimestamps(timestampOf(a), timestampOf(b))).toBe(Math.sign(byParts))
      }),
    )
  })

  it('has the layout of protocol.md 1.1', () => {
    const t = timestampOf({ epoch: epoch(2), hlc: hlc((3n << 16n) | 4n), node: nodeSerial(5) })
    expect(t.toString(16).padStart(32, '0')).toBe('00020000000000000003000400050000')
    expect(publicTxnId(t).toString(16)).toBe('3000400050000')
  })

  it('refuses what is none', () => {
    expect(() => timestamp(-1n)).toThrow(RangeError)
    expect(() => timestamp(1n << 128n)).toThrow(RangeError)
    expect(() => timestamp(1n)).toThrow('not a timestamp')
    expect(() => nodeSerial(65_536)).toThrow(RangeError)
    expect(() => epoch(0)).toThrow(RangeError)
    expect(() => hlc(1n << 80n)).toThrow(RangeError)
  })

  it('places nanoseconds above the sequence', () => {
    expect(hlcOfNanos(nanos(1n))).toBe(0x10000n)
  })
})
