/**
 * Typed transactions, queries and executors: what is refused at the door, and what comes back at
 * the caller.
 */

import { describe, expect, it } from 'vitest'
import type { Outcome, StateReader } from '../contract/executor.ts'
import type { ExecuteContext } from '../contract/executor.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { LaneUnderTest, bytesOf, executionOf, request, textOf } from '../test/lane-under-test.ts'
import { defineExecutor } from './define-executor.ts'
import { bigintCodec, bytesCodec, jsonCodec, stringCodec } from './plain-codecs.ts'
import { answer, defineQuery, outputOf } from './query.ts'
import { err, ok } from './result.ts'
import { schemaCodec } from './schema-codec.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import { defineTransaction, on, resultOf } from './transaction.ts'

/** As a schema library would make it. */
function schemaOf<T>(
  is: (value: unknown) => value is T,
  waits = false,
): StandardSchemaV1<unknown, T> {
  const judge = (
    value: unknown,
  ): { value: T } | { issues: { message: string; path: string[] }[] } =>
    is(value) ? { value } : { issues: [{ message: 'is another thing', path: ['here'] }] }
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => (waits ? Promise.resolve(judge(value)) : judge(value)),
    },
  }
}

interface Move {
  readonly from: string
  readonly cents: bigint
}

const moveSchema = schemaOf(
  (value): value is Move =>
    typeof value === 'object' &&
    value !== null &&
    'cents' in value &&
    typeof value.cents === 'bigint',
)
const bigintSchema = schemaOf((value): value is bigint => typeof value === 'bigint')
const slowSchema = schemaOf((value): value is string => typeof value === 'string', true)

const Move = defineTransaction('bank/move', {
  input: moveSchema,
  ok: bigintSchema,
  err: stringCodec,
})
const Balance = defineQuery('bank/balance', { input: stringCodec, output: bigintCodec })
const bank = defineExecutor('bank', {
  transactions: [
    on(Move, ({ from, cents }, context) => {
      const accounts = context.table('accounts', bigintCodec)
      const have = accounts.get(from) ?? 10n
      if (have < cents) return err('poor')
      accounts.put(from, have - cents)
      return ok(have - cents)
    }),
  ],
  queries: [answer(Balance, (from, view) => view.table('accounts', bigintCodec).get(from) ?? 10n)],
})

const code = (name: string): unknown => expect.objectContaining({ code: name, definite: true })

describe('a typed transaction', () => {
  it('goes through the log and comes back typed', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [bank])
    const good = Move({ from: 'a', cents: 4n })
    const bad = Move({ from: 'a', cents: 400n })
    const requests = [good, bad].map(({ name, payload }, i) => request(i, name, payload))
    const [first, second] = (await node.apply(executionOf(1, requests))).outcomes
    expect(first !== undefined && resultOf(good, first)).toEqual({ ok: true, value: 6n })
    expect(second !== undefined && resultOf(bad, second)).toEqual({ ok: false, error: 'poor' })
    const query = Balance('a')
    const bytes = await bank.query?.(query, node.state.view('bank'))
    expect(bytes !== undefined && outputOf(query, bytes)).toBe(6n)
  })

  it('is refused at the door when its input has another shape, with the issues', () => {
    // @ts-expect-error: another shape
    expect(() => Move({ from: 'a', cents: 4 })).toThrow(
      expect.objectContaining({
        code: 'SCHEMA_INVALID',
        definite: true,
        details: { issues: [{ message: 'is another thing', path: ['here'] }] },
      }),
    )
  })

  it('fails when its payload or its result has another shape', async () => {
    const Wrong = defineTransaction('bank/wrong', { input: stringCodec, ok: bigintSchema })
    const executor = defineExecutor('bank', {
      // @ts-expect-error: another shape
      transactions: [on(Move, () => ok(1n)), on(Wrong, () => ok('text'))],
    })
    const node = await LaneUnderTest.open(new MemoryStore(), [executor])
    const requests = [request(1, 'bank/move', '{"cents":"5"}'), request(2, 'bank/wrong', 'x')]
    const { outcomes } = await node.apply(executionOf(1, requests))
    expect(outcomes.map((one) => [one.kind, textOf(one.value)])).toEqual([
      ['failed', 'the value does not have its shape: is another thing (at here)'],
      ['failed', 'the value does not have its shape: is another thing (at here)'],
    ])
  })

  it('says nothing by default, and is never refused', () => {
    const Plain = defineTransaction('bank/plain', { input: stringCodec })
    const plain = Plain('x')
    expect(resultOf(plain, { ok: true, value: new Uint8Array(0) })).toEqual({
      ok: true,
      value: undefined,
    })
    expect(() => resultOf(plain, { ok: false, value: bytesOf('why') })).toThrow(
      code('SCHEMA_INVALID'),
    )
    expect(() => resultOf(plain, { ok: true, value: bytesOf('what') })).toThrow(
      code('SCHEMA_INVALID'),
    )
  })

  it('may be executed by a promise', async () => {
    const executor = defineExecutor('bank', {
      transactions: [on(Move, ({ cents }) => Promise.resolve(ok(cents + 1n)))],
    })
    const node = await LaneUnderTest.open(new MemoryStore(), [executor])
    const move = Move({ from: 'a', cents: 4n })
    const { outcomes } = await node.runSlowly(executionOf(1, [request(1, move.name, move.payload)]))
    expect(outcomes.map((one) => resultOf(move, one))).toEqual([{ ok: true, value: 5n }])
  })
})

