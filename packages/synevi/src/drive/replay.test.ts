/** Executors with state of their own get what they lack, in order, as it was the first time. */

import { describe, expect, it } from 'vitest'
import type { Executor, LogPosition } from '../contract/executor.ts'
import { KvExecutor } from '../executor/kv.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { LaneUnderTest, bytesOf, executionOf, request, textOf } from '../test/lane-under-test.ts'
import { replayExecutors } from './replay.ts'

/** Keeps a list outside of the store. */
class Outside implements Executor {
  readonly name: string
  readonly version = 1
  readonly handles: readonly string[]
  readonly seen: string[] = []
  through: LogPosition
  fails = false
  effects = 0

  constructor(through: LogPosition, name = 'outside') {
    this.name = name
    this.handles = [`${name}/run`]
    this.through = through
  }

  appliedThrough(): LogPosition {
    return this.through
  }

  execute: Executor['execute'] = ({ payload }, context) => {
    const text = textOf(payload)
    if (text === 'bad' || this.fails) throw new Error('no')
    const before = context.get(bytesOf('k'))
    context.put(bytesOf('k'), payload)
    context.afterApply(() => this.effects++)
    this.seen.push([context.position, context.time, text, context.uuid(), before?.length].join(' '))
    return { ok: true, value: bytesOf('') }
  }
}

async function history(first: Outside): Promise<LaneUnderTest> {
  const node = await LaneUnderTest.open(new MemoryStore(), [first, KvExecutor])
  const texts = ['a', 'b', 'bad', 'a', 'c']
  for (const [i, text] of texts.entries()) {
    const own = request(i === 3 ? 0 : i, 'outside/run', text)
    await node.apply(executionOf(i + 1, [request(100 + i, 'synevi/barrier'), own]))
  }
  return node
}

describe('replayExecutors', () => {
  it('executes what is above appliedThrough, in its own place', async () => {
    const first = new Outside(0n)
    const node = await history(first)
    // State of the first time was there then; of what is replayed only its own writes are.
    const expected = first.seen.map((line) => line.replace(/ \d?$/, ' '))
    for (const [through, count] of [
      [0n, 3],
      [2n, 2],
      [4n, 1],
      [9n, 0],
      [50n, 0],
    ] as const) {
      const again = new Outside(through)
      await replayExecutors(node.state, [again, KvExecutor])
      expect(again.seen.map((line) => line.replace(/ \d?$/, ' '))).toEqual(
        count === 0 ? [] : expected.slice(-count),
      )
      expect(again.seen.every((line) => line.endsWith(' '))).toBe(true)
      expect(again.effects).toBe(0)
    }
    expect(first.seen).toHaveLength(3)
  })

  it('gives each executor what it lacks, whatever others lack', async () => {
    const parts = [new Outside(0n, 'left'), new Outside(0n, 'right')]
    const node = await LaneUnderTest.open(new MemoryStore(), parts)
    const requests = [0, 1, 2, 3].map((i) =>
      request(i, `${i % 2 === 0 ? 'left' : 'right'}/run`, String(i)),
    )
    await node.apply(executionOf(1, requests))
    const [left, right] = [new Outside(0n, 'left'), new Outside(2n, 'right')]
    await replayExecutors(node.state, [right, left])
    const positions = (one: Outside): readonly string[] => one.seen.map((line) => line.slice(0, 1))
    expect([positions(left), positions(right)]).toEqual([['1', '3'], ['4']])
  })

  it('leaves the store alone, and executors without appliedThrough', async () => {
    const node = await history(new Outside(0n))
    const digest = node.state.stateDigest()
    const { position } = node.state.applied.watermark
    const never: Executor = { ...KvExecutor, execute: () => expect.unreachable() }
    await replayExecutors(node.state, [new Outside(0n), never])
    expect([node.state.stateDigest(), node.state.applied.watermark.position]).toEqual([
      digest,
      position,
    ])
  })

  it('fails when something fails that did not fail before', async () => {
    const node = await history(new Outside(0n))
    const again = new Outside(0n)
    again.fails = true
    const failed = expect.objectContaining({ code: 'EXECUTOR_FAILED', definite: false })
    await expect(replayExecutors(node.state, [again])).rejects.toThrow(failed)
  })
})
