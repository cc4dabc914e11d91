/**
 * The lane: positions, times, duplicates, savepoints and refusals, each as the log alone decides
 * them.
 */

import { describe, expect, it } from 'vitest'
import { millis } from '@synevi/accord'
import { chainStart } from '../chain/hash-chain.ts'
import { bigintCodec, stringCodec } from '../define/plain-codecs.ts'
import { KvExecutor, Kv } from '../executor/kv.ts'
import { NoopExecutor } from '../executor/noop.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  barrierOf,
  LaneUnderTest,
  SETTINGS,
  batch,
  bytesOf,
  done,
  executionOf,
  executorOf,
  laneOf,
  placeOf,
  request,
  textOf,
  type Run,
} from '../test/lane-under-test.ts'
import { ExecutionLane, type LaneParts } from './execution-lane.ts'

describe('entries', () => {
  it('count from 1 without a gap, a nanosecond apart within a transaction', async () => {
    const node = await laneOf((text) => done(text))
    const first = node.run(batch(1, 'a', 'b')).outcomes
    const second = node.run(batch(2, 'c')).outcomes
    const time = 1_700_000_000_000_000_000n
    expect([...first, ...second].map((one) => [one.position, one.time, textOf(one.value)])).toEqual(
      [
        [1n, time + 1000n, 'a'],
        [2n, time + 1001n, 'b'],
        [3n, time + 2000n, 'c'],
      ],
    )
  })

  it('have times that rise even where executeAt does not', async () => {
    const node = await laneOf(() => done())
    const many = Array.from({ length: 1500 }, () => '')
    const { outcomes } = node.run(batch(1, ...many))
    const next = node.run(batch(2, '')).outcomes[0]
    expect(next?.time).toBe((outcomes.at(-1)?.time ?? 0n) + 1n)
  })

  it('are not made of empty batches, nor of bytes that are none', async () => {
    const node = await laneOf(() => done())
    node.run(batch(1, 'a'))
    const before = node.run(batch(2, 'b')).result.watermark
    const garbage = batch(5)
    if (garbage.txn.kind !== 'application') throw new Error('it is a batch')
    for (const execution of [
      batch(4),
      { ...garbage, txn: { ...garbage.txn, payload: Uint8Array.of(1, 2, 3) } },
    ]) {
      const { result, outcomes } = node.run(execution)
      expect(outcomes).toEqual([])
      expect(result).toEqual({
        watermark: { ...before, executeAt: execution.executeAt },
        mutations: [],
      })
    }
    expect(node.run(batch(6, 'c')).result.watermark.position).toBe(3n)
  })

  it('are not made of Barriers, which extend both chains where they stand', async () => {
    const [node, other] = await Promise.all([laneOf(() => done()), laneOf(() => done())])
    const before = node.run(batch(1, 'a')).result.watermark
    other.run(batch(1, 'a'))
    const { result, outcomes } = node.run(barrierOf(2, 1))
    expect(outcomes).toEqual([])
    expect(result.mutations).toEqual([])
    expect(result.watermark).toMatchObject({ position: 1n, executeAt: placeOf(2) })
    expect(result.watermark.txnHash).not.toEqual(before.txnHash)
    expect(result.watermark.execHash).not.toEqual(before.execHash)
    const [next, without] = [node.run(batch(3, 'b')), other.run(batch(3, 'b'))]
    expect(next.result.watermark.position).toBe(2n)
    expect(next.result.watermark.txnHash).not.toEqual(without.result.watermark.txnHash)
  })

  it('have chain heads before the first position that are not empty', async () => {
    const node = await laneOf(() => done())
    const { watermark } = node.run(batch(1)).result
    expect(watermark).toEqual({ position: 0n, executeAt: placeOf(1), ...chainStart() })
  })

  it('are made of synevi/barrier like of any other request', async () => {
    const node = await laneOf(() => done())
    const { outcomes } = node.run(
      executionOf(1, [request(1, 'synevi/barrier'), request(2, 'x/run')]),
    )
    expect(outcomes.map((one) => [one.kind, one.ok, one.position])).toEqual([
      ['applied', true, 1n],
      ['applied', true, 2n],
    ])
  })
})

