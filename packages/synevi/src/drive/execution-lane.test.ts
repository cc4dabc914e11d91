/**
 * The lane: positions, times, duplicates, savepoints and refusals, each as the log alone decides
 * them.
 */

import { describe, expect, it } from 'vitest'
import { TIMESTAMP_ZERO, millis, type Execution } from '@synevi/accord'
import { chainStart } from '../chain/hash-chain.ts'
import type { ExecuteContext, Executor, Outcome } from '../contract/executor.ts'
import { bigintCodec, stringCodec } from '../define/plain-codecs.ts'
import { KvExecutor, Kv } from '../executor/kv.ts'
import { NoopExecutor } from '../executor/noop.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  SETTINGS,
  bytesOf,
  executionOf,
  placeOf,
  request,
  textOf,
} from '../test/lane-under-test.ts'
import { ExecutionLane, type LaneParts } from './execution-lane.ts'

type Run = (payload: string, context: ExecuteContext) => unknown

/** An executor of one transaction, `x/run`, that may give anything at all. */
function executorOf(run: Run, name = 'x'): Executor {
  return {
    name,
    version: 1,
    handles: [`${name}/run`],
    // What JavaScript gives is no more typed than this.
    execute: ({ payload }, context) => run(textOf(payload), context) as Outcome,
  }
}

const done = (text = ''): Outcome => ({ ok: true, value: bytesOf(text) })

async function laneOf(run: Run): Promise<LaneUnderTest> {
  return LaneUnderTest.open(new MemoryStore(), [executorOf(run)])
}

