import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { millis, nanos } from '../brand.ts'
import { PeerLatency } from './peer-latency.ts'

describe('the latency of a peer', () => {
  it('is that of the last 64 round trips, in whole milliseconds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2_000), { minLength: 1, maxLength: 200 }), (rtts) => {
        const latency = new PeerLatency()
        for (const rtt of rtts) latency.measured(millis(rtt))
        const last = rtts.slice(-64).map((rtt) => Math.min(Math.max(rtt, 1), 1_000))
        const sorted = last.sort((a, b) => a - b)
        const index = (percent: number): number =>
          Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))
        expect(latency.p99).toBe(sorted[index(99)])
        expect(latency.median).toBe(sorted[index(50)])
      }),
    )
  })

  it('is believed to be 10 ms before anything was measured', () => {
    expect(new PeerLatency().p99).toBe(10)
  })

  it('tells how far the clock of the peer is ahead', () => {
    const latency = new PeerLatency()
    latency.observedWall({ theirs: 5_000_000_000n, ours: nanos(2_000_000_000n), rtt: millis(10) })
    expect(latency.offsetMs).toBe(3_005)
  })

  it('does not count timers in outliers', () => {
    const latency = new PeerLatency()
    for (let i = 0; i < 60; i++) latency.measured(millis(2))
    latency.measured(millis(1_000))
    expect(latency.p99).toBe(1_000)
    expect(latency.slow).toBe(14)
    for (let i = 0; i < 64; i++) latency.measured(millis(50))
    expect(latency.slow).toBe(50)
  })
})
