import {
  type Executor,
  type Transaction,
  defineExecutor,
  defineQuery,
  defineTransaction,
  bigintCodec,
  on,
  answer,
  ok,
} from 'synevi'
import { describe, expect, test } from 'vitest'
import { type ClientStep, simulate } from './simulate.ts'
import type { Prng } from './prng.ts'

const Add = defineTransaction('count/add', { input: bigintCodec, ok: bigintCodec })
const Sum = defineQuery('count/sum', { input: bigintCodec, output: bigintCodec })

/** Adds up. `noise` is added to each result: 0, or the executor is not deterministic. */
function counter(noise: () => bigint): Executor {
  return defineExecutor('count', {
    transactions: [
      on(Add, (by, context) => {
        const table = context.table('sum', bigintCodec)
        const sum = (table.get('sum') ?? 0n) + by
        table.put('sum', sum)
        return ok(sum + noise())
      }),
    ],
    queries: [answer(Sum, (_, view) => view.table('sum', bigintCodec).get('sum') ?? 0n)],
  })
}

const submit = (transaction: Transaction<bigint, never>): ClientStep => ({
  kind: 'submit',
  transaction,
})

function steps(random: Prng): ClientStep {
  if (random.chance(0.2)) return { kind: 'read', query: Sum(0n) }
  return submit(Add(BigInt(random.between(1, 9))))
}

describe("simulate, for a user's executor", () => {
  test('judges an honest one, hands out its log, and repeats itself exactly', async () => {
    const run = (): ReturnType<typeof simulate> =>
      simulate({
        nodes: 3,
        executors: () => [counter(() => 0n)],
        workload: steps,
        seed: 11n,
        requests: 60,
      })
    const report = await run()
    expect(report.violations).toEqual([])
    expect(report.log.filter(({ name }) => name === 'count/add').length).toBeGreaterThan(10)
    expect((await run()).traceHash).toBe(report.traceHash)
  })

  test('finds out an executor whose results depend on the node', async () => {
    const report = await simulate({
      nodes: 3,
      executors: (node) => [counter(() => BigInt(node))],
      workload: steps,
      seed: 12n,
      requests: 60,
      faults: false,
    })
    expect(report.violations[0]?.name).toBe('outcome chain differs')
  })

  test("makes a violation of what the caller's check throws", async () => {
    const report = await simulate({
      nodes: 1,
      executors: () => [counter(() => 0n)],
      workload: steps,
      seed: 13n,
      requests: 30,
      faults: false,
      check: ({ log, history }) => {
        expect(log.length).toBeGreaterThan(0)
        expect(history.length).toBeGreaterThan(0)
        throw new Error('the sum is odd')
      },
    })
    expect(report.violations.map(({ checker, why }) => [checker, why])).toEqual([
      ['check', 'the sum is odd'],
    ])
  })
})