function batch(place: number, ...payloads: readonly string[]): Execution {
  return executionOf(
    place,
    payloads.map((payload, i) => request(100_000 * place + i, 'x/run', payload)),
  )
}

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

  it('are not made of barriers of the core, empty batches, bytes that are none', async () => {
    const node = await laneOf(() => done())
    node.run(batch(1, 'a'))
    const before = node.run(batch(2, 'b')).result.watermark
    const barrier: Execution = {
      id: placeOf(3),
      executeAt: placeOf(3),
      txn: { kind: 'barrier', closedBefore: TIMESTAMP_ZERO },
    }
    const garbage = batch(5)
    if (garbage.txn.kind !== 'application') throw new Error('it is a batch')
    for (const execution of [
      barrier,
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

describe('the context', () => {
  it('is the same on every node and another for every request', async () => {
    const look: Run = (_, context) => {
      const { id, txnId, position, coordinator, time, nowMs, random } = context
      const drawn = [random.u32(), random.float(), [...random.bytes(5)]]
      const facts = { id, txnId, position, coordinator, time, nowMs, drawn, uuid: context.uuid() }
      return done(
        JSON.stringify(facts, (_key, value: unknown) =>
          typeof value === 'bigint' ? `${value}` : value,
        ),
      )
    }
    const run = async (): Promise<readonly string[]> =>
      (await laneOf(look)).run(batch(1, 'a', 'b')).outcomes.map((one) => textOf(one.value))
    const [a = '', b = ''] = await run()
    expect(await run()).toEqual([a, b])
    expect(JSON.parse(a)).toMatchObject({
      id: '000000000000000000000000000186a0',
      txnId: String(placeOf(1)),
      position: '1',
      coordinator: 3,
      time: '1700000000000001000',
      nowMs: 1_700_000_000_000,
    })
    const [first, second] = [a, b].map((text): unknown => JSON.parse(text))
    expect(first).not.toMatchObject({ drawn: Object(second).drawn })
    // The time of 2023-11-14T22:13:20Z, version 7, the variant of RFC 9562.
    expect(Object(first).uuid).toMatch(
      /^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(Object(first).uuid).not.toBe(Object(second).uuid)
  })

  it('is of no use once its execution has ended', async () => {
    let kept: ExecuteContext | undefined
    const node = await laneOf((text, context) => {
      kept ??= context
      return done(text)
    })
    node.run(batch(1, 'a'))
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
    const key = bytesOf('k')
    const late = [
      () => kept?.put(key, key),
      () => kept?.get(key),
      () => kept?.delete(key),
      () => [...(kept?.scan({}) ?? [])],
      () => kept?.afterApply(() => undefined),
      () => kept?.table('t', stringCodec).put('k', 'v'),
    ]
    for (const use of late) expect(use).toThrow(invalid)
    expect((await node.apply(batch(2, 'b'))).result.mutations.length).toBeGreaterThan(0)
    expect([...node.state.view('x').scan({})]).toEqual([])
  })

  it.each<[string, (context: ExecuteContext) => unknown]>([
    ['an empty key', (context) => context.get(bytesOf(''))],
    ['a key of 513 bytes', (context) => context.put(new Uint8Array(513), bytesOf(''))],
    ['an empty key of a table', (context) => context.table('t', stringCodec).get('')],
    [
      'a key of a table of 513 bytes',
      (context) => context.table('t', stringCodec).get('x'.repeat(513)),
    ],
    ['a lone surrogate', (context) => context.table('t', stringCodec).put('\ud800', '')],
    ['a table without a name', (context) => context.table('', stringCodec)],
    ['a table with a zero in its name', (context) => context.table('a\u0000b', stringCodec)],
    ['a negative limit', (context) => [...context.scan({ limit: -1 })]],
  ])('refuses %s', async (_, use) => {
    const node = await laneOf((_text, context) => {
      use(context)
      return done()
    })
    const [outcome] = node.run(batch(1, 'a')).outcomes
    expect(outcome?.kind).toBe('failed')
    expect(outcome && textOf(outcome.value)).toContain('cannot use the state')
  })

  it('orders tables and bytes as UTF-8, apart from each other', async () => {
    const keys = ['a', 'ab', 'a\u0000', 'b', 'ä', '€', '😀', '\uffff', 'a/1', 'a/2']
    const node = await laneOf((_, context) => {
      const table = context.table('t', stringCodec)
      for (const key of keys) table.put(key, `=${key}`)
      context.table('t2', stringCodec).put('a', 'other')
      context.put(bytesOf('t'), bytesOf('raw'))
      const ordered = keys.toSorted((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)))
      expect([...table.scan()]).toEqual(ordered.map((key) => [key, `=${key}`]))
      expect([...table.scan('a/')].map(([key]) => key)).toEqual(['a/1', 'a/2'])
      expect([...table.scan('zz')]).toEqual([])
      expect([...context.scan({})]).toEqual([[bytesOf('t'), bytesOf('raw')]])
      return done()
    })
    const [outcome] = (await node.apply(batch(1, 'a'))).outcomes
    expect(outcome && textOf(outcome.value)).toBe('')
    const stored = [...node.state.view('x').table('t', stringCodec).scan()]
    expect(stored.map(([key]) => key)).toEqual(
      keys.toSorted((a, b) => Buffer.compare(bytesOf(a), bytesOf(b))),
    )
  })

  it('scans bytes in both directions, within bounds', async () => {
    const node = await laneOf((_, context) => {
      for (const byte of [3, 1, 2, 0xff]) context.put(Uint8Array.of(byte), Uint8Array.of(byte))
      const keys = (range: Parameters<ExecuteContext['scan']>[0]): number[] =>
        [...context.scan(range)].map(([key]) => key[0] ?? -1)
      expect(keys({})).toEqual([1, 2, 3, 0xff])
      expect(keys({ reverse: true, limit: 2 })).toEqual([0xff, 3])
      expect(keys({ from: Uint8Array.of(2), until: Uint8Array.of(3) })).toEqual([2])
      expect(keys({ limit: 0 })).toEqual([])
      return done()
    })
    expect(node.run(batch(1, 'a')).outcomes[0]?.kind).toBe('applied')
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
      await undefined
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
  for (let i = 0; i < 100 && !condition(); i++) await undefined
  expect(condition()).toBe(true)
}
