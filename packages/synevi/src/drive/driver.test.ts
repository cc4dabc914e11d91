/**
 * The driver against a replica that asks for exactly what a test says: what is done when, in which
 * order.
 */

import { describe, expect, test } from 'vitest'
import {
  InvariantError,
  NO_DEPS,
  TIMESTAMP_ZERO,
  emptyRecord,
  keysOf,
  millis,
  nodeSerial,
  timestamp,
  type Answer,
  type Envelope,
  type Execution,
  type Input,
  type Millis,
  type Notice,
  type Ready,
  type ReadyId,
  type Replica,
  type SubmissionId,
  type Write,
} from '@synevi/accord'
import { VirtualClock } from '../test/virtual-clock.ts'
import { Driver, WriteFailure } from './driver.ts'
import type { LaneResult } from './execution-lane.ts'

const ID = timestamp(1n << 64n)
const WATERMARK = {
  position: 1n,
  executeAt: ID,
  txnHash: new Uint8Array(32),
  execHash: new Uint8Array(32),
}

class FakeReplica implements Replica {
  readonly queue: Ready[] = []
  readonly log: string[]
  onStep: (input: Input) => void = () => undefined
  wakeAt: Millis | undefined
  #next = 0

  constructor(log: string[]) {
    this.log = log
  }

