/**
 * Each answer of the core reaches the callers of its submission, with the outcomes of its
 * transaction.
 */

import { expect, test } from 'vitest'
import { InvariantError, millis, timestamp, type SubmissionId } from '@synevi/accord'
import { Batcher } from '../batcher.ts'
import { ChainHasher } from '../chain/hash-chain.ts'
import { parseNodeOptions } from '../parse-node-options.ts'
import { LocalNetwork } from '../network/local-network.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Remembered } from '../state/request-memory.ts'
import { counter, failureOf } from '../test/local-cluster.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import type { RequestOutcome } from './outcome.ts'
import { OwnTransactions } from './own-transactions.ts'

const ID = timestamp(1n << 64n)

function makeWorld() {
  const clock = new VirtualClock()
  const { limits, batch } = parseNodeOptions({
    self: { id: 'a' },
    network: new LocalNetwork(),
    executors: [counter],
  })
  const submitted: SubmissionId[] = []
  const memory = new Map<number, Remembered>()
  const batcher = new Batcher({
    ...{ clock, limits, batch, random: new SeededRandom(1n), suspicion: () => undefined },
    submit: (submission) => submitted.push(submission),
  })
  const own = new OwnTransactions({ batcher, remembered: (id) => memory.get(id[0] ?? 0) })
  const add = (i: number): Promise<RequestOutcome> => {
    const request = { id: new Uint8Array(16).fill(i), name: 'a/b', payload: new Uint8Array(1) }
    return batcher.add(request, { deadline: millis(1_000), signal: undefined })
  }
  const last = (): SubmissionId => {
    const submission = submitted.at(-1)
    if (submission === undefined) throw new Error('nothing was submitted')
    return submission
  }
  return { clock, batcher, own, add, last, submitted, memory }
}

/** As request memory keeps it, of the request that `add` makes. */
function digestOf(i: number): string {
  const id = new Uint8Array(16).fill(i)
  const hasher = new ChainHasher()
  return hasher.request({ id, name: 'a/b', payload: new Uint8Array(1) }).slice(0, 16)
}

const outcome = (i: number): RequestOutcome => ({
  ...{ id: new Uint8Array(16).fill(i), kind: 'applied', ok: true, value: Uint8Array.of(i) },
  ...{ duplicate: false, position: BigInt(i), time: 0n, txnId: ID },
})

test('settled: the outcomes of its execution', async () => {
  const { clock, own, add, last } = makeWorld()
  const answers = [add(1), add(2)]
  await clock.settle()
  own.began(ID, last())
  own.executed(ID, [outcome(1), outcome(2)])
  own.answer({ kind: 'settled', submission: last(), id: ID, executeAt: ID })
  expect((await Promise.all(answers)).map(({ position }) => position)).toEqual([1n, 2n])
})

test('settled without an execution here is a broken invariant', async () => {
  const { clock, own, add, last } = makeWorld()
  void add(1).catch(() => undefined)
  await clock.settle()
  own.executed(ID, [outcome(1)])
  own.began(ID, last())
  expect(() => own.answer({ kind: 'settled', submission: last(), id: ID, executeAt: ID })).toThrow(
    InvariantError,
  )
})

test('invalidated: submitted again; refused: told', async () => {
  const { clock, own, add, last, submitted } = makeWorld()
  const answer = failureOf(add(1))
  await clock.settle()
  own.began(ID, last())
  own.answer({ kind: 'invalidated', submission: last(), id: ID })
  await clock.advance(50)
  expect(submitted.length).toBe(2)
  own.answer({ kind: 'refused', submission: last(), reason: 'notReady' })
  expect(await answer).toMatchObject({ code: 'NOT_READY', definite: true })
})

test('covered: from the request memory, else unknown, never a guess', async () => {
  const { clock, own, add, last, memory } = makeWorld()
  const known = add(1)
  const unknown = failureOf(add(2))
  const tooLarge = add(3)
  await clock.settle()
  const first = {
    position: 9n,
    time: 5n,
    txnId: ID,
    kind: 'applied',
    ok: false,
  } as const
  memory.set(1, { ...first, digest: digestOf(1), value: Uint8Array.of(7) })
  memory.set(3, { ...first, digest: digestOf(3), value: undefined })
  own.began(ID, last())
  own.answer({ kind: 'covered', submission: last(), id: ID })
  expect(await known).toMatchObject({
    kind: 'applied',
    ok: false,
    value: Uint8Array.of(7),
    position: 9n,
    time: 5n,
  })
  expect(await tooLarge).toMatchObject({ kind: 'forgotten', position: 9n })
  expect(await unknown).toMatchObject({ code: 'TIMEOUT', definite: false })
})

test('covered: what an id was first used for is not the outcome of another request', async () => {
  const { clock, own, add, last, memory } = makeWorld()
  const [other, retry] = [add(1), add(2)]
  await clock.settle()
  const first = { position: 9n, time: 5n, txnId: timestamp(2n << 64n), ok: true }
  const remembered = { ...first, kind: 'applied', value: Uint8Array.of(7) } as const
  memory.set(1, { ...remembered, digest: digestOf(3) })
  memory.set(2, { ...remembered, digest: digestOf(2) })
  own.began(ID, last())
  own.answer({ kind: 'covered', submission: last(), id: ID })
  expect(await other).toMatchObject({ kind: 'reused', ok: false, value: new Uint8Array(0) })
  expect(await retry).toMatchObject({ kind: 'applied', duplicate: true, position: 9n })
})
