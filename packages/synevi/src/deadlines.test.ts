/** Deadlines against a list, with time that moves only when told. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { millis } from '@synevi/accord'
import { Deadlines } from './deadlines.ts'
import { VirtualClock } from './test/virtual-clock.ts'

test('each item not cleared expires once, at its time; nothing is left behind', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), inMs: fc.nat(50) }),
    fc.record({ kind: fc.constant('clear' as const), pick: fc.nat(20) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(20) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = new VirtualClock()
      const expired: (readonly [number, number])[] = []
      const deadlines = new Deadlines<number>(clock, (item) =>
        expired.push([item, clock.now().elapsed]),
      )
      const live = new Map<number, number>()
      const expected: (readonly [number, number])[] = []
      let next = 0
      for (const one of [...steps, { kind: 'advance', ms: 100 } as const]) {
        if (one.kind === 'set') {
          const at = clock.now().elapsed + one.inMs
          live.set(next, at)
          deadlines.set(next++, millis(at))
        } else if (one.kind === 'clear') {
          const at = live.get(one.pick)
          if (at === undefined) continue
          live.delete(one.pick)
          deadlines.clear(one.pick, millis(at))
        } else {
          await clock.advance(one.ms)
          const due = [...live].filter(([, at]) => at <= clock.now().elapsed)
          for (const [item, at] of due.sort((a, b) => a[1] - b[1] || a[0] - b[0])) {
            live.delete(item)
            expected.push([item, at])
          }
        }
      }
      expect(expired.toSorted((a, b) => a[0] - b[0])).toEqual(
        expected.toSorted((a, b) => a[0] - b[0]),
      )
      expect(clock.alarmCount).toBe(0)
    }),
    { numRuns: 100 },
  )
})

test('ten thousand deadlines set and cleared cost one alarm', async () => {
  const clock = new VirtualClock()
  const deadlines = new Deadlines<number>(clock, () => {
    throw new Error('none is left')
  })
  for (let i = 0; i < 10_000; i++) {
    deadlines.set(i, millis(1_000 + (i % 100)))
    deadlines.clear(i, millis(1_000 + (i % 100)))
  }
  expect(clock.alarmCount).toBeLessThanOrEqual(1)
  await clock.advance(5_000)
  expect(clock.alarmCount).toBe(0)
})
