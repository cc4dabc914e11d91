/** The queue against a model of it. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameQueue } from './frame-queue.ts'

test('the oldest frames make room, whole, and the newest always stays', () => {
  const queue = new FrameQueue(10)
  expect(queue.push(Buffer.alloc(4, 1))).toBe(0)
  expect(queue.push(Buffer.alloc(4, 2))).toBe(0)
  expect(queue.push(Buffer.alloc(3, 3))).toBe(1)
  expect(queue.push(Buffer.alloc(10, 4))).toBe(2)
  expect([queue.length, queue.bytes]).toEqual([1, 10])
  expect(queue.take(1, 0)).toEqual([Buffer.alloc(10, 4)])
  expect(queue.take(1, 0)).toEqual([])
})

test('taken frames fit together, overhead included, or are one', () => {
  const queue = new FrameQueue(100)
  for (const size of [4, 4, 4, 30, 1]) queue.push(Buffer.alloc(size, size))
  expect(queue.take(19, 6).map((frame) => frame.length)).toEqual([4])
  expect(queue.take(20, 6).map((frame) => frame.length)).toEqual([4, 4])
  expect(queue.take(20, 6).map((frame) => frame.length)).toEqual([30])
  expect(queue.take(20, 6).map((frame) => frame.length)).toEqual([1])
})

test('it behaves as an array that is cut at the front', () => {
  const commands = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('push' as const), size: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('take' as const), size: fc.integer({ min: 0, max: 60 }) }),
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(commands, (list) => {
      const queue = new FrameQueue(40)
      let model: Buffer[] = []
      const sum = (): number => model.reduce((bytes, frame) => bytes + frame.length, 0)
      list.forEach((command, at) => {
        if (command.kind === 'push') {
          const frame = Buffer.alloc(command.size, at)
          let dropped = 0
          for (; sum() + frame.length > 40; dropped++) model = model.slice(1)
          model.push(frame)
          expect(queue.push(frame)).toBe(dropped)
        } else {
          const taken = queue.take(command.size, 1)
          expect(taken).toEqual(model.slice(0, taken.length))
          model = model.slice(taken.length)
        }
        expect([queue.length, queue.bytes]).toEqual([model.length, sum()])
      })
    }),
    { numRuns: 200 },
  )
})
