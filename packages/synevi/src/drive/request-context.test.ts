/** What an execution may look at: agreed, bounded, and of no use afterwards. */

import { describe, expect, it } from 'vitest'
import type { ExecuteContext } from '../contract/executor.ts'
import { stringCodec } from '../define/plain-codecs.ts'
import { batch, bytesOf, done, laneOf, placeOf, textOf, type Run } from '../test/lane-under-test.ts'

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