describe('a request that throws', () => {
  const add: Run = (text, context) => {
    const table = context.table('sums', bigintCodec)
    table.put('sum', (table.get('sum') ?? 0n) + BigInt(text))
    context.afterApply(() => log.push(text))
    if (text === '7') throw new Error('no sevens')
    return done(String(table.get('sum')))
  }
  const log: string[] = []

  it('leaves no trace, and its neighbours see each other', async () => {
    const node = await laneOf(add)
    const { outcomes } = await node.apply(batch(1, '1', '7', '2'))
    expect(outcomes.map((one) => [one.kind, one.ok, textOf(one.value), one.position])).toEqual([
      ['applied', true, '1', 1n],
      ['failed', false, 'no sevens', 2n],
      ['applied', true, '3', 3n],
    ])
    expect(log).toEqual(['1', '2'])
    expect(node.state.view('x').table('sums', bigintCodec).get('sum')).toBe(3n)
  })

  it.each([
    ['an error', new Error('why'), 'why'],
    ['a text', 'why', 'why'],
    ['nothing', undefined, 'undefined'],
    ['an error whose message throws', hostile(), 'an exception without a text'],
    ['a long message', new Error(`${'a'.repeat(1022)}€€`), 'a'.repeat(1022)],
    ['a message of 1,024 bytes', new Error('a'.repeat(1024)), 'a'.repeat(1024)],
    ['a message of surrogates', new Error('😀'.repeat(400)), '😀'.repeat(256)],
    ['a lone surrogate', new Error('\ud800x'), '\ufffdx'],
  ])('is recorded with its message alone: %s', async (_, thrown, text) => {
    const node = await laneOf(() => {
      throw thrown
    })
    const [outcome] = node.run(batch(1, 'a')).outcomes
    expect([outcome?.kind, outcome && textOf(outcome.value)]).toEqual(['failed', text])
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an outcome without a value', { ok: true }],
    ['a text for a value', { ok: true, value: 'x' }],
    ['a number for ok', { ok: 1, value: bytesOf('') }],
    ['other typed arrays', { ok: true, value: new Uint16Array(1) }],
  ])('is what gives no outcome, too: %s', async (_, given) => {
    const node = await laneOf((text, context) => {
      context.put(bytesOf('k'), bytesOf('v'))
      return text === 'bad'
        ? given
        : done(context.get(bytesOf('k')) === undefined ? 'none' : 'some')
    })
    const { outcomes } = await node.apply(batch(1, 'bad'))
    expect(outcomes.map((one) => [one.kind, textOf(one.value)])).toEqual([
      ['failed', 'the executor gave no outcome: { ok: boolean, value: Uint8Array }'],
    ])
    expect(node.state.view('x').get(bytesOf('k'))).toBe(undefined)
  })

  it('is one with an outcome above resultMaxBytes', async () => {
    const node = await laneOf((text) => done('r'.repeat(Number(text))))
    const { outcomes } = node.run(batch(1, '1024', '1025'))
    expect(outcomes.map((one) => one.kind)).toEqual(['applied', 'failed'])
    expect(outcomes[1] && textOf(outcomes[1].value)).toBe(
      'the outcome has 1025 bytes, 1024 are the most',
    )
  })

  it('keeps its writes when it is a refusal', async () => {
    const node = await laneOf((_, context) => {
      context.put(bytesOf('k'), bytesOf('v'))
      return { ok: false, value: bytesOf('no') }
    })
    const { outcomes } = await node.apply(batch(1, ''))
    expect(outcomes[0]).toMatchObject({ kind: 'applied', ok: false })
    expect(node.state.view('x').get(bytesOf('k'))).toEqual(bytesOf('v'))
  })
})

