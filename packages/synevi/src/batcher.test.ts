/** The batcher against a model of a queue, with time that moves only when told. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { millis, timestamp, type Bytes, type SubmissionId } from '@synevi/accord'
import { Batcher, type BatcherParts } from './batcher.ts'
import type { RequestOutcome } from './drive/outcome.ts'
import { decodeBatch, type Request } from './request.ts'
import { SeededRandom } from './seeded-random.ts'
import { isSyneviError, type SyneviError } from './synevi-error.ts'
import { failureOf, raise } from './test/local-cluster.ts'
import { VirtualClock } from './test/virtual-clock.ts'

interface Submitted {
  readonly submission: SubmissionId
  readonly requests: readonly Request[]
}

const LIMITS: BatcherParts['limits'] = {
  ...{
    payloadMaxBytes: 1_000,
    resultMaxBytes: 100,
    transactionsInFlightMax: 20,
    queuedMax: 30,
    queuedMaxBytes: 100_000,
  },
  ...{
    clockDriftMaxMs: 1_000,
    frameMaxBytes: 1 << 24,
    messagesMax: 4_096,
    snapshotLeadMin: 1,
    floorRecords: 4_096,
    snapshotTail: 1,
  },
}
const BATCH: BatcherParts['batch'] = {
  requestsMax: 8,
  bytesMax: 2_000,
  lingerMs: 0,
  undecidedMax: 2,
}

function make(
  limits: Partial<BatcherParts['limits']> = {},
  batch: Partial<BatcherParts['batch']> = {},
) {
  const clock = new VirtualClock()
  const submitted: Submitted[] = []
  const batcher = new Batcher({
    clock,
    random: new SeededRandom(7n),
    limits: { ...LIMITS, ...limits },
    batch: { ...BATCH, ...batch },
    submit: (submission, payload) =>
      submitted.push({ submission, requests: decodeBatch(payload) ?? [] }),
    suspicion: () => undefined,
  })
  let next = 0
  const add = (bytes = 1, timeoutMs = 1_000, signal?: AbortSignal): Promise<RequestOutcome> => {
    const deadline = millis(clock.now().elapsed + timeoutMs)
    return batcher.add(request(next++, bytes), { deadline, signal })
  }
  const settle = (i: number): void => {
    const { submission, requests } = submitted[i] ?? raise(`no batch ${i}`)
    batcher.settle(submission, requests.map(outcomeOf))
  }
  return { clock, batcher, submitted, add, settle }
}

function request(i: number, bytes: number): Request {
  const id = new Uint8Array(16)
  new DataView(id.buffer).setUint32(0, i)
  return { id, name: 'a/b', payload: new Uint8Array(bytes) }
}

function outcomeOf({ id }: Request): RequestOutcome {
  const position = BigInt(new DataView(id.buffer, id.byteOffset).getUint32(0))
  return {
    id,
    kind: 'applied',
    ok: true,
    value: id,
    duplicate: false,
    position,
    time: 0n,
    txnId: timestamp(0n),
  }
}

function numberOf(id: Bytes): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(0)
}

describe('closing a batch', () => {
  test('requests of one turn share a transaction, in order', async () => {
    const { clock, submitted, add, settle } = make()
    const answers = [add(), add(), add()]
    expect(submitted.length).toBe(0)
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.map(({ id }) => numberOf(id)))).toEqual([
      [0, 1, 2],
    ])
    settle(0)
    expect((await Promise.all(answers)).map(({ position }) => position)).toEqual([0n, 1n, 2n])
  })

  test('at undecidedMax it stays open until one is decided, if not yet answered', async () => {
    const { clock, batcher, submitted, add } = make()
    for (let i = 0; i < 4; i++) {
      void add()
      await clock.settle()
    }
    expect(submitted.map(({ requests }) => requests.length)).toEqual([1, 1])
    batcher.decided(submitted[0]?.submission ?? raise('none'))
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([1, 1, 2])
  })

  test('a decided batch frees its place once, not again when it is answered', async () => {
    const { clock, batcher, submitted, add, settle } = make({}, { undecidedMax: 1 })
    void add()
    await clock.settle()
    batcher.decided(submitted[0]?.submission ?? raise('none'))
    batcher.decided(submitted[0]?.submission ?? raise('none'))
    void add()
    await clock.settle()
    settle(0)
    void add()
    await clock.settle()
    expect(submitted.length).toBe(2)
    settle(1)
    await clock.settle()
    expect(submitted.length).toBe(3)
  })

  test('a full batch closes in spite of undecided ones', async () => {
    const { clock, submitted, add } = make()
    for (let i = 0; i < 2; i++) {
      void add()
      await clock.settle()
    }
    for (let i = 0; i < 8; i++) void add()
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([1, 1, 8])
  })

  test('bytesMax bounds a batch; one larger request is a batch of its own', async () => {
    const { clock, submitted, add } = make({ payloadMaxBytes: 5_000 }, { undecidedMax: 8 })
    for (const bytes of [900, 900, 900, 4_000, 10]) void add(bytes)
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([2, 1, 1, 1])
  })

  test('lingerMs holds a batch open for others, and fullness ends it', async () => {
    const { clock, submitted, add } = make({}, { lingerMs: 5 })
    void add()
    await clock.advance(4)
    void add()
    expect(submitted.length).toBe(0)
    await clock.advance(1)
    expect(submitted.map(({ requests }) => requests.length)).toEqual([2])
    for (let i = 0; i < 8; i++) void add()
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([2, 8])
  })

  test('never more than transactionsInFlightMax requests in unanswered transactions', async () => {
    const { clock, submitted, add, settle, batcher } = make({}, { undecidedMax: 64 })
    for (let i = 0; i < 30; i++) void add()
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([8, 8, 4])
    expect(batcher.counts()).toEqual({ inFlight: 20, queued: 10 })
    settle(2)
    await clock.settle()
    expect(submitted.map(({ requests }) => requests.length)).toEqual([8, 8, 4, 4])
  })
})

describe('turning away', () => {
  test('above queuedMax: OVERLOADED, definite, retryable', async () => {
    const { clock, add } = make({ queuedMax: 3 }, { undecidedMax: 1 })
    void add()
    await clock.settle()
    for (let i = 0; i < 3; i++) void add()
    expect(await failureOf(add())).toMatchObject({
      code: 'OVERLOADED',
      definite: true,
      retryable: true,
    })
  })

  test('above queuedMaxBytes: OVERLOADED', async () => {
    const { add } = make({ queuedMaxBytes: 1_500 })
    void add(900)
    expect(await failureOf(add(900))).toMatchObject({ code: 'OVERLOADED', definite: true })
  })

  test('above payloadMaxBytes: PAYLOAD_TOO_LARGE', async () => {
    const { add } = make()
    expect(await failureOf(add(1_001))).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      definite: true,
      retryable: false,
    })
  })

  test('a barrier is taken in though the queue is full', async () => {
    const { clock, batcher, submitted, add } = make({ queuedMax: 0 }, { undecidedMax: 1 })
    void add()
    await clock.settle()
    expect(await failureOf(add())).toMatchObject({ code: 'OVERLOADED' })
    const barrier = { ...request(99, 0), name: 'synevi/barrier' }
    const answer = batcher.add(barrier, { deadline: millis(500), signal: undefined })
    batcher.settle(submitted[0]?.submission ?? raise('none'), [outcomeOf(request(0, 1))])
    await clock.settle()
    batcher.settle(submitted[1]?.submission ?? raise('none'), [outcomeOf(barrier)])
    expect((await answer).position).toBe(99n)
  })
})

describe('giving up', () => {
  test('a deadline is definite while queued and frees the place, not afterwards', async () => {
    const { clock, submitted, add, settle, batcher } = make({}, { undecidedMax: 1 })
    const flying = add(1, 100)
    await clock.settle()
    const queued = add(1, 100)
    const failures = Promise.all([failureOf(flying), failureOf(queued)])
    await clock.advance(100)
    expect((await failures).map(({ code, definite }) => [code, definite])).toEqual([
      ['TIMEOUT', false],
      ['TIMEOUT', true],
    ])
    expect(batcher.counts()).toEqual({ inFlight: 1, queued: 0 })
    settle(0)
    await clock.settle()
    expect(submitted.length).toBe(1)
  })

  test('an abort is definite while queued, not afterwards', async () => {
    const { clock, add } = make({}, { undecidedMax: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const flying = failureOf(add(1, 1_000, first.signal))
    await clock.settle()
    const queued = failureOf(add(1, 1_000, second.signal))
    first.abort()
    second.abort()
    expect(await flying).toMatchObject({ code: 'CANCELLED', definite: false })
    expect(await queued).toMatchObject({ code: 'CANCELLED', definite: true })
    expect(await failureOf(add(1, 1_000, first.signal))).toMatchObject({
      code: 'CANCELLED',
      definite: true,
    })
  })
})

describe('what the core answers', () => {
  test('an invalidated batch comes again, before later ones', async () => {
    const { clock, batcher, submitted, add } = make({}, { undecidedMax: 1 })
    const gone = failureOf(add(1, 50))
    const stays = add()
    await clock.settle()
    void add()
    await clock.advance(50)
    await gone
    batcher.invalidated(submitted[0]?.submission ?? raise('none'))
    await clock.settle()
    expect(submitted[1]?.requests.map(({ id }) => numberOf(id))).toEqual([2])
    void add()
    await clock.advance(50)
    batcher.decided(submitted[1]?.submission ?? raise('none'))
    await clock.settle()
    expect(submitted[2]?.requests.map(({ id }) => numberOf(id))).toEqual([1, 3])
    batcher.settle(
      submitted[2]?.submission ?? raise('none'),
      (submitted[2]?.requests ?? []).map(outcomeOf),
    )
    expect((await stays).position).toBe(1n)
  })

  test('invalidated again and again until the deadline: INVALIDATED, definite', async () => {
    const { clock, batcher, submitted, add } = make()
    const failure = failureOf(add(1, 500))
    for (let i = 0; i < 100; i++) {
      await clock.advance(10)
      const last = submitted.at(-1)
      if (last !== undefined) batcher.invalidated(last.submission)
    }
    expect(await failure).toMatchObject({ code: 'INVALIDATED', definite: true, retryable: true })
    expect(submitted.length).toBeGreaterThan(3)
    expect(submitted.length).toBeLessThan(10)
  })

  test('busy: again after a while; notReady: NOT_READY, definite', async () => {
    const { clock, batcher, submitted, add, settle } = make()
    const answer = add()
    await clock.settle()
    batcher.refused(submitted[0]?.submission ?? raise('none'), 'busy')
    await clock.advance(50)
    settle(1)
    expect((await answer).position).toBe(0n)
    const failure = failureOf(add())
    await clock.settle()
    batcher.refused(submitted[2]?.submission ?? raise('none'), 'notReady')
    expect(await failure).toMatchObject({ code: 'NOT_READY', definite: true })
  })

  test('outcomes fewer than requests are a broken invariant', async () => {
    const { clock, batcher, submitted, add } = make()
    void add().catch(() => undefined)
    await clock.settle()
    expect(() => batcher.settle(submitted[0]?.submission ?? raise('none'), [])).toThrow(
      'one outcome for each request',
    )
  })

  test('idle resolves when nothing waits, flies or backs off', async () => {
    const { clock, batcher, submitted, add } = make()
    const answer = failureOf(add(1, 40))
    await clock.settle()
    let isIdle = false
    void batcher.idle().then(() => (isIdle = true))
    batcher.invalidated(submitted[0]?.submission ?? raise('none'))
    await clock.advance(5)
    expect(isIdle).toBe(false)
    await clock.advance(1_000)
    await answer
    // The second attempt was in flight when its caller gave up.
    expect(isIdle).toBe(false)
    batcher.settle(submitted[1]?.submission ?? raise('none'), [outcomeOf(request(0, 1))])
    await clock.settle()
    expect(isIdle).toBe(true)
  })
})

type Action =
  | { readonly kind: 'add'; readonly timeoutMs: number; readonly bytes: number }
  | { readonly kind: 'settle' | 'invalidate' | 'busy' | 'decide'; readonly pick: number }
  | { readonly kind: 'advance'; readonly ms: number }

const ACTION: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      timeoutMs: fc.integer({ min: 1, max: 300 }),
      bytes: fc.integer({ min: 0, max: 900 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'settle' as const,
        'invalidate' as const,
        'busy' as const,
        'decide' as const,
      ),
      pick: fc.nat(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.integer({ min: 0, max: 60 }),
    }),
  },
)

test('any history: each caller gets one answer, its own; definite ones never settled', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ACTION, { maxLength: 80 }), async (actions) => {
      const { clock, batcher, submitted, add } = make()
      const answers: (number | SyneviError | undefined)[] = []
      const settled = new Set<number>()
      const open = new Map<SubmissionId, Submitted>()
      let seen = 0
      for (const action of [...actions, { kind: 'advance', ms: 1_000 } as const]) {
        if (action.kind === 'add') {
          const i = answers.push(undefined) - 1
          const record = (value: number | SyneviError): void => {
            expect(answers[i]).toBe(undefined)
            answers[i] = value
          }
          add(action.bytes, action.timeoutMs).then(
            (outcome) => record(numberOf(outcome.value)),
            (error: unknown) => record(isSyneviError(error) ? error : raise('a stranger')),
          )
        } else if (action.kind === 'advance') {
          await clock.advance(action.ms)
        } else {
          const batch = [...open.values()][action.pick % Math.max(1, open.size)]
          if (batch === undefined) continue
          if (action.kind === 'decide') {
            batcher.decided(batch.submission)
            continue
          }
          open.delete(batch.submission)
          if (action.kind === 'invalidate') batcher.invalidated(batch.submission)
          else if (action.kind === 'busy') batcher.refused(batch.submission, 'busy')
          else {
            for (const { id } of batch.requests) settled.add(numberOf(id))
            batcher.settle(batch.submission, batch.requests.map(outcomeOf))
          }
        }
        for (; seen < submitted.length; seen++) {
          const batch = submitted[seen] ?? raise('none')
          open.set(batch.submission, batch)
          expect(batch.requests.length).toBeGreaterThan(0)
          expect(batch.requests.length).toBeLessThanOrEqual(BATCH.requestsMax)
        }
        const flying = [...open.values()].reduce((sum, { requests }) => sum + requests.length, 0)
        expect(batcher.counts().inFlight).toBe(flying)
        expect(flying).toBeLessThanOrEqual(LIMITS.transactionsInFlightMax)
      }
      for (const [i, answer] of answers.entries()) {
        if (typeof answer === 'number') {
          expect(answer).toBe(i)
          expect(settled.has(i)).toBe(true)
        } else {
          expect(answer).not.toBe(undefined)
          if (answer?.definite === true) expect(settled.has(i)).toBe(false)
        }
      }
    }),
    { numRuns: 60 },
  )
})
