import { describe, expect, test } from 'vitest'
import { EventQueue } from './event-queue.ts'
import { Prng } from './prng.ts'

describe('virtual time', () => {
  test('takes events in order of time, and of scheduling where times are equal', () => {
    const queue = new EventQueue()
    const random = Prng.of(1n)
    const seen: [number, number][] = []
    for (let i = 0; i < 2_000; i++) {
      const at = random.below(50)
      queue.at(at, () => seen.push([at, i]))
    }
    while (queue.step(Infinity));
    expect(seen).toHaveLength(2_000)
    const sorted = [...seen].sort((a, b) => a[0] - b[0] || a[1] - b[1])
    expect(seen).toEqual(sorted)
  })

  test('never goes back: what is scheduled for the past happens now', () => {
    const queue = new EventQueue()
    const times: number[] = []
    queue.at(10, () => {
      queue.at(3, () => times.push(queue.now))
    })
    while (queue.step(Infinity));
    expect(times).toEqual([10])
  })

  test('does not take what lies beyond the limit, nor what was cancelled', () => {
    const queue = new EventQueue()
    const seen: string[] = []
    queue.at(5, () => seen.push('five'))
    const cancelled = queue.at(6, () => seen.push('six'))
    queue.at(7, () => seen.push('seven'))
    cancelled.cancel()
    expect(queue.step(4)).toBe(false)
    expect(queue.step(6)).toBe(true)
    expect(queue.step(6)).toBe(false)
    expect(queue.next()).toBe(7)
    expect(seen).toEqual(['five'])
    expect(queue.taken).toBe(1)
  })

  test('lets time pass in which nothing happens, and not over an event', () => {
    const queue = new EventQueue()
    queue.advance(100)
    expect(queue.now).toBe(100)
    queue.after(5, () => {})
    expect(() => queue.advance(200)).toThrow('no event is passed over')
  })
})