describe('what nobody here handles', () => {
  it('blocks, and nothing of the batch is executed', async () => {
    let ran = 0
    const node = await laneOf(() => done(String(++ran)))
    const result = node.lane.run(executionOf(1, [request(1, 'x/run'), request(2, 'y/run')]))
    expect(result).toEqual({ kind: 'blocked', why: 'no executor here handles "y/run"' })
    expect(ran).toBe(0)
    expect(node.lane.run(executionOf(1, [request(1, 'x/other')]))).toMatchObject({
      kind: 'blocked',
    })
    expect(node.lane.run(executionOf(1, [request(1, 'synevi/later')]))).toMatchObject({
      kind: 'blocked',
    })
    expect(node.run(executionOf(1, [request(1, 'x/run')])).result.watermark.position).toBe(1n)
  })

  it('includes batches of a later version', async () => {
    const node = await laneOf(() => done())
    const execution = batch(1, 'a')
    if (execution.txn.kind !== 'application') throw new Error('it is a batch')
    const later = { ...execution, txn: { ...execution.txn, payload: Uint8Array.of(2, 0) } }
    expect(node.lane.run(later)).toEqual({
      kind: 'blocked',
      why: 'it is a batch of a later version',
    })
  })

  it('is known by name', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [KvExecutor, NoopExecutor])
    const names = ['kv/write', 'noop/run', 'synevi/barrier', 'kv/get', 'kv/x', 'kv', '']
    expect(names.map((name) => node.lane.handles(name))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
})

describe('executors side by side', () => {
  it('share the order, not the state', async () => {
    const write: Run = (text, context) => {
      const before = context.get(bytesOf('k'))
      context.put(bytesOf('k'), bytesOf(text))
      return done(before === undefined ? 'none' : textOf(before))
    }
    const node = await LaneUnderTest.open(new MemoryStore(), [
      executorOf(write),
      executorOf(write, 'xy'),
    ])
    const requests = ['x/run', 'xy/run', 'x/run'].map((name, i) =>
      request(i, name, name + String(i)),
    )
    const { outcomes } = await node.apply(executionOf(1, requests))
    expect(outcomes.map((one) => [one.position, textOf(one.value)])).toEqual([
      [1n, 'none'],
      [2n, 'none'],
      [3n, 'x/run0'],
    ])
    expect([...node.state.view('x').scan({})].length).toBe(1)
  })

  it.each([
    ['a name twice', [executorOf(done), executorOf(done)]],
    ['the reserved name', [executorOf(done, 'synevi')]],
    ['no name', [executorOf(done, '')]],
    ['a name of another', [{ ...executorOf(done), handles: ['y/run'] }]],
    ['a name that is none', [{ ...executorOf(done), handles: ['x'] }]],
  ])('cannot have %s', async (_, executors) => {
    const opening = LaneUnderTest.open(new MemoryStore(), executors)
    await expect(opening).rejects.toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('effects', () => {
  it('run once the execution is durable, in order, and what they throw is reported', async () => {
    const log: string[] = []
    const node = await laneOf((text, context) => {
      context.afterApply(() => {
        log.push(text)
        if (text === 'b') throw new Error('effect')
      })
      return done()
    })
    node.run(batch(1, 'a', 'b'))
    node.run(batch(2, 'c'))
    expect(log).toEqual([])
    await node.flush(1)
    expect(log).toEqual(['a', 'b'])
    await node.flush()
    expect(log).toEqual(['a', 'b', 'c'])
    expect(node.effectErrors).toEqual([new Error('effect')])
    node.lane.stored(placeOf(1))
    expect(log).toHaveLength(3)
    expect(node.lane.unstoredCount).toBe(0)
  })
})

describe('an executor that waits', () => {
  it('is waited for, and what runs at once costs no turn', async () => {
    let release: (() => void) | undefined
    const node = await laneOf(async (text, context) => {
      if (text !== 'slow') return done(text)
      await new Promise<void>((resolve) => (release = resolve))
      context.put(bytesOf('k'), bytesOf('v'))
      if (context.position === 2n) throw new Error('late')
      return done(text)
    })
    expect(node.lane.running).toBe(undefined)
    const running = node.runSlowly(batch(1, 'a', 'slow', 'b'))
    expect(() => node.lane.run(batch(2, 'x'))).toThrow('executions never overlap')
    await until(() => release !== undefined)
    expect(node.lane.running).toEqual({ txnId: placeOf(1), name: 'x/run', since: 0 })
    release?.()
    const { outcomes } = await running
    expect(outcomes.map((one) => [one.kind, textOf(one.value)])).toEqual([
      ['applied', 'a'],
      ['failed', 'late'],
      ['applied', 'b'],
    ])
    await node.flush()
    expect(node.state.view('x').get(bytesOf('k'))).toBe(undefined)
    expect(node.lane.running).toBe(undefined)
  })

  it('gives the same bytes as one that does not', async () => {
    const run: Run = (text, context) => {
      context.table('t', stringCodec).put(text, context.uuid())
      if (text === 'bad') throw new Error('bad')
      return done(text)
    }
    const atOnce = await laneOf(run)
    const slow = await laneOf(async (text, context) => {
      await Promise.resolve()
      return run(text, context)
    })
    const execution = batch(1, 'a', 'bad', 'b')
    expect(await slow.runSlowly(execution)).toEqual(atOnce.run(execution))
  })
})

describe('a damaged store', () => {
  it('stops the lane, even if the executor swallows what it was told', async () => {
    const store = new MemoryStore()
    const node = await LaneUnderTest.open(store, [KvExecutor])
    const write = Kv.write({ key: 'k', value: bytesOf('v') })
    await node.apply(executionOf(1, [request(1, write.name, write.payload)]))
    for (const [key, value] of store.scan({ from: Uint8Array.of(0x40) })) {
      await store.write([{ key, value: Uint8Array.of(...value, 1) }])
    }
    const swallow = executorOf((_, context) => {
      try {
        context.table('map', stringCodec).get('k')
      } catch {
        return done('fine')
      }
      return done()
    }, 'kv')
    const reopened = await LaneUnderTest.open(store, [swallow])
    const failed = expect.objectContaining({ code: 'STORE_FAILED', definite: false })
    const run = (): unknown => reopened.lane.run(executionOf(2, [request(2, 'kv/run')]))
    expect(run).toThrow(failed)
    expect(run).toThrow(failed)
  })
})

describe('the parts of a lane', () => {
  it('go on from where the store is', async () => {
    const store = new MemoryStore()
    const node = await LaneUnderTest.open(store, [executorOf(done)])
    await node.apply(batch(1, 'a', 'b'))
    const parts: LaneParts = {
      store,
      executors: [executorOf(done)],
      settings: SETTINGS,
      head: node.state.applied,
      elapsed: () => millis(0),
      effectFailed: () => undefined,
    }
    const onward = node.run(batch(2, 'c'))
    const restarted = new ExecutionLane(parts).run(batch(2, 'c'))
    expect(restarted).toEqual({ kind: 'executed', executed: onward })
  })
})

function hostile(): Error {
  const error = new Error('hidden')
  Object.defineProperty(error, 'message', {
    get: () => {
      throw new Error('no')
    },
  })
  return error
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i++) await Promise.resolve()
  expect(condition()).toBe(true)
}
