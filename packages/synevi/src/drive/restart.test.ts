/**
 * Whatever is lost with a process, and however its executions were batched on disk: the same bytes
 * in the end.
 */

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Execution } from '@synevi/accord'
import type { Executor } from '../contract/executor.ts'
import { bigintCodec, stringCodec } from '../define/plain-codecs.ts'
import { NodeState } from '../state/node-state.ts'
import { MemoryStore } from '../store/memory-store.ts'
import {
  LaneUnderTest,
  SETTINGS,
  bytesOf,
  contents,
  executionOf,
  request,
  stateOptions,
  textOf,
} from '../test/lane-under-test.ts'

/** Reads, writes, scans, deletes, draws, refuses and throws, as its payload says. */
const mixed: Executor = {
  name: 'mixed',
  version: 1,
  handles: ['mixed/run'],
  execute: ({ payload }, context) => {
    const text = textOf(payload)
    const table = context.table('t', stringCodec)
    const sums = context.table('sums', bigintCodec)
    sums.put('all', (sums.get('all') ?? 0n) + context.position)
    table.put(text.slice(0, 1), context.uuid())
    if (text.startsWith('d')) for (const [key] of table.scan()) if (key !== 'd') table.delete(key)
    if (text.startsWith('e')) throw new Error(`refused at ${context.position}`)
    const seen = [...table.scan()].map(([key]) => key).join('')
    context.put(bytesOf(`raw${seen}`), payload)
    return {
      ok: !text.startsWith('f'),
      value: bytesOf(`${seen} ${sums.get('all')} ${context.random.u32()}`),
    }
  },
}

const batches = fc.array(
  fc.array(fc.tuple(fc.nat(15), fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')), {
    minLength: 1,
    maxLength: 5,
  }),
  { minLength: 1, maxLength: 12 },
)

function executionsOf(
  ids: readonly (readonly (readonly [number, string])[])[],
): readonly Execution[] {
  return ids.map((batch, i) =>
    executionOf(
      i + 1,
      // The same id has mostly the same payload.
      batch.map(([id, text]) => request(id, 'mixed/run', id % 3 === 0 ? `${text}!` : `a${id}`)),
    ),
  )
}

/** After which executions a node stores (and how many at once), and where its process ends. */
const fates = fc.array(fc.constantFrom('go on', 'store', 'store one', 'crash'), {
  minLength: 12,
  maxLength: 12,
})

/** Executes everything, with these fates; what was lost is executed again, as the core does. */
async function live(
  executions: readonly Execution[],
  fate: readonly string[],
  dedupMax: number,
): Promise<{ store: MemoryStore; outcomes: ReadonlyMap<bigint, unknown> }> {
  const store = new MemoryStore()
  const outcomes = new Map<bigint, unknown>()
  const settings = { ...SETTINGS, dedupMax }
  let node = await LaneUnderTest.open(store, [mixed], settings)
  let crashesLeft = 5
  for (let i = 0; i < executions.length; i++) {
    const execution = executions[i]
    if (execution === undefined) break
    const executed = node.run(execution)
    // Executed before or not: the same outcome.
    const before = outcomes.get(execution.id)
    if (before !== undefined) expect(isDeepStrictEqual(executed, before)).toBe(true)
    outcomes.set(execution.id, executed)
    const next = fate[i % fate.length]
    if (next === 'store') await node.flush()
    if (next === 'store one') await node.flush(1)
    if (next === 'crash' && crashesLeft-- > 0) {
      node = await LaneUnderTest.open(store, [mixed], settings)
      const { executeAt } = node.state.applied.watermark
      i = executions.findIndex((one) => one.executeAt === executeAt)
    }
  }
  await node.flush()
  return { store, outcomes }
}

/** Everything but how many writes it took. */
function essence(store: MemoryStore): ReadonlyMap<string, string> {
  return new Map([...contents(store)].filter(([key]) => key !== '0105'))
}

describe('two nodes', () => {
  it('that store at different times and crash at other places hold the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        batches,
        fates,
        fates,
        fc.integer({ min: 1, max: 20 }),
        async (ids, a, b, dedupMax) => {
          const executions = executionsOf(ids)
          const one = await live(executions, a, dedupMax)
          const other = await live(executions, b, dedupMax)
          expect(isDeepStrictEqual(other.outcomes, one.outcomes)).toBe(true)
          expect(isDeepStrictEqual(essence(other.store), essence(one.store))).toBe(true)
          const state = await NodeState.open(one.store, stateOptions())
          expect(state.verify()).toMatchObject({ ok: true, to: state.applied.watermark.position })
          expect(state.stateDigest()).toBe(
            (await NodeState.open(other.store, stateOptions())).stateDigest(),
          )
        },
      ),
      { numRuns: 80 },
    )
  })
})

describe('the state digest', () => {
  it('differs when one key or one value differs, and not with what is no state', async () => {
    const digestOf = async (...texts: readonly string[]): Promise<string> => {
      const node = await LaneUnderTest.open(new MemoryStore(), [mixed])
      await node.apply(
        executionOf(
          1,
          texts.map((text, i) => request(i, 'mixed/run', text)),
        ),
      )
      return node.state.stateDigest()
    }
    const digests = [
      await digestOf('a1'),
      await digestOf('a2'),
      await digestOf('b1'),
      await digestOf(),
    ]
    expect(new Set(digests).size).toBe(4)
    expect(await digestOf('a1')).toBe(digests[0])
  })
})
