/** Request ids: the first use wins, wherever and whenever the others come. */

import { describe, expect, it } from 'vitest'
import { bigintCodec } from '../define/plain-codecs.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  SETTINGS,
  bytesOf,
  done,
  executionOf,
  executorOf,
  laneOf,
  request,
  type Run,
} from '../test/lane-under-test.ts'

describe('a request id', () => {
  const count: Run = (_, context) => {
    const table = context.table('t', bigintCodec)
    const next = (table.get('n') ?? 0n) + 1n
    table.put('n', next)
    if (next === 2n) throw new Error('the second')
    return done(String(next))
  }

  it('has the effect of its first use, in the same batch, later, and after a restart', async () => {
    const store = new MemoryStore()
    const node = await LaneUnderTest.open(store, [executorOf(count)])
    const twice = executionOf(1, [
      request(5, 'x/run', 'a'),
      request(5, 'x/run', 'a'),
      request(6, 'x/run', 'a'),
    ])
    const [first, again, other] = node.run(twice).outcomes
    expect(again).toEqual({ ...first, duplicate: true })
    expect(other?.position).toBe(2n)
    const later = node.run(executionOf(2, [request(5, 'x/run', 'a')])).outcomes[0]
    expect(later).toEqual({ ...first, duplicate: true })
    await node.flush()
    const reopened = await LaneUnderTest.open(store, [executorOf(count)])
    const restarted = reopened.run(executionOf(3, [request(5, 'x/run', 'a')]))
    expect(restarted.outcomes[0]).toEqual({ ...first, duplicate: true })
    expect(restarted.result.watermark.position).toBe(2n)
  })

  it('gives the failure again', async () => {
    const node = await laneOf((text) => {
      throw new Error(text)
    })
    const [first] = node.run(executionOf(1, [request(5, 'x/run', 'a')])).outcomes
    const [again] = node.run(executionOf(2, [request(5, 'x/run', 'a')])).outcomes
    expect(again).toEqual({ ...first, kind: 'failed', duplicate: true })
  })

  it('is refused with another payload or another name, and nothing happens', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [
      executorOf(count),
      executorOf(count, 'y'),
    ])
    const [first] = node.run(executionOf(1, [request(5, 'x/run', 'a')])).outcomes
    for (const changed of [request(5, 'x/run', 'b'), request(5, 'y/run', 'a')]) {
      const { outcomes, result } = node.run(executionOf(2, [changed]))
      expect(outcomes).toEqual([
        { ...first, kind: 'reused', ok: false, value: bytesOf(''), duplicate: false },
      ])
      expect(result.watermark.position).toBe(1n)
    }
  })

  it('whose outcome was too large to keep is answered with the fact', async () => {
    const node = await laneOf(() => done('r'.repeat(65)))
    const [first] = node.run(executionOf(1, [request(5, 'x/run', 'a')])).outcomes
    const [again] = node.run(executionOf(2, [request(5, 'x/run', 'a')])).outcomes
    expect(first?.value).toHaveLength(65)
    expect(again).toEqual({ ...first, kind: 'forgotten', value: bytesOf(''), duplicate: true })
  })

  it('is new again once dedupMax others came after it', async () => {
    const settings = { ...SETTINGS, dedupMax: 3 }
    const node = await LaneUnderTest.open(new MemoryStore(), [executorOf(() => done())], settings)
    const run = (place: number, id: number): boolean | undefined =>
      node.run(executionOf(place, [request(id, 'x/run')])).outcomes[0]?.duplicate
    expect([1, 2, 3].map((id) => run(id, id))).toEqual([false, false, false])
    expect(run(4, 1)).toBe(true)
    expect(run(5, 4)).toBe(false)
    expect(run(6, 1)).toBe(false)
    expect(run(7, 3)).toBe(true)
  })
})
