import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nanos } from '../brand.ts'
import { HybridClock } from './hybrid-clock.ts'
import {
  epoch,
  hlc,
  HLC_ZERO,
  hlcOf,
  nodeSerial,
  timestampOf,
  type Hlc,
  type Timestamp,
} from './timestamp.ts'

const E1 = epoch(1)
const SELF = nodeSerial(3)

describe('the hybrid clock', () => {
  it('mints the wall clock when that is ahead, and the next sequence when not', () => {
    const clock = new HybridClock(SELF, HLC_ZERO)
    const first = clock.mintId(E1, nanos(1_000n))
    const second = clock.mintId(E1, nanos(900n))
    expect(hlcOf(first)).toBe(1_000n << 16n)
    expect(hlcOf(second)).toBe((1_000n << 16n) + 1n)
  })

  it('carries from the sequence into the nanoseconds', () => {
    const clock = new HybridClock(SELF, hlc((7n << 16n) | 0xffffn))
    expect(hlcOf(clock.mintId(E1, nanos(0n)))).toBe(8n << 16n)
  })

  it('mints above what it observed and above the floor it is given', () => {
    const clock = new HybridClock(SELF, HLC_ZERO)
    clock.observe(timestampOf({ epoch: E1, hlc: hlc(500n), node: nodeSerial(1) }))
    const floor = timestampOf({ epoch: E1, hlc: hlc(900n), node: nodeSerial(9) })
    expect(hlcOf(clock.mintAbove(E1, floor))).toBe(901n)
  })

  it('mints no timestamp twice across crashes, when the reserve is stored with each write', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('mint'), wall: fc.bigInt({ min: 0n, max: 10_000n }) }),
      fc.record({ kind: fc.constant('observe'), wall: fc.bigInt({ min: 0n, max: 10_000n }) }),
      fc.record({ kind: fc.constant('crash'), wall: fc.constant(0n) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let stored: Hlc = HLC_ZERO
        let clock = new HybridClock(SELF, stored)
        const minted: Timestamp[] = []
        for (const { kind, wall } of steps) {
          if (kind === 'crash') clock = new HybridClock(SELF, stored)
          else if (kind === 'observe')
            clock.observe(timestampOf({ epoch: E1, hlc: hlc(wall), node: SELF }))
          else {
            minted.push(clock.mintId(E1, nanos(wall)))
            stored = clock.extendReserve() ?? stored
          }
        }
        expect(new Set(minted).size).toBe(minted.length)
        expect(minted).toEqual([...minted].sort((a, b) => (a < b ? -1 : 1)))
      }),
    )
  })

  it('asks for a longer reserve only when it has passed the one stored', () => {
    const clock = new HybridClock(SELF, HLC_ZERO)
    expect(clock.extendReserve()).toBeUndefined()
    clock.mintId(E1, nanos(1n))
    expect(clock.extendReserve()).toBe((1n << 16n) + (50_000_000n << 16n))
    clock.mintId(E1, nanos(2n))
    expect(clock.extendReserve()).toBeUndefined()
  })
})
