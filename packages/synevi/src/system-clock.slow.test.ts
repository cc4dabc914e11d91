/** The machine's clock: real time, hence slow, though it takes milliseconds. */

import { expect, test } from 'vitest'
import { millis } from '@synevi/accord'
import { SystemClock } from './system-clock.ts'

test('wall time is the system time but finer, and elapsed never goes back', () => {
  const clock = new SystemClock()
  let before = clock.now()
  for (let i = 0; i < 10_000; i++) {
    const now = clock.now()
    expect(now.elapsed >= before.elapsed).toBe(true)
    before = now
  }
  const apart = Number(before.wall / 1_000_000n) - Date.now()
  expect(Math.abs(apart)).toBeLessThan(50)
  expect(new Set(Array.from({ length: 100 }, () => clock.now().wall)).size).toBeGreaterThan(10)
})

test('an alarm rings once, not too early, not synchronously; disposed, never', async () => {
  const clock = new SystemClock()
  const rung: string[] = []
  const at = millis(clock.now().elapsed + 5)
  const early = new Promise<number>((resolve) => {
    clock.alarm(at, () => {
      rung.push('later')
      resolve(clock.now().elapsed)
    })
  })
  const past = new Promise<void>((resolve) => {
    clock.alarm(millis(0), () => {
      rung.push('past')
      resolve()
    })
  })
  clock.alarm(at, () => rung.push('disposed'))[Symbol.dispose]()
  clock.soon(() => rung.push('soon'))
  expect(rung).toEqual([])
  await past
  expect(await early).toBeGreaterThanOrEqual(at)
  expect(rung.filter((what) => what === 'later').length).toBe(1)
  expect(rung).toContain('soon')
  expect(rung).not.toContain('disposed')
})
