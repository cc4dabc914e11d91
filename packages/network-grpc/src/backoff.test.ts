/** Waits double within their bounds, and one seed always gives the same ones. */

import { expect, test } from 'vitest'
import { backoff } from './backoff.ts'

test('each wait lies between half a step and a step, and steps double up to the limit', () => {
  const waits = backoff({ minMs: 20, maxMs: 2000, seed: 1 })
  for (const stepMs of [20, 40, 80, 160, 320, 640, 1280, 2000, 2000]) {
    const waitMs = waits.next()
    expect(waitMs).toBeGreaterThanOrEqual(stepMs / 2)
    expect(waitMs).toBeLessThanOrEqual(stepMs)
  }
  waits.reset()
  expect(waits.next()).toBeLessThanOrEqual(20)
})

test('a seed decides all waits, and another seed gives others', () => {
  const draw = (seed: number): readonly number[] => {
    const waits = backoff({ minMs: 1000, maxMs: 100_000, seed })
    return [waits.next(), waits.next(), waits.next()]
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})