  push(parts: Partial<Ready>): void {
    const empty = {
      send: [],
      writes: [],
      sendAfterStore: [],
      execute: [],
      answers: [],
      reads: [],
      notices: [],
    }
    // The tests' only place that gives the brand.
    this.queue.push({ ...empty, ...parts, id: this.#next++ as ReadyId })
  }

  step(input: Input): void {
    this.log.push(nameOf(input))
    this.onStep(input)
  }

  drain(): Ready | undefined {
    return this.queue.shift()
  }

  deadline(): Millis | undefined {
    return this.wakeAt
  }

  status(): never {
    throw new Error('not asked')
  }

  image(): unknown {
    return undefined
  }
}

function nameOf(input: Input): string {
  switch (input.kind) {
    case 'stored':
      return `step stored ${input.ready}`
    case 'executed':
    case 'executionBlocked':
      return `step ${input.kind} ${input.id - ID}`
    default:
      return `step ${input.kind}`
  }
}

interface World {
  readonly clock: VirtualClock
  readonly log: string[]
  readonly replica: FakeReplica
  readonly driver: Driver
  readonly failures: unknown[]
  /** Lets the oldest write under way resolve, or fail. */
  readonly endWrite: (error?: Error) => Promise<void>
  run: (execution: Execution) => LaneResult | Promise<LaneResult>
}

function makeWorld(): World {
  const clock = new VirtualClock()
  const log: string[] = []
  const replica = new FakeReplica(log)
  const failures: unknown[] = []
  const writes: { resolve: () => void; reject: (error: Error) => void }[] = []
  const world: World = {
    ...{ clock, log, replica, failures },
    run: (execution) => executed(execution),
    endWrite: async (error) => {
      const write = writes.shift()
      if (write === undefined) throw new Error('no write under way')
      log.push(error === undefined ? 'durable' : 'write failed')
      if (error === undefined) write.resolve()
      else write.reject(error)
      await clock.settle()
    },
    driver: new Driver({
      ...{ replica, clock },
      post: (envelopes) => log.push(...envelopes.map(({ message }) => `post ${message.kind}`)),
      encode: (list) => list.map((write) => ({ key: Buffer.from(write.kind), value: undefined })),
      write: (batch) => {
        log.push(`write ${batch.map(({ key }) => Buffer.from(key).toString()).join(' ')}`)
        return new Promise((resolve, reject) => writes.push({ resolve, reject }))
      },
      run: (execution) => {
        log.push(`run ${execution.id - ID}`)
        return world.run(execution)
      },
      answer: (answer) => log.push(`answer ${answer.kind}`),
      read: (answer) => log.push(`read ${answer.kind}`),
      notice: (notice) => {
        log.push(`notice ${notice.kind}`)
        if (notice.kind === 'fatal') void world.driver.close()
      },
      stored: (list) => log.push(`stored ${list.map(({ kind }) => kind).join(' ')}`),
      failed: (error) => failures.push(error),
    }),
  }
  return world
}

function executed(execution: Execution): LaneResult {
  return {
    kind: 'executed',
    executed: {
      result: { watermark: { ...WATERMARK, executeAt: execution.id }, mutations: [] },
      outcomes: [],
    },
  }
}

const to = nodeSerial(1)
const QUERY: Envelope = { to, message: { kind: 'query', ids: [ID], wantTxn: false } }
const STABLE: Envelope = {
  to,
  message: {
    kind: 'stable',
    id: ID,
    keys: keysOf(['a']),
    executeAt: ID,
    deps: NO_DEPS,
    digest: new Uint8Array(),
    txn: undefined,
  },
}
const RECORD: Write = { kind: 'record', record: emptyRecord(ID), txnIsNew: false }
const ADMITTED: Write = { kind: 'admitted' }
// The tests' only place that gives the brand.
const SETTLED: Answer = { kind: 'settled', submission: 1 as SubmissionId, id: ID, executeAt: ID }

function execution(i: number): Execution {
  const id = timestamp(ID + (BigInt(i) << 16n))
  return { id, executeAt: id, txn: { kind: 'barrier', closedBefore: TIMESTAMP_ZERO } }
}
const order = (i: number): string => String(BigInt(i) << 16n)

describe('one Ready', () => {
  test('what asks leaves at once, what states when the write is durable, then stored', async () => {
    const { clock, replica, driver, log, endWrite } = makeWorld()
    const notice: Notice = { kind: 'admitted' }
    replica.push({
      send: [QUERY],
      writes: [RECORD, ADMITTED],
      sendAfterStore: [STABLE],
      answers: [SETTLED],
      notices: [notice],
    })
    driver.feed({ kind: 'wake' })
    await clock.advance(1_000)
    expect(log).toEqual([
      'step wake',
      'notice admitted',
      'post query',
      'answer settled',
      'write record admitted',
    ])
    log.length = 0
    await endWrite()
    expect(log).toEqual(['durable', 'stored record admitted', 'post stable', 'step stored 0'])
  })

  test('without writes everything leaves at once, and stored is said all the same', async () => {
    const { clock, replica, driver, log } = makeWorld()
    replica.push({ send: [QUERY], sendAfterStore: [STABLE] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(log).toEqual(['step wake', 'post query', 'post stable', 'step stored 0'])
  })

  test('an execution runs beside the write; its own write is in the next Ready', async () => {
    const { clock, replica, driver, log, endWrite } = makeWorld()
    replica.onStep = (input) => {
      if (input.kind === 'executed') replica.push({ writes: [ADMITTED] })
    }
    replica.push({ writes: [RECORD], execute: [execution(0)] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(log).toEqual(['step wake', 'write record', 'run 0', 'step executed 0'])
    await endWrite()
    expect(log.slice(4)).toEqual(['durable', 'stored record', 'step stored 0', 'write admitted'])
  })
})

describe('one after another', () => {
  test('no Ready is drained while a write is under way; inputs are stepped', async () => {
    const { clock, replica, driver, log, endWrite } = makeWorld()
    replica.push({ writes: [RECORD] })
    driver.feed({ kind: 'wake' })
    replica.push({ send: [QUERY], writes: [ADMITTED] })
    driver.feed({ kind: 'link', peer: to, up: true })
    await clock.advance(5_000)
    expect(log).toEqual(['step wake', 'write record', 'step link'])
    await endWrite()
    expect(log.slice(3)).toEqual([
      'durable',
      'stored record',
      'step stored 0',
      'post query',
      'write admitted',
    ])
  })

  test('executions run one at a time, in order, and a slow one delays no vote', async () => {
    const world = makeWorld()
    const { clock, replica, driver, log } = world
    const ends: (() => void)[] = []
    world.run = (one) => new Promise((resolve) => ends.push(() => resolve(executed(one))))
    replica.push({ execute: [execution(0), execution(1)] })
    driver.feed({ kind: 'wake' })
    replica.push({ execute: [execution(2)] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    replica.push({ send: [STABLE] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(log.filter((line) => line.startsWith('run'))).toEqual(['run 0'])
    expect(log).toContain('post stable')
    for (let i = 0; i < 3; i++) {
      ends[i]?.()
      await clock.settle()
    }
    expect(log.filter((line) => line.includes('run') || line.includes('executed'))).toEqual(
      [0, 1, 2].flatMap((i) => [`run ${order(i)}`, `step executed ${order(i)}`]),
    )
  })

  test('behind a blocked execution none runs', async () => {
    const world = makeWorld()
    const { clock, replica, driver, log } = world
    world.run = (one) => (one.id === ID ? { kind: 'blocked', why: 'unknown name' } : executed(one))
    replica.push({ execute: [execution(0), execution(1)] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    replica.push({ execute: [execution(2)] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(log.filter((line) => line.includes('run') || line.includes('exec'))).toEqual([
      'run 0',
      'step executionBlocked 0',
    ])
  })
})

describe('the alarm', () => {
  test('rings at the deadline, is set after each step, and steps nothing too early', async () => {
    const { clock, replica, driver, log } = makeWorld()
    replica.wakeAt = millis(100)
    driver.start()
    await clock.advance(99)
    expect(log).toEqual(['step wake'])
    replica.wakeAt = millis(150)
    await clock.advance(50)
    expect(log).toEqual(['step wake'])
    replica.onStep = () => (replica.wakeAt = clock.now().elapsed < 180 ? millis(180) : undefined)
    await clock.advance(1)
    expect(log).toEqual(['step wake', 'step wake'])
    await clock.advance(29)
    expect(log.length).toBe(2)
    await clock.advance(1)
    expect(log.slice(2)).toEqual(['step wake'])
    await clock.advance(1_000)
    expect(log.length).toBe(3)
    expect(clock.alarmCount).toBe(0)
  })

  test('an input that brings the deadline forward brings the alarm forward', async () => {
    const { clock, replica, driver, log } = makeWorld()
    replica.wakeAt = millis(100)
    driver.start()
    replica.onStep = (input) => (replica.wakeAt = input.kind === 'link' ? millis(20) : undefined)
    driver.feed({ kind: 'link', peer: to, up: false })
    await clock.advance(20)
    expect(log).toEqual(['step wake', 'step link', 'step wake'])
    expect(clock.alarmCount).toBe(0)
  })
})

describe('failing', () => {
  test('a failed write: nothing of it is said, nothing is stepped again, one report', async () => {
    const { clock, replica, driver, log, failures, endWrite } = makeWorld()
    replica.wakeAt = millis(10)
    replica.push({ writes: [RECORD], sendAfterStore: [STABLE] })
    driver.feed({ kind: 'wake' })
    const cause = new Error('EIO')
    await endWrite(cause)
    driver.feed({ kind: 'wake' })
    await clock.advance(1_000)
    expect(log).toEqual(['step wake', 'write record', 'write failed'])
    expect(failures.length).toBe(1)
    expect(failures[0]).toBeInstanceOf(WriteFailure)
    expect(failures[0]).toMatchObject({ cause })
    expect(driver.isStopped).toBe(true)
  })

  test('a broken invariant in a step: nothing that was pending is said', async () => {
    const { clock, replica, driver, log, failures } = makeWorld()
    replica.push({ send: [STABLE] })
    replica.onStep = () => {
      throw new InvariantError('a rule')
    }
    driver.feedAll([{ kind: 'wake' }, { kind: 'wake' }])
    await clock.settle()
    expect(log).toEqual(['step wake'])
    expect(failures).toEqual([new InvariantError('a rule')])
  })

  test('a fatal notice: nothing of its Ready is done', async () => {
    const { clock, replica, driver, log } = makeWorld()
    replica.push({
      ...{ send: [STABLE], writes: [RECORD], execute: [execution(0)], answers: [SETTLED] },
      notices: [{ kind: 'fatal', code: 'AMNESIA', why: 'forgot' }],
    })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(log).toEqual(['step wake', 'notice fatal'])
  })

  test('an execution that rejects stops the node', async () => {
    const world = makeWorld()
    const { clock, replica, driver, log, failures } = world
    const error = new Error('the lane broke')
    world.run = () => Promise.reject(error)
    replica.push({ execute: [execution(0), execution(1)] })
    driver.feed({ kind: 'wake' })
    await clock.settle()
    expect(failures).toEqual([error])
    expect(log).toEqual(['step wake', 'step stored 0', 'run 0'])
  })

  test('close waits for the write under way and says nothing of it', async () => {
    const { clock, replica, driver, log, endWrite } = makeWorld()
    replica.push({ writes: [RECORD], sendAfterStore: [STABLE] })
    driver.feed({ kind: 'wake' })
    let isClosed = false
    const closing = driver.close().then(() => (isClosed = true))
    await clock.advance(1_000)
    expect(isClosed).toBe(false)
    await endWrite()
    await closing
    expect(log).toEqual(['step wake', 'write record', 'durable'])
  })
})