describe('an asynchronous schema', () => {
  it('is refused where nothing can wait', () => {
    const invalid = code('INVALID_ARGUMENT')
    expect(() => defineTransaction('a/b', { input: slowSchema })('x')).toThrow(invalid)
    expect(() => schemaCodec(slowSchema).encode('x')).toThrow(invalid)
    expect(() => schemaCodec(slowSchema).decode(bytesOf('"x"'))).toThrow(invalid)
  })

  it('is waited for where a query answers and where its answer is read', async () => {
    const Slow = defineQuery('a/slow', { input: stringCodec, output: slowSchema })
    const executor = defineExecutor('a', {
      transactions: [],
      queries: [answer(Slow, (text) => `${text}!`)],
    })
    const view: StateReader = (await LaneUnderTest.open(new MemoryStore(), [executor])).state.view(
      'a',
    )
    const query = Slow('x')
    const bytes = await executor.query?.(query, view)
    expect(bytes).toEqual(bytesOf('"x!"'))
    expect(await outputOf(query, bytesOf('"y"'))).toBe('y')
    await expect(outputOf(query, bytesOf('5'))).rejects.toThrow(code('SCHEMA_INVALID'))
  })
})

describe('names', () => {
  it.each([
    'x',
    'x/',
    '/x',
    'X/y',
    'a b/c',
    `${'a'.repeat(65)}/x`,
    `a/${'x'.repeat(254)}`,
    'synevi/x',
    'a/\ud800',
  ])('that are none are refused: %s', (name) => {
    expect(() => defineTransaction(name, { input: bytesCodec })).toThrow(code('INVALID_ARGUMENT'))
    expect(() => defineQuery(name, { input: bytesCodec, output: bytesCodec })).toThrow(
      code('INVALID_ARGUMENT'),
    )
  })

  it('of 255 bytes are taken, with anything behind the slash', () => {
    expect(
      defineTransaction(`a/${'x'.repeat(253)}`, { input: bytesCodec }).transaction,
    ).toHaveLength(255)
    expect(defineTransaction('a-1/Ä/b', { input: bytesCodec }).transaction).toBe('a-1/Ä/b')
  })

  it('of handlers must be the executor’s, each once', () => {
    const handler = on(Move, () => ok(1n))
    expect(() => defineExecutor('bank', { transactions: [handler, handler] })).toThrow(
      code('INVALID_ARGUMENT'),
    )
    expect(() => defineExecutor('other', { transactions: [handler] })).toThrow(
      code('INVALID_ARGUMENT'),
    )
    expect(() => defineExecutor('Bank', { transactions: [] })).toThrow(code('INVALID_ARGUMENT'))
    expect(() => defineExecutor('bank', { transactions: [], version: 0 })).toThrow(
      code('INVALID_ARGUMENT'),
    )
  })

  it('that an executor does not handle are unknown to it', async () => {
    const context = {} as ExecuteContext // never looked at: the name is refused first
    const run = (): Outcome | Promise<Outcome> =>
      bank.execute({ name: 'bank/x', payload: bytesOf('') }, context)
    expect(run).toThrow(code('UNKNOWN_TRANSACTION'))
  })
})

describe('plain codecs', () => {
  it('give back what they take', () => {
    expect(stringCodec.decode(stringCodec.encode('\ufeffä€😀'))).toBe('\ufeffä€😀')
    expect(bigintCodec.decode(bigintCodec.encode(-(2n ** 200n)))).toBe(-(2n ** 200n))
    expect(jsonCodec.decode(jsonCodec.encode({ a: [1n, null] }))).toEqual({ a: [1n, null] })
    expect(bytesCodec.decode(bytesCodec.encode(Uint8Array.of(1)))).toEqual(Uint8Array.of(1))
  })

  it('refuse what they cannot have made', () => {
    const invalid = code('SCHEMA_INVALID')
    expect(() => stringCodec.decode(Uint8Array.of(0xff))).toThrow(invalid)
    expect(() => stringCodec.encode('\ud800')).toThrow(invalid)
    for (const text of ['', '-0', '01', '1.5', ' 1']) {
      expect(() => bigintCodec.decode(bytesOf(text))).toThrow(invalid)
    }
    expect(() => jsonCodec.decode(bytesOf('nope'))).toThrow(invalid)
  })
})
