import { describe, expect, test } from 'vitest'
import { Trace } from './trace.ts'

describe('the trace', () => {
  const hashOf = (write: (trace: Trace) => void, kept = 0): string => {
    const trace = new Trace(kept)
    write(trace)
    return trace.hash()
  }

  test('is equal for equal events, whether lines are kept or not', () => {
    const write = (trace: Trace): void => trace.note(5, 1, 'send', 2, Uint8Array.of(1, 2))
    expect(hashOf(write)).toBe(hashOf(write, 10))
  })

  test('differs by time, node, kind, subject, one bit, and order', () => {
    const base = hashOf((trace) => trace.note(5, 1, 'send', 2, Uint8Array.of(1, 2)))
    const others = [
      hashOf((trace) => trace.note(6, 1, 'send', 2, Uint8Array.of(1, 2))),
      hashOf((trace) => trace.note(5, 2, 'send', 2, Uint8Array.of(1, 2))),
      hashOf((trace) => trace.note(5, 1, 'kill', 2, Uint8Array.of(1, 2))),
      hashOf((trace) => trace.note(5, 1, 'send', 3, Uint8Array.of(1, 2))),
      hashOf((trace) => trace.note(5, 1, 'send', 2, Uint8Array.of(1, 3))),
      hashOf((trace) => trace.note(5, 1, 'send', 2)),
    ]
    expect(new Set([base, ...others]).size).toBe(7)
    const twice = (first: number, second: number): string =>
      hashOf((trace) => {
        trace.note(1, first, 'send', 0)
        trace.note(1, second, 'send', 0)
      })
    expect(twice(1, 2)).not.toBe(twice(2, 1))
  })

  test('keeps the last lines, and makes none when none are wanted', () => {
    const trace = new Trace(3)
    for (let i = 0; i < 20; i++) trace.note(i, 1, 'send', i)
    trace.say(21, () => 'the end')
    expect(trace.lines().length).toBeLessThanOrEqual(6)
    expect(trace.lines().at(-1)).toContain('the end')
    expect(trace.count).toBe(20)
    const silent = new Trace(0)
    silent.say(1, () => {
      throw new Error('made')
    })
    expect(silent.lines()).toEqual([])
  })
})
