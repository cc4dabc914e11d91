/** The replicated map against a plain one. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { outputOf, type Query } from '../define/query.ts'
import { resultOf, type Transaction } from '../define/transaction.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { LaneUnderTest, bytesOf, executionOf, request, textOf } from '../test/lane-under-test.ts'
import { Kv, KvExecutor } from './kv.ts'
import { Noop, NoopExecutor } from './noop.ts'

const key = fc.constantFrom('a', 'b', 'ä')
const value = fc.constantFrom('', 'x', 'y')
const maybe = fc.option(value, { nil: undefined })
const operation = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), key, value }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('read' as const), key }),
  fc.record({ kind: fc.constant('cas' as const), key, expected: maybe, value: maybe }),
)

const bytes = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : bytesOf(text)
const text = (found: Uint8Array | undefined): string | undefined => found && textOf(found)

describe('KvExecutor', () => {
  it('does what a map does, and refuses a cas with what it found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        const node = await LaneUnderTest.open(new MemoryStore(), [KvExecutor])
        const model = new Map<string, string>()
        let place = 0
        const submit = async <Ok, Err>(txn: Transaction<Ok, Err>): Promise<unknown> => {
          place++
          const one = request(place, txn.name, txn.payload)
          const [outcome] = (await node.apply(executionOf(place, [one]))).outcomes
          return outcome && resultOf(txn, outcome)
        }
        for (const one of operations) {
          const found = model.get(one.key)
          switch (one.kind) {
            case 'write':
              model.set(one.key, one.value)
              expect(await submit(Kv.write({ key: one.key, value: bytesOf(one.value) }))).toEqual({
                ok: true,
              })
              break
            case 'delete':
              model.delete(one.key)
              expect(await submit(Kv.delete(one.key))).toEqual({ ok: true })
              break
            case 'read':
              expect(await submit(Kv.read(one.key))).toEqual({ ok: true, value: bytes(found) })
              break
            case 'cas': {
              const cas = Kv.cas({
                key: one.key,
                expected: bytes(one.expected),
                value: bytes(one.value),
              })
              const refused = { ok: false, error: { code: 'mismatch', found: bytes(found) } }
              expect(await submit(cas)).toEqual(found === one.expected ? { ok: true } : refused)
              if (found !== one.expected) break
              if (one.value === undefined) model.delete(one.key)
              else model.set(one.key, one.value)
              break
            }
          }
          const query: Query<Uint8Array | undefined> = Kv.get(one.key)
          const answer = await KvExecutor.query?.(query, node.state.view('kv'))
          expect(answer && text(await outputOf(query, answer))).toBe(model.get(one.key))
        }
      }),
      { numRuns: 40 },
    )
  })

  it('fails on payloads that are none, and on keys that are too long', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [KvExecutor])
    const payloads = [
      bytesOf(''),
      bytesOf('xxxxx'),
      Uint8Array.of(0, 0, 0, 9, 1),
      Uint8Array.of(255, 255, 255, 255),
    ]
    const requests = payloads.map((payload, i) => request(i, 'kv/write', payload))
    const long = Kv.write({ key: 'k'.repeat(513), value: bytesOf('') })
    const { outcomes } = await node.apply(
      executionOf(1, [...requests, request(9, long.name, long.payload)]),
    )
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(5).fill('failed'))
  })
})

describe('NoopExecutor', () => {
  it('takes anything', async () => {
    const node = await LaneUnderTest.open(new MemoryStore(), [NoopExecutor])
    const noop = Noop(bytesOf('anything'))
    const [outcome] = (await node.apply(executionOf(1, [request(1, noop.name, noop.payload)])))
      .outcomes
    expect(outcome && resultOf(noop, outcome)).toEqual({ ok: true, value: undefined })
  })
})
